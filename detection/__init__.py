"""Boxes of people and embeddings of frames, computed from the videos of a prepared folder."""

import os

# ONNX Runtime reads this when it is imported; otherwise it sends usage data and keeps a store in the user's cache.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
