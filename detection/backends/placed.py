"""Detection of people in a perspective picture by a detector that knows panoramas.

A picture of 100 degrees shows people nearly three times as large as a panorama of its width; a detector whose training
pictures were panoramas sees a head and two arms there. Put into the middle of a frame like those, it shows people as
large as they are known: a panorama of W columns has W / (2 pi) of them a radian, a perspective picture
W' / (2 tan(field / 2)) in its middle.
"""

import math

import numpy as np

from avseld.base.errors import BadInput
from detection.detector import Detections, Detector

FIELDS_DEG = (10.0, 160.0)
"""horizontal fields of view that are taken"""
AROUND_GREY = 114
"""value outside the picture, that of YOLOX"""


class PlacedDetector:
    """Detector of perspective pictures made of one of panoramas.

    Args:
        detector: of panoramas, twice as wide as high.
        field_deg: horizontal field of view of the pictures, degrees.

    Raises:
        BadInput: a field of view below 10 or above 160 degrees.
    """

    def __init__(self, detector: Detector, field_deg: float) -> None:
        if not FIELDS_DEG[0] <= field_deg <= FIELDS_DEG[1]:
            raise BadInput(
                f"field_deg {field_deg:g}: give {FIELDS_DEG[0]:g} to {FIELDS_DEG[1]:g} degrees, or 0 for a panorama"
            )
        self.detector, self.field_deg = detector, field_deg
        self.name, self.weights = detector.name, detector.weights
        self.share = math.tan(math.radians(field_deg) / 2) / math.pi
        """width of the picture as a share of that of a panorama"""
        self.size = max(round(detector.size * self.share), 1)

    def __call__(self, frames: np.ndarray) -> list[Detections]:
        """Detect boxes.

        Args:
            frames: (n, height, width, 3) RGB, uint8, of a pinhole camera.
        """
        if not len(frames):
            return []
        count, rows, columns = frames.shape[:3]
        wide = max(round(columns / self.share), columns)
        high = max(round(wide / 2), rows)
        left, top = (wide - columns) // 2, (high - rows) // 2
        around = np.full((count, high, wide, 3), AROUND_GREY, np.uint8)
        around[:, top : top + rows, left : left + columns] = frames
        scale = np.array([wide / columns, high / rows] * 2)
        shift = np.array([left / columns, top / rows] * 2)
        found = self.detector(around)
        return [Detections(box * scale - shift, score, label) for box, score, label in found]
