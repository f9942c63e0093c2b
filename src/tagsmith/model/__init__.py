"""What training writes and tagging reads: architecture, vocabulary, vectors, the model folder."""
