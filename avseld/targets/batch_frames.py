"""Events of a batch of windows to label frames, on their device: what `label_frames` does for one window on the host.

Every function gives the frames of its counterpart there exactly, and asks nothing of the host. Whole numbers of frames
are kept as float64. The first event of a window is number 1, so that 0 is silence.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.event_batch import EventBatch, wrap
from avseld.base.rates import LABEL_HOP
from avseld.targets.label_frames import JOINED_S, TOLERANCE_FRAMES, Rounding

ROUND = {np.floor: torch.floor, np.ceil: torch.ceil, np.round: torch.round}


def divide(values: Tensor, by: float) -> Tensor:
    """Divide (...,) by a number as the host does, to the last digit, so that halves are rounded alike.

    By a number, a GPU multiplies with its inverse.
    """
    return values / values.new_full((), by)


def first_frames(start: Tensor, hop: float, legacy: bool = False) -> Tensor:
    """Compute the label frame in which each window starts, see `first_tick`.

    Args:
        start: (window,) seconds, float64.
        hop: seconds between label frames.
        legacy: truncate as published.

    Returns:
        (window, 1) frame.
    """
    if not legacy:
        return (divide(start, hop) + TOLERANCE_FRAMES).floor()[:, None]
    frame = (start * 10).floor()
    return (frame * round(LABEL_HOP / hop) + ((start * 10 - frame) * 10).trunc())[:, None]


def batch_spans(
    events: EventBatch, start: Tensor, hop: float, rounding: Rounding, legacy: bool = False
) -> tuple[Tensor, Tensor]:
    """Compute the first frame of every event and the one after its last, see `frame_spans`.

    Args:
        events: of the windows.
        start: (window,) seconds of frame 0.
        hop: seconds between frames.
        rounding: see `rounding_of`.
        legacy: round plain floating-point numbers, as published.

    Returns:
        onset and offset, both (window, row).
    """
    first = first_frames(start, hop)
    tolerance = 0.0 if legacy or rounding.onset is np.round else TOLERANCE_FRAMES
    rate = 1 / hop
    onset = ROUND[rounding.onset](events.onset * rate + tolerance)  # type: ignore[index]
    offset = ROUND[rounding.offset](events.offset * rate - tolerance)  # type: ignore[index]
    return onset - first, offset - first


def first_batch_rows(events: EventBatch, inside: Tensor) -> Tensor:
    """Join rows to events, see `first_rows`.

    Args:
        events: of the windows.
        inside: (window, row) bool; other rows are events of their own.

    Returns:
        (window, row) the first row of each row's event, int64.
    """
    onset, offset = events.onset, events.offset
    label = torch.where(inside, events.label, -1)
    order = onset.argsort(dim=1, stable=True)
    for key in (events.source, label):
        order = order.gather(1, key.gather(1, order).argsort(dim=1, stable=True))
    onset, offset, source, label = (x.gather(1, order) for x in (onset, offset, events.source, label))
    same = (label.diff(dim=1) == 0) & (source.diff(dim=1) == 0) & (label[:, 1:] >= 0)
    same &= (onset[:, 1:] - offset[:, :-1]).abs() <= JOINED_S
    number = functional.pad((~same).long(), (1, 0)).cumsum(dim=1)
    event = torch.empty_like(number).scatter(1, order, number)
    row = torch.arange(event.shape[1], device=event.device).expand(event.shape)
    return row.scatter_reduce(1, event, row, "amin", include_self=False).gather(1, event)


def active_rows(onset: Tensor, offset: Tensor, n_frames: int) -> Tensor:
    """Find the events of every frame.

    Args:
        onset: (window, row) first frame.
        offset: (window, row) frame after the last one.
        n_frames: frames of a window.

    Returns:
        (window, frame, row) bool.
    """
    frame = torch.arange(n_frames, device=onset.device)[:, None]
    return (frame >= onset[:, None]) & (frame < offset[:, None])


def last_active(active: Tensor, label: Tensor, n_classes: int) -> Tensor:
    """Find the event that fills each frame of each class; of several at once, the last of the table.

    Args:
        active: (window, frame, row) bool.
        label: (window, row) class.
        n_classes: classes.

    Returns:
        (window, frame, class) number of the event, int64, 0 in silence.
    """
    n_windows, n_frames, n_rows = active.shape
    number = torch.arange(1, n_rows + 1, device=active.device) * active
    last = number.new_zeros(n_windows, n_frames, n_classes)
    return last.scatter_reduce(2, label[:, None].expand(active.shape), number, "amax")


def gather_events(values: Tensor, number: Tensor, inactive: float = 0.0) -> Tensor:
    """Gather the values of numbered events.

    Args:
        values: (window, row, axis).
        number: (window, frame, ..., class) of events, 0 for none.
        inactive: value where there is none.

    Returns:
        (window, frame, ..., axis, class) float32.
    """
    n_windows, n_axes = values.shape[0], values.shape[2]
    none = values.new_full((n_windows, 1, n_axes), inactive)
    numbered = torch.cat([none, values], dim=1).float().transpose(1, 2)  # (window, axis, number)
    place = number.flatten(1, -2)  # (window, frames, class)
    n_frames = place.shape[1]
    found = (
        numbered[:, None].expand(-1, n_frames, -1, -1).gather(3, place[:, :, None].expand(-1, -1, n_axes, -1))
    )
    return found.unflatten(1, number.shape[1:-1])


def batch_slots(
    events: EventBatch,
    start: Tensor,
    n_frames: int,
    hop: float,
    n_classes: int,
    legacy: bool = False,
    values: Tensor | None = None,
) -> Tensor:
    """Write unit vectors, or other values, into the six dummy tracks of ADPIT, see `slots`.

    Args:
        events: of the windows.
        start: (window,) seconds of the first frame.
        n_frames: frames of a window.
        hop: seconds between frames.
        n_classes: classes.
        legacy: the published rounding of `start`.
        values: (window, row, axis); unit vectors if None.

    Returns:
        (window, frame, slot = 6, axis, class) float32.
    """
    first = first_frames(start, hop, legacy)
    onset, offset = (divide(events.times, hop).round() - first[..., None]).unbind(-1)
    active = active_rows(onset, offset, n_frames)
    label = events.label
    same = label[:, :, None] == label[:, None]  # (window, row, row)
    # Of every event of a frame, the number of active ones of its class before it, and of all: exact, as they are small.
    counted = torch.cat([same.triu(1), same], dim=2).float()
    rank, count = (active.float() @ counted).chunk(2, dim=2)
    slot = rank + count.clamp(max=3) - 1 + (count >= 3)  # A0 is 0, B0 and B1 are 1 and 2, C0 to C2 are 3 to 5
    n_places = 6 * n_classes
    place = torch.where(active & (rank < 3), slot * n_classes + label[:, None], n_places).long()
    number = torch.arange(1, label.shape[1] + 1, device=label.device).expand(active.shape)
    filled = number.new_zeros(*active.shape[:2], n_places + 1).scatter(2, place, number)
    chosen = filled[..., :n_places].unflatten(2, (6, n_classes))
    return gather_events(events.directions() if values is None else values, chosen)


def fold_batch(azimuth: Tensor) -> Tensor:
    """Mirror the rear half of the azimuths to the front, as `avseld.io.geometry.fold`."""
    wrapped = wrap(azimuth)
    behind = torch.where(wrapped < 0, -180 - wrapped, 180 - wrapped)
    return torch.where(wrapped.abs() > 90, behind, wrapped)
