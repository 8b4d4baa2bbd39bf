"""Detection in overlapping tiles of a panorama, which finds smaller people.

A 360 x 180 degree frame leaves half of the input of a square network empty, and 360 degrees share its 416 pixels. Cut
into square tiles side by side around the horizon, the frame is enlarged nearly by the number of tiles, and people at
the seam of the frame are whole.
"""

import numpy as np

from detection.backends.onnx import suppress
from detection.detector import Detections, Detector

OVERLAP_DEG = 20.0
"""how far a tile reaches into its neighbours, so that a person at its edge is whole"""
MERGE_IOU = 0.45
"""intersection over union above which the weaker of two boxes, from whichever tiles, is suppressed"""


class TiledDetector:
    """Detector of panoramas made of a detector of tiles.

    Args:
        detector: processes one tile.
        n_tiles: number of tiles around the circle, 2 or more.
    """

    def __init__(self, detector: Detector, n_tiles: int) -> None:
        self.detector, self.n_tiles = detector, n_tiles
        self.name, self.weights = detector.name, detector.weights
        self.tile_width = min(1 / n_tiles + 2 * OVERLAP_DEG / 360, 1.0)
        """share of the panorama's width"""
        self.size = round(detector.size / self.tile_width)

    def __call__(self, frames: np.ndarray) -> list[Detections]:
        """Detect boxes.

        Args:
            frames: (n, height, width, 3) RGB, uint8, equirectangular.
        """
        if not len(frames):
            return []
        rows, columns = frames.shape[1:3]
        width = max(round(self.tile_width * columns), 1)
        height = min(width, rows)
        top = (rows - height) // 2
        lefts = [round((tile + 0.5) / self.n_tiles * columns - width / 2) for tile in range(self.n_tiles)]
        cut = [frames[:, top : top + height, (left + np.arange(width)) % columns] for left in lefts]
        in_tiles = self.detector(np.concatenate(cut))
        scale = np.array([width / columns, height / rows] * 2)
        merged = []
        for number in range(len(frames)):
            parts = []
            for tile, left in enumerate(lefts):
                box, score, label = in_tiles[tile * len(frames) + number]
                box = box * scale + np.array([left / columns, top / rows] * 2)
                parts.append(self._central(tile, Detections(box, score, label)))
            merged.append(merge(parts))
        return merged

    def _central(self, tile: int, detections: Detections) -> Detections:
        """Keep boxes whose centre is in a tile's own sector, or nearly; neighbouring tiles show the others better."""
        centre = (detections.box[:, 0] + detections.box[:, 2]) / 2
        distance = np.abs((centre - (tile + 0.5) / self.n_tiles + 0.5) % 1.0 - 0.5)
        kept = distance <= 0.5 / self.n_tiles + 0.25 * OVERLAP_DEG / 360
        return Detections(detections.box[kept], detections.score[kept], detections.label[kept])


def merge(parts: list[Detections]) -> Detections:
    """Merge the boxes of all tiles of one frame: centres within the frame, duplicates suppressed across its seam."""
    box, score, label = (np.concatenate(values) for values in zip(*parts, strict=True))
    turns = np.floor((box[:, 0] + box[:, 2]) / 2)
    box = box - np.stack([turns, np.zeros_like(turns)] * 2, axis=1)
    # Copies on the other side of the seam, so that duplicates across it overlap.
    n = len(box)
    copies = [box + np.array([shift, 0, shift, 0]) for shift in (0.0, 1.0, -1.0)]
    kept = suppress(np.concatenate(copies), np.tile(score, 3), np.tile(label, 3), MERGE_IOU)
    chosen = np.array([index for index in kept if index < n], np.intp)
    return Detections(box[chosen], score[chosen], label[chosen])
