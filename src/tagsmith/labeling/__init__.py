"""The annotation desk: people correct sentences, the model learns from them. Uses only tagsmith's public API."""
