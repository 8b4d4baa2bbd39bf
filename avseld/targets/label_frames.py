"""Events to label frames: which event fills which frame of which class, by the rounding rule of each system.

Two layouts: `slots` has three sources of one class at a time (Multi-ACCDOA), `active_event` one source a class.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP, frames_within
from avseld.io.events import Events
from avseld.io.geometry import unit_vector

TOLERANCE_FRAMES = 1e-6
"""A time this close to a whole number of frames counts as that number: in floating point 0.3 / 0.1 is below 3."""

JOINED_S = 1e-3
"""most time between the end of a row and the start of the next one of the same event"""


def ticks(time: np.ndarray, hop: float) -> np.ndarray:
    """Round times to the nearest label frame.

    Args:
        time: (row,) seconds.
        hop: seconds between label frames.

    Returns:
        (row,) int.
    """
    return np.round(time / hop).astype(int)


def first_tick(start: float, hop: float, legacy: bool = False) -> int:
    """Compute the label frame in which a window starts.

    The published code truncates the fraction of a 100 ms frame in floating point, which is one frame of 10 ms too
    early for about 0.1 % of starts (sony/audio-visual-seld-dcase2023 @ d712445, `get_label`; docs/sources.md, Sony
    audio-visual baseline).

    Args:
        start: seconds.
        hop: seconds between label frames.
        legacy: truncate as published (frames of 10 ms on a grid of 100 ms).
    """
    if not legacy:
        return math.floor(start / hop + TOLERANCE_FRAMES)
    frame = int(np.floor(start * 10))
    return frame * round(LABEL_HOP / hop) + int(np.trunc((start * 10 - frame) * 10))


def require_times(events: Events) -> None:
    """Refuse weak labels.

    Raises:
        BadInput: an event without times.
    """
    if np.isnan(events.onset).any() or np.isnan(events.offset).any():
        raise BadInput("labels without times cannot train this target; use tagging for weak labels")


def slots(
    events: Events,
    start: float,
    n_frames: int,
    hop: float,
    n_classes: int,
    legacy: bool = False,
    values: np.ndarray | None = None,
) -> np.ndarray:
    """Write unit vectors, or other values, into the six dummy tracks of ADPIT.

    A class with one source in a frame fills slot A0; with two, B0 and B1; with three or more, C0, C1 and C2 (the
    fourth and later are dropped). Sources of one class keep their order in the table.
    K. Shimada et al., Multi-ACCDOA, ICASSP 2022.

    Args:
        events: the whole recording.
        start: seconds of the window's first frame.
        n_frames: frames in the window.
        hop: seconds between frames.
        n_classes: classes.
        legacy: the published rounding of `start`.
        values: (row of the table, axis); unit vectors if None.

    Returns:
        (frame, slot = 6, axis, class) float32.

    Raises:
        BadInput: an event without times.
    """
    require_times(events)
    n_axes = 3 if values is None else values.shape[1]
    target = np.zeros((n_frames, 6, n_axes, n_classes), np.float32)
    begin = first_tick(start, hop, legacy)
    onset, offset = ticks(events.onset, hop) - begin, ticks(events.offset, hop) - begin
    inside = np.flatnonzero((offset > 0) & (onset < n_frames))
    if len(inside) == 0:
        return target
    # One row for every frame of every event, by frame, then class, then place in the table.
    event, frame = frames_within(np.maximum(onset[inside], 0), np.minimum(offset[inside], n_frames))
    group = frame * n_classes + events.label[inside][event]
    order = np.argsort(group, kind="stable")
    event, frame, group = event[order], frame[order], group[order]
    first = np.flatnonzero(np.diff(group, prepend=-1))
    count = np.diff(first, append=len(group))
    rank = np.arange(len(group)) - np.repeat(first, count)
    slot = np.array([0, 0, 1, 3])[np.minimum(np.repeat(count, count), 3)] + rank
    vector = (
        unit_vector(events.azimuth[inside], events.elevation[inside]) if values is None else values[inside]
    )
    kept = rank < 3
    event = event[kept]
    target[frame[kept], slot[kept], :, events.label[inside][event]] = vector[event]
    return target


@dataclass(frozen=True)
class Rounding:
    """Rounding of onset and offset to frames in one year of SELDnet; the offset's frame is excluded.

    The last two members are defects of the published labels.
    """

    onset: Callable[[np.ndarray], np.ndarray]
    offset: Callable[[np.ndarray], np.ndarray]
    late_activity: int = 0
    """frames by which the activity lasts too long"""
    late_direction: int = 0
    """frames by which the direction lasts too long"""


ROUNDINGS = {
    2018: Rounding(np.floor, np.ceil, late_activity=1),
    2019: Rounding(np.floor, np.ceil, late_activity=1, late_direction=1),
    2020: Rounding(np.round, np.round),
}
"""Year -> rounding, from sharathadavanne/seld-net @ 51efb7b, seld-dcase2019 @ e88c62b, seld-dcase2020 @ 384ad9b
(`cls_feature_class.py`; docs/sources.md, SELDnet). Labels of 2020 and later are frames of 100 ms, which are put on the
nearest frame."""


def rounding_of(year: int) -> Rounding:
    """Look up the rounding of a year.

    Raises:
        BadInput: no such year; lists the years.
    """
    if year not in ROUNDINGS:
        raise BadInput(f"rounding: {year} is none of {', '.join(map(str, ROUNDINGS))}")
    return ROUNDINGS[year]


def frame_spans(
    events: Events, start: float, hop: float, rounding: Rounding, legacy: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the frames of every event: the first one and the one after the last.

    Args:
        events: the whole recording.
        start: seconds of frame 0.
        hop: seconds between frames.
        rounding: see `rounding_of`.
        legacy: round plain floating-point numbers, as published, so that 0.3 s may be frame 2 of 0.1 s.

    Returns:
        onset and offset, both (row,), int; they may lie outside the window.

    Raises:
        BadInput: an event without times.
    """
    require_times(events)
    first = first_tick(start, hop)
    tolerance = 0.0 if legacy or rounding.onset is np.round else TOLERANCE_FRAMES
    rate = 1 / hop
    onset = rounding.onset(events.onset * rate + tolerance).astype(int)
    offset = rounding.offset(events.offset * rate - tolerance).astype(int)
    return onset - first, offset - first


def first_rows(onset: np.ndarray, offset: np.ndarray, label: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Join rows to events: labels with a row for every 100 ms have many rows of one event.

    Rows of one class and source, in the order of their onsets, belong together where one starts as the row before it
    ends, to a millisecond.

    Args:
        onset: (row,) seconds.
        offset: (row,) seconds.
        label: (row,) class.
        source: (row,) number.

    Returns:
        (row,) the first row in the table of each row's event.
    """
    order = np.lexsort((onset, source, label))
    same = (np.diff(label[order]) == 0) & (np.diff(source[order]) == 0)
    same &= np.abs(onset[order][1:] - offset[order][:-1]) <= JOINED_S
    event = np.empty(len(order), int)
    event[order] = np.cumsum(np.append(0, ~same)[: len(order)])
    first = np.full(len(order), len(order))
    np.minimum.at(first, event, np.arange(len(order)))
    return first[event]


def active_event(
    onset: np.ndarray, offset: np.ndarray, label: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Find the event that fills each frame of each class; of two at once, the later one in the table.

    Args:
        onset: (row,) first frame.
        offset: (row,) frame after the last one.
        label: (row,) class.
        shape: (n_frames, n_classes).

    Returns:
        (frame, class) row of the event, -1 in silence.
    """
    event = np.full(shape, -1)
    for row in np.flatnonzero((offset > 0) & (onset < shape[0])):
        event[max(onset[row], 0) : offset[row], label[row]] = row
    return event


def gather_active(values: np.ndarray, event: np.ndarray, inactive: float = 0.0) -> np.ndarray:
    """Gather the values of the active events.

    Args:
        values: (row, axis).
        event: (frame, class) from `active_event`.
        inactive: value in silence.

    Returns:
        (frame, axis, class) float32.

    Raises:
        BadInput: an active event has no such value in its annotation.
    """
    silence = np.full((1, values.shape[1]), inactive)
    chosen = np.concatenate([values, silence])[event]
    if np.isnan(chosen).any():
        raise BadInput("labels without direction or distance cannot train this target; choose another one")
    return chosen.transpose(0, 2, 1).astype(np.float32)
