"""Search over recipes (needs the ``tune`` extra)."""
