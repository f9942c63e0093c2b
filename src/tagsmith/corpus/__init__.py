"""Corpora in memory: any labeled data in, sentences as arrays out; checks, conversion, statistics."""
