"""The part of a picture that belongs to a sound, and the pixels inside of its outlines (docs/sources.md, DCASE2026)."""

import numpy as np
from scipy import ndimage
from scipy.special import expit

from avseld.io.energy_maps import HEIGHT, SIGMA_DEG, WIDTH

SMALLEST = 4e-5
"""smaller values of the picture times the Gaussian become 0"""
MEAN, DEVIATION = 0.0006132456403200415, 0.0004943698488906652
"""of the values of the real labels, by which all values are standardised"""
ALL_AROUND = np.ones((3, 3), int)


def around_sound(picture: np.ndarray, azimuth: float, elevation: float) -> np.ndarray:
    """Multiply a picture by a Gaussian around a sound, and set what is small to 0.

    Args:
        picture: (180, 360).
        azimuth: degrees, positive to the left.
        elevation: degrees.

    Returns:
        (180, 360).
    """
    x, y = int((180.0 - azimuth) % 360), int(90.0 - elevation)
    across = (np.arange(WIDTH) - x + WIDTH / 2) % WIDTH - WIDTH / 2
    across *= np.cos(np.radians(90.0 - y))
    down = np.arange(HEIGHT) - y
    near = picture * np.outer(_bell(down), _bell(across))
    return np.where(near < SMALLEST, 0.0, near)


def _bell(distance: np.ndarray) -> np.ndarray:
    return np.exp(-np.square(distance) / (2 * SIGMA_DEG**2))


def filled_outlines(picture: np.ndarray) -> list[np.ndarray]:
    """Return the pixels inside of each outer outline of the pixels above 0, holes included.

    Pixels belong together if they touch at a side or a corner. A single pixel has no outline. The order is that of
    OpenCV's findContours: the area whose first pixel comes last is the first.

    Args:
        picture: (180, 360).

    Returns:
        Of each area, (pixel, 3): x, y and value, row by row.
    """
    mask = picture > 0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    background, _ = ndimage.label(np.pad(~mask[part], 1, constant_values=True))
    filled = (background != background[0, 0])[1:-1, 1:-1]
    areas, count = ndimage.label(filled, ALL_AROUND)
    outlines = []
    for number in range(count, 0, -1):
        y, x = np.nonzero(areas == number)
        if len(x) > 1:
            y, x = y + rows[0], x + columns[0]
            outlines.append(np.column_stack([x, y, picture[y, x]]))
    return outlines


def standardised(points: np.ndarray) -> np.ndarray:
    """Return points (point, 3) with their values between 0 and 1, by the mean and deviation of the real labels."""
    return np.column_stack([points[:, :2], expit((points[:, 2] - MEAN) / DEVIATION)])
