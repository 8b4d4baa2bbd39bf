"""Trained networks as ONNX: recorded, compared with the original, made smaller."""
