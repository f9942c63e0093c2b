"""Tagging more text than one process should: the worker that every engine runs, and the engines."""
