"""Scores of predicted tags against gold tags."""
