"""Directions, angles and positions in equirectangular frames.

x points to the front, y to the left, z up; azimuth is 0 in front and positive to the left, elevation positive up
(STARSS23, arXiv 2306.09126). Angles are in degrees.
"""

import numpy as np
from numpy.typing import ArrayLike

from avseld.base.sphere import unit_vector as unit_vector

Array = np.ndarray


def direction(vector: ArrayLike) -> tuple[Array, Array]:
    """Convert vectors of any length to degrees.

    Args:
        vector: (..., 3).

    Returns:
        azimuth (...,) in [-180, 180] and elevation (...,) in [-90, 90]; 0, 0 for the zero vector.
    """
    x, y, z = np.moveaxis(np.asarray(vector, float), -1, 0)
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def angle_between(first: ArrayLike, second: ArrayLike) -> Array:
    """Compute the great-circle angle between vectors, exact near 0 and 180 degrees where arccos loses half its digits.

    Args:
        first: (..., 3) vectors of any length.
        second: (..., 3), broadcast against `first`.

    Returns:
        (...,) degrees in [0, 180].
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.degrees(np.arctan2(sine, np.sum(first * second, axis=-1)))


def wrap(azimuth: ArrayLike) -> Array:
    """Wrap degrees into [-180, 180)."""
    return (np.asarray(azimuth, float) + 180.0) % 360.0 - 180.0


def fold(azimuth: np.ndarray) -> np.ndarray:
    """Mirror the rear half of the azimuths to the front: 100 becomes 80, -170 becomes -10."""
    wrapped = wrap(azimuth)
    behind = np.where(wrapped < 0, -180 - wrapped, 180 - wrapped)
    return np.where((wrapped < -90) | (wrapped > 90), behind, wrapped)


def to_frame(azimuth: ArrayLike, elevation: ArrayLike) -> tuple[Array, Array]:
    """Convert a direction to its position in an equirectangular frame whose centre column is azimuth 0, left positive.

    Returns:
        u (...,) from the left edge in [0, 1) and v (...,) from the upper edge in [0, 1].
    """
    return ((180.0 - np.asarray(azimuth, float)) / 360.0) % 1.0, (90.0 - np.asarray(elevation, float)) / 180.0


def from_frame(u: ArrayLike, v: ArrayLike) -> tuple[Array, Array]:
    """Convert a position in an equirectangular frame to its direction, the inverse of `to_frame`.

    Returns:
        azimuth (...,) in [-180, 180) and elevation (...,), degrees.
    """
    return wrap(180.0 - 360.0 * np.asarray(u, float)), 90.0 - 180.0 * np.asarray(v, float)
