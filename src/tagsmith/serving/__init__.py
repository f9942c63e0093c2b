"""The HTTP server: tag over the network, correct, retrain. Needs the ``serve`` extra."""
