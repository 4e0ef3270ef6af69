"""Turns a registered ONNX model into predictions."""
