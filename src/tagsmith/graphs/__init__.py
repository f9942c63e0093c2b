"""ONNX graphs, built in memory from named weights, and opened by ONNX Runtime."""
