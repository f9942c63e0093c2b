"""The HTTP server that tags (needs the ``serve`` extra)."""
