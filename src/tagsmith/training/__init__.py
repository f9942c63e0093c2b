"""Training: recipes, the loop, fine-tuning, checkpoints (needs a training extra)."""
