"""The HTTP server, which tags. Needs the ``serve`` extra."""
