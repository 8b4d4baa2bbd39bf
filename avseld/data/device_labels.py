"""Labels of a corpus on a device: rows of label frames where windows show the recordings as they are, else events.

Rows are encoded once, and a batch gathers them with one kernel. Windows whose scenes are changed, and targets whose
labels are not by the frame, need the events near each window, from which the target encodes a batch on the device.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.base.event_batch import COLUMNS, NEVER_S, EventBatch
from avseld.base.rates import LABEL_HOP, frames_within
from avseld.data.windows import Windows
from avseld.io.events import Events
from avseld.io.sphere_grid import N_CELLS

STRETCH_S = 0.5
"""windows that start within the same stretch of this length share a list of events: shorter ones take more memory,
longer ones make the list of each window longer"""

NEAR_S = 2 * LABEL_HOP
"""events this close to a window may reach into it by rounding, or by labels that are early or late"""


LARGEST_SHARE = 0.25
"""of the bytes of the sound that rows of labels may take, where they can be encoded from events instead"""


class LabelSizeError(Exception):
    """Labels that are better encoded from events."""


def with_zero_row(values: Sequence[Tensor], device: torch.device, shape: Sequence[int] = ()) -> Tensor:
    """Join arrays (row, ...) with a row of zeros at the end, on a device.

    Args:
        values: the arrays.
        device: where.
        shape: of a row, where there are no arrays.
    """
    like = values[0] if values else torch.zeros(0, *shape)
    return torch.cat([*values, like.new_zeros(1, *like.shape[1:])]).to(device)


class LabelRows:
    """Labels of whole recordings by the label frame, or by the frame where that of a label frame differ.

    Args:
        windows: give events and target.
        device: where the rows are kept.

    Raises:
        BadInput: a target that has no value for each frame.
        LabelSizeError: labels by the frame would take much more memory than events.
    """

    def __init__(self, windows: Windows, device: torch.device) -> None:
        self.hop, self.n_frames = windows.hop, windows.n_frames
        n_frames = (windows.length / windows.rate / windows.hop).astype(np.int64) + 1
        self.group = max(round(LABEL_HOP / windows.hop), 1)
        parts = _encoded_rows(windows, n_frames, self.group)
        if parts is None:
            self.group = 1
            _check_size(windows)
            parts = _encoded_rows(windows, n_frames, 1)
        assert parts is not None
        self.n_rows = -(-n_frames // self.group)
        self.first_row = np.concatenate([[0], np.cumsum(self.n_rows)[:-1]])
        self.tables = {name: with_zero_row(values, device) for name, values in parts.items()}

    def places(self, which: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Find the rows of windows.

        Args:
            which: (window,) recordings.
            start: (window,) seconds.

        Returns:
            (window, frame) rows; the last row of a table is zero.
        """
        frame = np.floor(start / self.hop + 1e-6).astype(np.int64)[:, None]
        row = (frame + np.arange(self.n_frames)) // self.group
        return np.where(row < self.n_rows[which, None], self.first_row[which, None] + row, self.n_rows.sum())

    def gather(self, rows: Tensor) -> dict[str, Tensor]:
        """Gather the labels of rows (window, frame): arrays (window, frame, ...)."""
        return {name: table[rows] for name, table in self.tables.items()}


class LabelEvents:
    """Events of whole recordings, and lists of those that lie near a window.

    Args:
        windows: give events, and the length of a window.
        device: where they are kept.
    """

    def __init__(self, windows: Windows, device: torch.device) -> None:
        span = windows.n_frames * windows.hop
        starts = np.maximum(windows.length - windows.n_samples, 0) / windows.rate
        n_stretches = (starts / STRETCH_S).astype(np.int64) + 1
        self.first_stretch = np.concatenate([[0], np.cumsum(n_stretches)])
        table = np.concatenate(
            [np.stack([getattr(events, name) for name in COLUMNS], axis=1) for events in windows.events]
        )
        n_events = [len(events) for events in windows.events]
        n_known = np.repeat(n_stretches, n_events)
        untimed = np.isnan(table[:, :2]).any(axis=1)
        first = np.where(untimed, 0, np.floor((table[:, 0] - span - NEAR_S) / STRETCH_S))
        stop = np.where(untimed, n_known, np.ceil((table[:, 1] + NEAR_S) / STRETCH_S))
        first = np.clip(first, 0, n_known).astype(np.int64)
        stop = np.maximum(np.clip(stop, 0, n_known).astype(np.int64), first)
        row, stretch = frames_within(first, stop)
        stretch += np.repeat(self.first_stretch[:-1], n_events)[row]
        order = np.argsort(stretch, kind="stable")  # rows of a stretch keep the order of the table
        row, stretch = row[order], stretch[order]
        count = np.bincount(stretch, minlength=self.first_stretch[-1] + 1)
        near = np.full((len(count), max(int(count.max()), 1)), len(table), np.int32)
        near[stretch, np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)] = row
        silent = np.zeros((1, len(COLUMNS)))
        silent[:, :2] = NEVER_S
        self.near = torch.from_numpy(near).to(device)
        self.table = torch.from_numpy(np.concatenate([table, silent])).to(device)
        self.energies = _energies(windows.events, device) if windows.target.needs_maps else None

    def places(self, which: np.ndarray, start: np.ndarray, present: np.ndarray | None = None) -> np.ndarray:
        """Find the lists of events of windows.

        Args:
            which: (window,) recordings.
            start: (window,) seconds.
            present: (window,) whether there is such a window; the others get the empty list.

        Returns:
            (window,) lists.
        """
        place = self.first_stretch[which] + (start / STRETCH_S).astype(np.int64)
        return place if present is None else np.where(present, place, self.first_stretch[-1])

    def gather(self, places: Tensor) -> EventBatch:
        """Gather the events of lists (window,)."""
        rows = self.near[places]
        return EventBatch(self.table[rows], None if self.energies is None else self.energies[rows])


def _energies(events: Sequence[Events], device: torch.device) -> Tensor:
    """Return the energy maps of all rows, and of a silent one: (row, cell) float16."""
    maps = [
        torch.from_numpy(each.energies.dense(N_CELLS).astype(np.float16))
        for each in events
        if each.energies is not None
    ]
    return with_zero_row(maps, device, (N_CELLS,)).half()


def _check_size(windows: Windows) -> None:
    """Compare the size of labels by the frame with that of the sound.

    Raises:
        LabelSizeError: they take too much, and the target can encode them from events.
    """
    encoded = windows.target.encode(Events.empty(), 0.0, 1, windows.hop)
    labels = sum(value.nbytes for value in encoded.values()) / windows.hop
    sound = windows.rate * windows.n_channels * np.dtype(np.int16).itemsize
    if labels > LARGEST_SHARE * sound and windows.target.encode_batch is not None:
        raise LabelSizeError


def _encoded_rows(windows: Windows, n_frames: np.ndarray, group: int) -> dict[str, list[Tensor]] | None:
    """Encode the labels of whole recordings, one row for each group of frames.

    Args:
        windows: give events and target.
        n_frames: (recording,) frames of each.
        group: frames of a row.

    Returns:
        Rows (row, ...) of every recording by name of the label; None where frames of a group differ.

    Raises:
        BadInput: a target that has no value for each frame.
    """
    parts: dict[str, list[Tensor]] = {}
    for events, n in zip(windows.events, -(-n_frames // group) * group, strict=True):
        for name, value in windows.target.encode(events, 0.0, int(n), windows.hop).items():
            if len(value) != n:
                raise BadInput("data.device_cache: this target has no value for each frame; choose never")
            grouped = value.reshape(-1, group, *value.shape[1:])
            if (grouped != grouped[:, :1]).any():
                return None
            parts.setdefault(name, []).append(torch.from_numpy(grouped[:, 0].copy()))
    return parts
