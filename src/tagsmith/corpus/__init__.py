"""Corpora in memory: reading, checks, statistics."""
