"""The Keras networks: the tutorial's model and the tagger (needs a training extra)."""
