"""The interface of a person detector, and the table of backends."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np

from avseld.base.errors import BadInput

Backend = Literal["onnx", "mmdet"]

SCORE_THRESHOLD = 0.01
"""detectors report boxes from this score on (test settings of YOLOX-tiny in MMDetection 2.28)"""

NMS_IOU = 0.65
"""intersection over union above which the weaker of two boxes of one class is suppressed (same settings)"""

FAR_OUTSIDE = 1.0
"""how far beyond 0..1 of width and height corners of a box may lie: people at the edge are cut, not a picture away"""

LOADERS = {"onnx": ("detection.backends.onnx", "load"), "mmdet": ("detection.backends.mmdet", "load")}
"""backend -> module and function; a module is imported when it is asked for, because mmdet is an extra"""


class Detections(NamedTuple):
    """Boxes in one frame, in falling order of score."""

    box: np.ndarray
    """(m, 4) x0 y0 x1 y1 in 0..1 of width and height; may leave 0..1 where a box leaves the frame"""
    score: np.ndarray
    """(m,) in 0..1"""
    label: np.ndarray
    """(m,) class ids (COCO: 0 is a person)"""


def near_picture(box: np.ndarray) -> np.ndarray:
    """Return which boxes (m, 4) are finite, not empty and not far outside the picture: (m,) bool."""
    with np.errstate(invalid="ignore"):
        inside = (box >= -FAR_OUTSIDE).all(axis=1) & (box <= 1 + FAR_OUTSIDE).all(axis=1)
        return np.asarray(inside & (box[:, 2:] > box[:, :2]).all(axis=1))


class Detector(Protocol):
    """Anything that finds boxes in a batch of frames."""

    name: str
    """the backend"""
    weights: str
    """SHA-256 of the weights file"""
    size: int
    """longest side of the network's input, pixels; larger frames are scaled down to it"""

    def __call__(self, frames: np.ndarray) -> list[Detections]:
        """Detect boxes.

        Args:
            frames: (n, height, width, 3) RGB, uint8.
        """
        ...


def load(
    backend: Backend = "onnx",
    weights: Path | None = None,
    threads: int = 0,
    mmdet_config: Path | None = None,
) -> Detector:
    """Load a detector.

    Args:
        backend: `onnx` (ONNX Runtime) or `mmdet` (MMDetection).
        weights: weights file, the name of a detector that comes with the package, or the bare name of a release; None
            takes YOLOX-tiny's release.
        threads: processor threads; 0 leaves the choice to the backend.
        mmdet_config: configuration of an mmdet YOLOX model, a Python file that mmengine executes; None takes
            YOLOX-tiny's own.

    Raises:
        BadInput: no such backend, weights that are missing or unreadable, or mmdet not installed.
    """
    if backend not in LOADERS:
        raise BadInput(f"backend '{backend}' is none of {', '.join(LOADERS)}; choose one of them")
    if mmdet_config is not None and backend != "mmdet":
        raise BadInput(
            f"{mmdet_config}: a configuration of mmdet, of no use to the backend '{backend}'; leave it out"
        )
    module, function = LOADERS[backend]
    maker: Callable[..., Detector] = getattr(import_module(module), function)
    options = {} if mmdet_config is None else {"config": mmdet_config}
    return maker(weights, threads=threads, **options)
