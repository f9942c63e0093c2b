"""Export of trained weights to ONNX graphs (needs the ``onnx`` package)."""
