"""Turns a registered ONNX model into predictions: numpy and onnxruntime, and nothing of AWS."""
