"""Run a trained tagger with NumPy and ONNX Runtime alone, and write what it needs."""
