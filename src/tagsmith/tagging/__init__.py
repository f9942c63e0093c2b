"""The tagging engine: a trained model at work, with NumPy and ONNX Runtime alone."""
