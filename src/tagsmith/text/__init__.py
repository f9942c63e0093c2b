"""Text: documents, sentences, spans, the tokenizer and tagging schemes."""
