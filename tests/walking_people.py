"""Boxes of people who stand and walk, as a detector without errors gives them."""

import numpy as np

from avseld.io.boxes import Boxes, centre_direction

N, STEP = 300, 0.1


def walk(azimuths: list[np.ndarray], tall: float = 0.3) -> Boxes:
    """Create boxes of people at azimuths (time,) in degrees, at the horizon."""
    n, k = len(azimuths[0]), len(azimuths)
    middle = (180 - np.stack(azimuths, axis=1)) / 360 % 1.0
    wide = tall / 8
    box = np.stack([middle - wide, np.full((n, k), 0.4), middle + wide, np.full((n, k), 0.4 + tall)], axis=-1)
    return Boxes(np.arange(n) * STEP, box, np.full((n, k), 0.8), np.zeros((n, k), int))


def azimuth_of(found: np.ndarray) -> np.ndarray:
    return centre_direction(found[..., :4])[0]


def standing(azimuth: float) -> np.ndarray:
    return np.full(N, azimuth)


def going(start: float, speed: float) -> np.ndarray:
    return start + speed * STEP * np.arange(N)
