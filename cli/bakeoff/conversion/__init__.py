"""Models of the usual frameworks, converted to ONNX and proved to predict the same."""
