"""Events to label frames with one source a class, by the rounding of each year of SELDnet."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.targets.raster import first_tick

# A time that is a whole number of frames, but for the last digits, is one.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Rounding:
    """How a year turns onset and offset into frames, offset excluded.

    The two last members are its defects: how many frames the activity and the direction last too long.
    """

    onset: Callable[[np.ndarray], np.ndarray]
    offset: Callable[[np.ndarray], np.ndarray]
    late_activity: int = 0
    late_direction: int = 0


ROUNDINGS = {
    2018: Rounding(np.floor, np.ceil, late_activity=1),
    2019: Rounding(np.floor, np.ceil, late_activity=1, late_direction=1),
    2020: Rounding(np.round, np.round),
}
"""`SELDnet` spec, section 3; labels of 2020 and later are 100 ms frames, which 2020 lays on the nearest frame."""


def rounding_of(year: int) -> Rounding:
    """Rounding of a year.

    Raises:
        BadInput: no such year; lists the years.
    """
    if year not in ROUNDINGS:
        raise BadInput(f"rounding: {year} is none of {', '.join(map(str, ROUNDINGS))}")
    return ROUNDINGS[year]


def spans(
    events: Events, start: float, hop: float, rounding: Rounding, legacy: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """First frame and frame after the last one of every event.

    Args:
        events: the whole recording.
        start: seconds of the frame called 0.
        hop: seconds between frames.
        rounding: of the year.
        legacy: bare floating-point numbers, as published, so that 0.3 s may be frame 2 of 0.1 s.

    Returns:
        onset and offset, both (row,), int.

    Raises:
        BadInput: an event without times.
    """
    if np.isnan(events.onset).any() or np.isnan(events.offset).any():
        raise BadInput("labels without times cannot train this target; use one for weak labels")
    first = first_tick(start, hop)
    slack = 0.0 if legacy or rounding.onset is np.round else TOLERANCE
    rate = 1 / hop
    onset = rounding.onset(events.onset * rate + slack).astype(int)
    offset = rounding.offset(events.offset * rate - slack).astype(int)
    return onset - first, offset - first


def sounding(onset: np.ndarray, offset: np.ndarray, label: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Which event fills which frame of which class; where two do, the one later in the table.

    Args:
        onset: (row,) first frame.
        offset: (row,) frame after the last one.
        label: (row,) class.
        shape: (n_frames, n_classes).

    Returns:
        (frame, class) row of the event, -1 in silence.
    """
    which = np.full(shape, -1)
    for row in np.flatnonzero((offset > 0) & (onset < shape[0])):
        which[max(onset[row], 0) : offset[row], label[row]] = row
    return which


def taken(values: np.ndarray, which: np.ndarray, inactive: float = 0.0) -> np.ndarray:
    """Values of the events that fill the frames.

    Args:
        values: (row, axis).
        which: (frame, class) from `sounding`.
        inactive: value in silence.

    Returns:
        (frame, axis, class) float32.

    Raises:
        BadInput: a value that is taken is not annotated.
    """
    silence = np.full((1, values.shape[1]), inactive)
    chosen = np.concatenate([values, silence])[which]
    if np.isnan(chosen).any():
        raise BadInput("labels without direction or distance cannot train this target; choose another one")
    return chosen.transpose(0, 2, 1).astype(np.float32)
