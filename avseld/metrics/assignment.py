"""Angles in the arithmetic of each year's scorer, and the assignment of predictions to references.

The arithmetic is part of the definition: the last bit decides whether 20 degrees are within 20 degrees. The
assignment is the Hungarian method (H. Kuhn, 1955) with the ties of `scipy.optimize.linear_sum_assignment`,
which itself is called for larger cells only if several assignments cost the same.
"""

from collections.abc import Callable
from itertools import permutations
from math import perm

import numpy as np

from avseld.io.geometry import angle_between, fold, unit_vector

MAX_ORDERS = 120
"""assignments of a cell that are compared exhaustively: five events of one class with five"""
TIE_DEG = 1e-9
"""total costs closer than this count as equal"""


def polar(
    azimuth: np.ndarray, elevation: np.ndarray, azimuth2: np.ndarray, elevation2: np.ndarray
) -> np.ndarray:
    """Compute the great-circle angle by arccos, as the scorers of 2019 to 2023 do.

    Args:
        azimuth: degrees; all four arrays broadcast.
        elevation: degrees.
        azimuth2: degrees.
        elevation2: degrees.

    Returns:
        Degrees in [0, 180]; accurate to 1e-6 near 0.
    """
    a, e, a2, e2 = (value * np.pi / 180.0 for value in (azimuth, elevation, azimuth2, elevation2))
    cosine = np.sin(e) * np.sin(e2) + np.cos(e) * np.cos(e2) * np.cos(np.abs(a - a2))
    return np.arccos(np.clip(cosine, -1, 1)) * 180 / np.pi


def cartesian(
    azimuth: np.ndarray, elevation: np.ndarray, azimuth2: np.ndarray, elevation2: np.ndarray
) -> np.ndarray:
    """Compute the angle of unit vectors by arccos, with 1e-10 inside the root as in the 2024 scorer.

    Its angle of equal directions is 0.0008 degrees. Args and result as in `polar`.
    """

    def vector(azimuth: np.ndarray, elevation: np.ndarray) -> list[np.ndarray]:
        a, e = azimuth * np.pi / 180.0, elevation * np.pi / 180.0
        parts = [np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)]
        length = np.sqrt(parts[0] ** 2 + parts[1] ** 2 + parts[2] ** 2 + 1e-10)
        return [part / length for part in parts]

    (x, y, z), (x2, y2, z2) = vector(azimuth, elevation), vector(azimuth2, elevation2)
    return np.arccos(np.clip(x * x2 + y * y2 + z * z2, -1, 1)) * 180 / np.pi


def folded(
    azimuth: np.ndarray, elevation: np.ndarray, azimuth2: np.ndarray, elevation2: np.ndarray
) -> np.ndarray:
    """Compute the difference of azimuths mirrored from the rear to the front, for stereo (DCASE 2025).

    Args and result as in `polar`; elevations are ignored.
    """
    return np.abs(fold(azimuth) - fold(azimuth2))


def exact(
    azimuth: np.ndarray, elevation: np.ndarray, azimuth2: np.ndarray, elevation2: np.ndarray
) -> np.ndarray:
    """Compute the great-circle angle, accurate near 0 and 180 degrees too. Args and result as in `polar`."""
    return angle_between(unit_vector(azimuth, elevation), unit_vector(azimuth2, elevation2))


ANGLES: dict[str, Callable[..., np.ndarray]] = {
    "polar": polar,
    "cartesian": cartesian,
    "folded": folded,
    "exact": exact,
}


def assign(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Assign predictions to references at the lowest total cost, in many cells of one size at once.

    Args:
        cost: (cell, reference, prediction).

    Returns:
        Positions of the pairs, reference (cell, pair) ascending and prediction (cell, pair);
        min(references, predictions) pairs.
    """
    n_cells, n, m = cost.shape
    if n == 1:
        return np.zeros((n_cells, 1), int), cost[:, 0].argmin(axis=1)[:, None]
    if m == 1:
        return cost[:, :, 0].argmin(axis=1)[:, None], np.zeros((n_cells, 1), int)
    if n == m == 2:
        return _two_by_two(cost)
    if n > m:
        predictions, references = assign(cost.transpose(0, 2, 1))
        order = references.argsort(axis=1)
        return np.take_along_axis(references, order, 1), np.take_along_axis(predictions, order, 1)
    return np.tile(np.arange(n), (n_cells, 1)), _columns(cost)


def _two_by_two(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Assign two predictions to two references by scipy's shortest augmenting path, so that ties fall alike."""
    cells = np.arange(len(cost))
    nearest = cost[:, 0].argmin(axis=1)
    other = 1 - nearest
    direct = cost[cells, 1, other]
    detour = cost[cells, 1, nearest] + cost[cells, 0, other] - cost[cells, 0, nearest]
    swap = (cost[cells, 1, nearest] < direct) & (detour < direct)
    first = np.where(swap, other, nearest)
    return np.tile(np.arange(2), (len(cost), 1)), np.stack([first, 1 - first], axis=1)


def _columns(cost: np.ndarray) -> np.ndarray:
    """Return the prediction of each reference, (cell, reference), given at least as many predictions."""
    n_cells, n, m = cost.shape
    columns = np.zeros((n_cells, n), int)
    open_cells = np.arange(n_cells)
    if perm(m, n) <= MAX_ORDERS:
        orders = np.array(list(permutations(range(m), n)))
        totals = cost[:, np.arange(n), orders].sum(axis=2)
        columns = orders[totals.argmin(axis=1)]
        best, second = np.partition(totals, 1, axis=1)[:, :2].T
        open_cells = np.flatnonzero(second - best < TIE_DEG)
    if len(open_cells):
        from scipy.optimize import linear_sum_assignment

        for cell in open_cells:
            columns[cell] = linear_sum_assignment(cost[cell])[1]
    return columns
