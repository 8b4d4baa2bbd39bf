"""The grid of directions on which networks learn energy maps: 24 rows of elevation, 48 columns of azimuth.

A cell is 7.5 degrees wide, less than the 10 degrees of the Gaussians in the labels of DCASE2026, and two pixels of the
official evaluator. Four divides the columns, so that the quarter turns and reflections of augmentation move cells onto
cells; on the Fibonacci lattice of the labels they would not. Cells grow small towards the poles: `AREA` makes up for
it.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from avseld.io.energy_maps import HEIGHT, WIDTH
from avseld.io.geometry import direction, unit_vector

ROWS, COLUMNS = 24, 48
N_CELLS = ROWS * COLUMNS
CELL_DEG = 180 / ROWS
_ELEVATION = 90 - CELL_DEG * (np.arange(ROWS) + 0.5)
_AZIMUTH = 180 - CELL_DEG * (np.arange(COLUMNS) + 0.5)
DIRECTIONS = unit_vector(np.tile(_AZIMUTH, ROWS), np.repeat(_ELEVATION, COLUMNS))
"""(cell, 3) unit vectors, rows from the top, columns from azimuth 180 to -180 as in the panorama"""
AREA = np.repeat(np.cos(np.radians(_ELEVATION)), COLUMNS) / np.cos(np.radians(_ELEVATION)).mean()
"""(cell,) area on the sphere, 1 on average"""
_CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def from_points(polygons: Sequence[np.ndarray]) -> np.ndarray:
    """Read a label map, which has a value for each pixel of a degree, at the centres of the cells.

    Args:
        polygons: (point, 3) each: whole x and y of pixels, energy.

    Returns:
        (cell,) float32, the mean of the four pixels around a centre; pixels without a point have no energy.
    """
    picture = np.zeros((HEIGHT, WIDTH), np.float32)
    for points in polygons:
        x, y = points[:, 0].astype(int) % WIDTH, points[:, 1].astype(int).clip(0, HEIGHT - 1)
        np.maximum.at(picture, (y, x), points[:, 2].astype(np.float32))
    return picture.ravel()[_pixels_around()].mean(axis=1, dtype=np.float32)


@lru_cache(maxsize=1)
def _pixels_around() -> np.ndarray:
    """List the four pixels around the centre of each cell: (cell, 4) places in a picture of 180 x 360."""
    row, column = np.divmod(np.arange(N_CELLS), COLUMNS)
    corners = np.floor(CELL_DEG * (np.stack([row, column], axis=1) + 0.5) - 0.5).astype(int)
    y, x = np.moveaxis(corners[:, None] + _CORNERS, -1, 0)
    return y.clip(0, HEIGHT - 1) * WIDTH + x % WIDTH


def at_pixels(energies: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Interpolate maps between cells by cubic splines, around the seam and over the poles.

    Args:
        energies: (cell,).
        x: (point,) coordinates in a file of energy maps, degrees; x stands for the degree from x to x + 1.
        y: (point,) likewise.

    Returns:
        (point,) energies, at least 0.
    """
    from scipy.ndimage import map_coordinates  # slow to import, and needed by those alone that write maps

    picture = energies.reshape(ROWS, COLUMNS).astype(np.float64)
    # A meridian goes on beyond a pole as the opposite one.
    beyond = np.roll(picture[::-1], COLUMNS // 2, axis=1)
    wide = np.pad(np.concatenate([beyond[-6:], picture, beyond[:6]]), ((0, 0), (6, 6)), mode="wrap")
    column, row = (x + 0.5) / CELL_DEG - 0.5, (y + 0.5) / CELL_DEG - 0.5
    return np.maximum(map_coordinates(wide, [row + 6, column + 6], order=3), 0)


def rotated(energies: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turn maps by a rotation of the directions.

    Args:
        energies: (row, cell).
        matrix: (3, 3), of column vectors.

    Returns:
        (row, cell) float32, interpolated between cells; energies below a thousandth of a map's largest are left out.
    """
    azimuth, elevation = direction(DIRECTIONS @ matrix)  # where each cell was before
    x, y = WIDTH / 2 - azimuth - 0.5, HEIGHT / 2 - elevation - 0.5
    turned = np.zeros(energies.shape, np.float32)
    for place, row in enumerate(energies):
        turned[place] = at_pixels(row, x, y)
    return np.where(turned >= 1e-3 * turned.max(axis=1, keepdims=True, initial=0), turned, 0)
