"""Rows of events joined to tracks: lines that can be drawn across time, the seam at 180 degrees included."""

from dataclasses import dataclass, replace

import numpy as np

from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector, wrap

JOIN = 0.02
"""Seconds between rows that still continue each other (a fifth of a label frame)."""
LEAP_DEG = 45.0
"""A row farther than this from the row before it begins a new track."""


@dataclass(frozen=True, eq=False)
class Track:
    """Successive rows of one class and source, each beginning where the one before ends."""

    label: int
    onset: np.ndarray
    """(row,) seconds"""
    offset: np.ndarray
    """(row,) seconds"""
    azimuth: np.ndarray
    """(row,) degrees in [-180, 180), NaN where not annotated"""
    elevation: np.ndarray
    """(row,) degrees"""


def shown(events: Events, start: float, stop: float) -> Events:
    """Rows heard between two times, cut there, at their own times; a row without times lasts throughout."""
    timed = replace(
        events,
        onset=np.where(np.isnan(events.onset), start, events.onset),
        offset=np.where(np.isnan(events.offset), stop, events.offset),
    )
    kept = timed.select((timed.offset > start) & (timed.onset < stop))
    return replace(kept, onset=np.maximum(kept.onset, start), offset=np.minimum(kept.offset, stop))


def tracks(events: Events) -> list[Track]:
    """Join rows to tracks.

    A row continues the nearest open track of its class and source. Predictions that give every source the
    same number therefore still fall into one track for each sound.

    Args:
        events: rows with onset and offset.
    """
    events = events.sorted()
    vectors = unit_vector(np.nan_to_num(events.azimuth), np.nan_to_num(events.elevation))
    chains: list[list[int]] = []
    open_chains: dict[tuple[int, int], list[list[int]]] = {}
    for row in range(len(events)):
        key = (int(events.label[row]), int(events.source[row]))
        near = [
            chain for chain in open_chains.get(key, []) if events.offset[chain[-1]] > events.onset[row] - JOIN
        ]
        chain = _continued(row, near, events, vectors)
        if chain is None:
            chain = []
            chains.append(chain)
            near.append(chain)
        chain.append(row)
        open_chains[key] = near
    return [_track(events.select(np.array(chain))) for chain in chains]


def azimuth_line(track: Track) -> tuple[np.ndarray, np.ndarray]:
    """Points of a track over time, cut by NaN where it leaves at one edge and enters at the other.

    Returns:
        time (point,) seconds and azimuth (point,) degrees in [-180, 180].
    """
    time, azimuth = _points(track, track.azimuth)
    if np.isnan(azimuth).any():
        return time, azimuth
    straight = np.unwrap(azimuth, period=360.0)
    turn = np.floor((straight + 180.0) / 360.0)
    times, azimuths = [time[:1]], [straight[:1] - 360.0 * turn[:1]]
    for i in range(1, len(time)):
        if turn[i] != turn[i - 1]:
            seam = 360.0 * max(turn[i], turn[i - 1]) - 180.0
            part = (seam - straight[i - 1]) / (straight[i] - straight[i - 1])
            leaving = 180.0 if turn[i] > turn[i - 1] else -180.0
            times.append(np.full(3, time[i - 1] + part * (time[i] - time[i - 1])))
            azimuths.append(np.array([leaving, np.nan, -leaving]))
        times.append(time[i : i + 1])
        azimuths.append(straight[i : i + 1] - 360.0 * turn[i])
    return np.concatenate(times), np.concatenate(azimuths)


def elevation_line(track: Track) -> tuple[np.ndarray, np.ndarray]:
    """Points of a track over time.

    Returns:
        time (point,) seconds and elevation (point,) degrees.
    """
    return _points(track, track.elevation)


def lanes(found: list[Track]) -> list[int]:
    """Lane of each track among those of its class, so that simultaneous ones lie side by side.

    Args:
        found: tracks in any order.

    Returns:
        A lane from 0 on for each, the lowest that is free.
    """
    lane = [0] * len(found)
    ends: dict[int, list[float]] = {}
    for i in sorted(range(len(found)), key=lambda i: (found[i].onset[0], i)):
        busy = ends.setdefault(found[i].label, [])
        free = [k for k, end in enumerate(busy) if end <= found[i].onset[0] + JOIN]
        if not free:
            busy.append(0.0)
        lane[i] = free[0] if free else len(busy) - 1
        busy[lane[i]] = float(found[i].offset[-1])
    return lane


def _continued(row: int, near: list[list[int]], events: Events, vectors: np.ndarray) -> list[int] | None:
    ended = [chain for chain in near if abs(events.offset[chain[-1]] - events.onset[row]) < JOIN]
    if not ended:
        return None
    angles = angle_between(vectors[[chain[-1] for chain in ended]], vectors[row])
    best = int(np.argmin(angles))
    return ended[best] if angles[best] <= LEAP_DEG else None


def _track(rows: Events) -> Track:
    return Track(int(rows.label[0]), rows.onset, rows.offset, wrap(rows.azimuth), rows.elevation)


def _points(track: Track, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle = (track.onset + track.offset) / 2
    time = np.concatenate([track.onset[:1], middle, track.offset[-1:]])
    return time, np.concatenate([angle[:1], angle, angle[-1:]])
