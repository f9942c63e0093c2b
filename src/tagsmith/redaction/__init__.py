"""Redaction: chosen labels replaced in a text, with a map of the offsets."""
