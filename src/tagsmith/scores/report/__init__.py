"""The evaluation report: one HTML page of scores, charts and every error in context."""
