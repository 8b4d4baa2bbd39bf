"""A panorama looked at in pieces: a detector that sees a whole 360-degree picture at once sees small people badly.

A picture of twice its height leaves half of a square network's input empty, and 360 degrees share its 416 pixels.
Cut into tiles side by side, each as high as it is wide and around the horizon, the same network sees people nearly as
many times larger as there are tiles, and people across the picture's edge whole.
"""

import numpy as np

from detection.backends.onnx import suppress
from detection.detector import Detector, Found

ASIDE_DEG = 20.0
"""degrees that a tile reaches into its neighbours, so that somebody at its edge is whole"""
TWICE = 0.45
"""overlap above which the weaker of two boxes, from whichever tiles, goes"""


class Tiles:
    """A detector of whole panoramas made of one that looks at tiles.

    Args of the constructor:
        detector: looks at one tile.
        n_tiles: around the circle, 2 or more.
    """

    def __init__(self, detector: Detector, n_tiles: int) -> None:
        self.detector, self.n_tiles = detector, n_tiles
        self.name, self.weights = detector.name, detector.weights
        self.reach = min(1 / n_tiles + 2 * ASIDE_DEG / 360, 1.0)
        """width of a tile, as a share of the panorama's"""
        self.size = round(detector.size / self.reach)

    def __call__(self, frames: np.ndarray) -> list[Found]:
        """Find boxes.

        Args:
            frames: (n, height, width, 3) RGB, uint8, equirectangular.
        """
        if not len(frames):
            return []
        rows, columns = frames.shape[1:3]
        wide = max(round(self.reach * columns), 1)
        high = min(wide, rows)
        above = (rows - high) // 2
        lefts = [round((tile + 0.5) / self.n_tiles * columns - wide / 2) for tile in range(self.n_tiles)]
        cut = [frames[:, above : above + high, (left + np.arange(wide)) % columns] for left in lefts]
        found = self.detector(np.concatenate(cut))
        scale = np.array([wide / columns, high / rows] * 2)
        together = []
        for number in range(len(frames)):
            parts = []
            for tile, left in enumerate(lefts):
                box, score, label = found[tile * len(frames) + number]
                box = box * scale + np.array([left / columns, above / rows] * 2)
                parts.append(self._own(tile, Found(box, score, label)))
            together.append(merge(parts))
        return together

    def _own(self, tile: int, found: Found) -> Found:
        """Boxes whose middle is a tile's own, or nearly; others are seen better by its neighbours."""
        middle = (found.box[:, 0] + found.box[:, 2]) / 2
        off = np.abs((middle - (tile + 0.5) / self.n_tiles + 0.5) % 1.0 - 0.5)
        kept = off <= 0.5 / self.n_tiles + 0.25 * ASIDE_DEG / 360
        return Found(found.box[kept], found.score[kept], found.label[kept])


def merge(parts: list[Found]) -> Found:
    """Boxes of several tiles as those of one picture, their middles within it, each person once."""
    box, score, label = (np.concatenate(values) for values in zip(*parts, strict=True))
    whole = np.floor((box[:, 0] + box[:, 2]) / 2)
    box = box - np.stack([whole, np.zeros_like(whole)] * 2, axis=1)
    # Boxes near the edge stand on its other side, too, so that doubles across it meet.
    n = len(box)
    wrapped = [box + np.array([shift, 0, shift, 0]) for shift in (0.0, 1.0, -1.0)]
    kept = suppress(np.concatenate(wrapped), np.tile(score, 3), np.tile(label, 3), TWICE)
    chosen = np.array([place for place in kept if place < n], np.intp)
    return Found(box[chosen], score[chosen], label[chosen])
