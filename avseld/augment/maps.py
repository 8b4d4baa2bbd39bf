"""Rotation of the maps that an image network makes of whole panoramas.

A map has a value for each place of the picture, so it rotates by moving columns, and is mirrored by reversing columns
or rows. That is an approximation: shown the rotated picture, the image network gives a slightly different map, because
its convolutions see the edge of the picture, and mirrored shapes, otherwise.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

MAP_ROWS, MAP_COLUMNS = 6, 12
"""places of the last map of ResNet-50 for a panorama of 180 x 360 pixels; a column is 30 degrees of azimuth"""
N_MAP_VALUES = MAP_ROWS * MAP_COLUMNS


class HasTurns(Protocol):
    """A rotation by quarters, with reflections, as `avseld.augment.scenes.Rotation`."""

    @property
    def quarter(self) -> int:
        """Quarter turns to the left."""

    @property
    def sign(self) -> int:
        """-1 reflects left and right."""

    @property
    def up(self) -> int:
        """-1 reflects up and down."""


def map_places(
    rotations: Sequence[HasTurns], n_rows: int = MAP_ROWS, n_columns: int = MAP_COLUMNS
) -> np.ndarray:
    """Find where each value of a rotated map comes from.

    Args:
        rotations: any number.
        n_rows: of the map.
        n_columns: of the map, a multiple of 4.

    Returns:
        (rotation, value) place in the map before, rows from the top, columns from azimuth 180 to -180 degrees.
    """
    places = []
    for rotation in rotations:
        rows = np.arange(n_rows)[:: rotation.up]
        # The picture's left edge is azimuth 180: to the left is towards lower columns.
        columns = np.roll(np.arange(n_columns)[:: rotation.sign], -rotation.quarter * n_columns // 4)
        places.append((rows[:, None] * n_columns + columns).ravel())
    return np.stack(places)
