"""Drawing of energy maps on a small picture, as the official evaluator of DCASE2026 draws them.

Number types are those of the evaluator: the pixels of a map lie on a grid, whose squares have two triangulations each,
and rounding alone chooses between them (docs/sources.md, DCASE2026).
"""

from collections.abc import Sequence

import numpy as np
from scipy.spatial import Delaunay, QhullError

from avseld.io.energy_maps import HEIGHT, WIDTH
from avseld.metrics.imaging.triangles import values_at

ROWS, COLUMNS = 50, 100
"""of the picture, of which a pixel has 3.6 degrees"""
X_SCALE, Y_SCALE = np.float32(COLUMNS / WIDTH), np.float32(ROWS / HEIGHT)
SEAM_GAP = 50
"""columns without a point from which on a polygon goes over the seam"""
TINY = 1e-8
"""largest value of a picture, or sum, that counts as nothing"""


def draw(polygons: Sequence[np.ndarray], relative: bool = True) -> np.ndarray:
    """Draw one sound: the largest value of its polygons in each pixel, over its own maximum.

    Args:
        polygons: (point, 3) each: x, y in degrees, energy.
        relative: divide by the maximum, since the energy itself is not scored.

    Returns:
        (50, 100) float64, 0 to 1 if relative.
    """
    picture = np.zeros((ROWS, COLUMNS))
    for points in polygons:
        _draw_polygon(points, picture)
    top = picture.max()
    return picture / top if relative and top > TINY else picture


def _draw_polygon(points: np.ndarray, picture: np.ndarray) -> None:
    """Draw a polygon where its values are larger than those that are there."""
    x, y, energy = on_picture(points)
    drawn = interpolated(x, y, energy)
    if drawn is None:
        _dots(x, y, energy, picture)
        return
    rows, columns, values = drawn
    # Twice as wide, since a polygon may go over the seam; both halves are one.
    np.maximum.at(picture, (rows[:, None], columns[None] % COLUMNS), np.nan_to_num(values))


def on_picture(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return columns (of 200, continued over the seam), rows and energies of points, in single precision."""
    x, y = points[:, 0].astype(np.float32) * X_SCALE, points[:, 1].astype(np.float32) * Y_SCALE
    return _over_the_seam(x), y, points[:, 2].astype(np.float32)


def _over_the_seam(x: np.ndarray) -> np.ndarray:
    """Move the points left of the largest gap, if it is wide, by a whole turn."""
    ordered = np.sort(x)
    gaps = np.diff(ordered)
    if not len(gaps) or gaps.max() <= SEAM_GAP:
        return x
    return np.where(x <= ordered[np.argmax(gaps)], x + np.float32(COLUMNS), x)


def interpolated(
    x: np.ndarray, y: np.ndarray, energy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Interpolate linearly over the Delaunay triangulation; None where there is none.

    Returns:
        Rows and columns (of 50 and 200), and the values (row, column) there, at least 0; NaN outside of the convex
        hull.
    """
    if len(x) < 3:
        return None
    try:
        triangles = Delaunay(np.stack([x, y], axis=1).astype(np.float64))
    except QhullError:  # on one line
        return None
    # Only within the box around the points, outside of which everything is 0.
    columns = np.arange(max(int(np.ceil(x.min())), 0), min(int(np.floor(x.max())), 2 * COLUMNS - 1) + 1)
    rows = np.arange(max(int(np.ceil(y.min())), 0), min(int(np.floor(y.max())), ROWS - 1) + 1)
    if not len(columns) or not len(rows):
        return rows, columns, np.full((len(rows), len(columns)), np.nan)
    return rows, columns, np.maximum(values_at(triangles, energy, rows, columns), 0)


def _dots(x: np.ndarray, y: np.ndarray, energy: np.ndarray, picture: np.ndarray) -> None:
    """Draw each point at the nearest pixel; halves go to the even one."""
    columns, rows = np.rint(x).astype(int), np.rint(y).astype(int)
    inside = (columns >= 0) & (columns < 2 * COLUMNS) & (rows >= 0) & (rows < ROWS)
    np.maximum.at(picture, (rows[inside], columns[inside] % COLUMNS), energy[inside].astype(np.float64))
