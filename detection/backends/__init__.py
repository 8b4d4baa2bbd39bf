"""Detector backends: ONNX Runtime and MMDetection."""
