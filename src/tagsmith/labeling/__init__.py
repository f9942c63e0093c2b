"""The annotation desk: people correct sentences, the model learns from them. Uses only tagsmith's public API."""

import tagsmith.serving  # noqa: F401 - says which extra is missing, if one is
