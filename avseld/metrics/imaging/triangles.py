"""Linear interpolation over triangles at the few pixels that are looked at.

`scipy.interpolate.LinearNDInterpolator`, which the official evaluator of DCASE2026 calls, prepares every triangle; of
the two thousand of a full map two hundred hold a pixel. Values are those of SciPy: the same coordinates within the same
triangle, or, on the edge of two, within either.
"""

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

EDGE = 100 * np.finfo(np.float64).eps
"""barycentric coordinate below 0 that still is inside, as for SciPy"""
THIN, FLAT = 1e-4, 1e-9
"""twice the area of a triangle, in pixels, below which it rounds much, or has no inverse: SciPy decides there"""
DOUBTFUL = 1e-6
"""barycentric coordinate below 0 down to which SciPy decides"""
NEAR = 1e-6
"""pixels around a triangle that are looked at"""


def values_at(triangles: Delaunay, values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Interpolate at pixels.

    Args:
        triangles: of points (x, y).
        values: (point,) there.
        rows: consecutive.
        columns: consecutive.

    Returns:
        (row, column) float64; NaN outside of all triangles.
    """
    corners = triangles.points[triangles.simplices]
    which, column, row = _pixels_near(corners, rows, columns)
    origin = corners[:, 2]
    sides = np.swapaxes(corners[:, :2] - origin[:, None], 1, 2)
    area = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    weights = np.zeros((3, len(which)))  # 0 in a flat triangle: doubtful
    own = area[which] >= FLAT
    place = np.stack([column, row], axis=1) - origin[which]
    weights[:, own] = _barycentric(sides[which[own]], place[own])
    least = np.minimum(np.minimum(weights[0], weights[1]), weights[2])
    inside = (least >= -EDGE) & (area[which] >= THIN)
    vertices = values[triangles.simplices[which]].T.astype(np.float64)
    found = weights[0] * vertices[0] + weights[1] * vertices[1] + weights[2] * vertices[2]
    picture = np.full((len(rows), len(columns)), np.nan)
    picture[row[inside] - rows[0], column[inside] - columns[0]] = found[inside]
    doubtful = ~inside & (least > -DOUBTFUL)
    if np.isnan(picture[row[doubtful] - rows[0], column[doubtful] - columns[0]]).any():
        return LinearNDInterpolator(triangles, values)(*np.meshgrid(columns, rows))
    return picture


def _barycentric(sides: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return coordinates (corner, pixel) in triangles; calculated as by SciPy, so that they are rounded alike.

    Args:
        sides: (pixel, axis, side) from the last corner.
        place: (pixel, axis) from there.
    """
    inverse = np.linalg.inv(sides)
    first, second = (inverse[:, one, 0] * place[:, 0] + inverse[:, one, 1] * place[:, 1] for one in (0, 1))
    return np.stack([first, second, 1.0 - first - second])


def _pixels_near(
    corners: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List the pixels in the box around each triangle.

    Args:
        corners: (triangle, corner, axis).
        rows: consecutive.
        columns: consecutive.

    Returns:
        (pixel,) each: the triangle, column and row.
    """
    # One by one, which is ten times as fast as over an axis of three.
    one, other, third = corners.swapaxes(0, 1)
    first = np.ceil(np.minimum(np.minimum(one, other), third) - NEAR).astype(int)
    last = np.floor(np.maximum(np.maximum(one, other), third) + NEAR).astype(int)
    first = np.maximum(first, (columns[0], rows[0]))
    last = np.minimum(last, (columns[-1], rows[-1]))
    size = np.maximum(last - first + 1, 0)
    count = size[:, 0] * size[:, 1]
    which = np.repeat(np.arange(len(corners)), count)
    place = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    down, across = np.divmod(place, size[which, 0])
    return which, first[which, 0] + across, first[which, 1] + down
