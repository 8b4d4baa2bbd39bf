"""Video to boxes: decode a video once, find people in it, write the boxes files of a prepared folder."""

import os

# ONNX Runtime reads this when it is imported; otherwise it reports its use and keeps a store in the user's cache.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
