"""Detection in live pictures, one after the other."""

from pathlib import Path
from typing import Any

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.boxes import Boxes
from detection.detect import boxes_table, seen_as, view_of
from detection.detector import Detector, load
from detection.shipped import card_of


class PictureDetector:
    """Finds boxes in pictures that come one at a time, as `avseld-detect boxes` finds them in those of a video.

    Args:
        detector: finds the boxes of a batch of frames.
        fps: pictures a second, for the description of the boxes.
        width: pixels to which wider pictures are scaled; None takes the input size of the detector.
    """

    def __init__(self, detector: Detector, fps: float, width: int | None = None) -> None:
        self._detector, self.width = detector, width or detector.size
        self.about: dict[str, Any] = view_of(detector) | {
            "detector": detector.name, "weights": detector.weights, "fps": fps, "looked_at": self.width
        }  # fmt: skip

    def __call__(self, time: float, pixels: np.ndarray) -> Boxes:
        """Find the boxes in one picture: a table of one row.

        Args:
            time: of the picture, seconds.
            pixels: (height, width, 3) RGB, uint8.
        """
        return boxes_table(np.array([time]), self._detector(pixels[None]), self.about)


def picture_detector(
    weights: Path | None = None,
    fps: float = 10.0,
    width: int | None = None,
    threads: int = 1,
    tiles: int = 1,
    like: str | None = None,
    field_deg: float = 0.0,
) -> PictureDetector:
    """Load a detector of live pictures; arguments as for `detection.detect.boxes_of_video`.

    Args:
        weights: weights file, the name of a detector that comes with the package, or of a release; None takes
            YOLOX-tiny's.
        fps: pictures a second.
        width: pixels to which wider pictures are scaled first; None takes the input size of the detector.
        threads: processor threads; one leaves the others to the network of the sound.
        tiles: overlapping tiles a 360-degree picture is cut into.
        like: SHA-256 of weights; those are taken if they come with the package and `weights` is None.
        field_deg: horizontal field of view of perspective pictures, for a detector of panoramas; 0 for panoramas.

    Raises:
        BadInput: the weights cannot be used, or fewer than one picture in ten seconds.
    """
    if not fps >= 0.1:
        raise BadInput(f"--detector_fps {fps:g}: choose 0.1 pictures a second or more")
    if weights is None and like is not None and (card := card_of(like)) is not None:
        weights = card.path
    return PictureDetector(seen_as(load("onnx", weights, threads), tiles, field_deg), fps, width)
