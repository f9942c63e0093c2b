"""Labelled text: documents, schemes, tokenizer, file formats and corpora."""
