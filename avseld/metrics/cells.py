"""Event rows of many recordings by cell (recording, frame, class), and the matching within cells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import frames_of
from avseld.io.events import Events, concatenate
from avseld.metrics.assignment import ANGLES, assign


@dataclass(frozen=True)
class FrameRows:
    """One row per event and frame, sorted by recording, frame and class; rows of a cell in file order."""

    events: Events
    recording: np.ndarray
    frame: np.ndarray
    key: np.ndarray
    """cell number, (row,): recording, frame and class in one integer"""
    start: np.ndarray
    """first row of each occupied cell, (cell,)"""
    size: np.ndarray
    """rows in each occupied cell, (cell,)"""

    @property
    def cell(self) -> np.ndarray:
        """Cell number of each occupied cell, ascending."""
        return self.key[self.start]

    @property
    def position(self) -> np.ndarray:
        """Position of each row in its cell, (row,)."""
        return np.arange(len(self.key)) - np.repeat(self.start, self.size)


@dataclass(frozen=True)
class CellGrid:
    """Numbering of the cells (recording, frame, class)."""

    n_frames: int
    n_classes: int

    def key(self, recording: np.ndarray, frame: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Return cell numbers, sorted by recording, frame, class."""
        return (recording * self.n_frames + frame) * self.n_classes + label

    def coarse(self, key: np.ndarray, frames_per_block: int) -> np.ndarray:
        """Return cell numbers with each frame replaced by the first frame of its block."""
        if frames_per_block == 1:
            return key
        moment, label = np.divmod(key, self.n_classes)
        return (moment - moment % self.n_frames % frames_per_block) * self.n_classes + label


def frame_rows(recordings: Sequence[Events], hop: float) -> tuple[Events, np.ndarray, np.ndarray]:
    """Cut the events of many recordings into frames.

    Args:
        recordings: events with times and directions, one table per recording.
        hop: seconds between frames.

    Returns:
        Events with one row per event and frame, and the recording and frame index of each row.

    Raises:
        BadInput: an event has no time or no direction.
    """
    table = concatenate(recordings)
    recording = np.repeat(np.arange(len(recordings)), [len(events) for events in recordings])
    if np.isnan([table.onset, table.offset, table.azimuth, table.elevation]).any():
        raise BadInput(
            "an event without time or direction cannot be localized; score it as sound event detection"
        )
    rows, frame = frames_of(table.onset, table.offset, hop)
    if len(rows) == len(table):
        return table, recording, frame
    return table.select(rows), recording[rows], frame


def sort_into_cells(events: Events, recording: np.ndarray, frame: np.ndarray, grid: CellGrid) -> FrameRows:
    """Sort frame rows by cell.

    Args:
        events: one row per event and frame.
        recording: (row,) index.
        frame: (row,) index.
        grid: numbering of the cells.

    Raises:
        BadInput: a class index at or beyond the number of classes.
    """
    if len(events) and not 0 <= events.label.min() <= events.label.max() < grid.n_classes:
        wrong = events.label.min() if events.label.min() < 0 else events.label.max()
        raise BadInput(f"class {wrong} is not an index below {grid.n_classes}; check the class list")
    key = grid.key(recording, frame, events.label)
    if (key[1:] < key[:-1]).any():
        order = np.argsort(key, kind="stable")
        events, recording, frame, key = events.select(order), recording[order], frame[order], key[order]
    start = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.zeros(0, int)
    return FrameRows(events, recording, frame, key, start, np.diff(np.r_[start, len(key)]))


@dataclass(frozen=True)
class Pairs:
    """Matched rows, sorted by cell."""

    reference: np.ndarray
    """(pair,) row index into the reference"""
    prediction: np.ndarray
    """(pair,) row index into the prediction"""
    angle: np.ndarray
    """(pair,) degrees"""


def match_cells(reference: FrameRows, prediction: FrameRows, angle: str) -> Pairs:
    """Assign predictions to references in every cell with both, minimizing the total angle.

    Args:
        reference: sorted rows.
        prediction: sorted rows, cells numbered alike.
        angle: a key of `avseld.metrics.assignment.ANGLES`.
    """
    _, in_reference, in_prediction = np.intersect1d(
        reference.cell, prediction.cell, assume_unique=True, return_indices=True
    )
    n, m = reference.size[in_reference], prediction.size[in_prediction]
    parts = []
    for shape in np.unique(np.stack([n, m], axis=1), axis=0):
        cells = np.flatnonzero((n == shape[0]) & (m == shape[1]))
        rows = reference.start[in_reference[cells]][:, None] + np.arange(shape[0])
        columns = prediction.start[in_prediction[cells]][:, None] + np.arange(shape[1])
        cost = _cost(reference.events, prediction.events, rows, columns, angle)
        first, second = assign(cost)
        index = np.arange(len(cells))[:, None]
        parts.append((rows[index, first], columns[index, second], cost[index, first, second]))
    flat = [np.concatenate([part[i].ravel() for part in parts] or [np.zeros(0)]) for i in range(3)]
    order = np.argsort(flat[0], kind="stable")
    return Pairs(flat[0][order].astype(int), flat[1][order].astype(int), flat[2][order])


def _cost(
    reference: Events, prediction: Events, rows: np.ndarray, columns: np.ndarray, angle: str
) -> np.ndarray:
    return ANGLES[angle](
        reference.azimuth[rows][:, :, None],
        reference.elevation[rows][:, :, None],
        prediction.azimuth[columns][:, None, :],
        prediction.elevation[columns][:, None, :],
    )
