"""Events to label frames: which source fills which frame, by the rounding rule of each system."""

import math

import numpy as np

from avseld.base.rates import LABEL_HOP, frames_within
from avseld.io.events import Events
from avseld.io.geometry import unit_vector


def ticks(time: np.ndarray, hop: float) -> np.ndarray:
    """Nearest label frame of a time: whole numbers, so that 0.3 / 0.1 is 3 and not 2."""
    return np.round(time / hop).astype(int)


def first_tick(start: float, hop: float, legacy: bool = False) -> int:
    """Label frame in which a window starts.

    The published code cuts the fraction of a 100 ms frame with floating-point truncation, which is one frame of
    10 ms too small in about 0.1 % of starts (`Sony audio-visual SELD` spec, section 6).

    Args:
        start: seconds.
        hop: seconds between label frames.
        legacy: truncate as published (10 ms frames on a grid of 100 ms).
    """
    if not legacy:
        return math.floor(start / hop + 1e-6)
    frame = int(np.floor(start * 10))
    return frame * round(LABEL_HOP / hop) + int(np.trunc((start * 10 - frame) * 10))


def slots(
    events: Events,
    start: float,
    n_frames: int,
    hop: float,
    n_classes: int,
    legacy: bool = False,
    values: np.ndarray | None = None,
) -> np.ndarray:
    """Unit vectors, or other values, in the six dummy tracks of ADPIT.

    A class heard once in a frame fills slot A0; twice, B0 and B1; three times or more, C0, C1 and C2 (the fourth
    is dropped). Same-class sources keep their order in the table.

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
    """
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
