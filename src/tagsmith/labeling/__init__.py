"""Sentences that people label, or correct: kept in SQLite, offered with what the model makes of them."""
