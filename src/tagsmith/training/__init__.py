"""Recipes and the training loop (needs a training extra)."""
