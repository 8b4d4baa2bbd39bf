"""Checks of numbers in tables of events: frames, sources and distances, the same in every format."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput

log = logging.getLogger(__name__)

MAX_FRAME = 10**8
"""frames of a recording lie below it: 100 days"""
MAX_SOURCE = 2**31
"""numbers of sources lie below it"""
MAX_DISTANCE_M = 1000.0
"""no array hears a source farther away"""


def are_frames(frame: np.ndarray) -> np.ndarray:
    """Return which values (row,) are indices of frames: whole, from 0 and not huge."""
    return (frame % 1 == 0) & (frame >= 0) & (frame < MAX_FRAME)


def are_sources(source: np.ndarray) -> np.ndarray:
    """Return which values (row,) number a source: whole and not huge."""
    return (source % 1 == 0) & (np.abs(source) < MAX_SOURCE)


def check_source(path: Path, line: int, source: float) -> None:
    """Refuse what numbers no source.

    Raises:
        BadInput: no whole number, or a huge one; names file and line.
    """
    if not are_sources(np.array(source)):
        raise BadInput(f"{path}:{line}: source {source:g} is no whole number; number the sources from 0")


def warn_of_odd_distances(path: Path, distance: np.ndarray, line_of: Callable[[int], int]) -> None:
    """Warn once a file of distances that are none; they are read all the same, as the official scorers do.

    Args:
        path: the file.
        distance: (row,) metres, NaN where unknown.
        line_of: line of a row.
    """
    for rows, what in (
        (distance < 0, "is negative; leave out a distance that is unknown"),
        (distance > MAX_DISTANCE_M, f"is beyond {MAX_DISTANCE_M:g} m; is the unit right?"),
    ):
        if rows.any():
            line = line_of(int(np.argmax(rows)))
            log.warning("%s:%d: the distance %s (%d rows like it)", path, line, what, rows.sum())
