"""Exported networks on machines without torch: `avseld.onnx_runtime.load(FOLDER).predict(AUDIO)`.

It needs numpy, onnxruntime, soundfile and soxr. `python -m avseld.onnx_runtime FOLDER RECORDING ...` writes csv files.
"""

from avseld.onnx_runtime.description import Description
from avseld.onnx_runtime.network import ExportedNetwork, load

__all__ = ["Description", "ExportedNetwork", "load"]
