"""Tracks of events for drawing: lines over time, split where the azimuth wraps at 180 degrees."""

from dataclasses import dataclass, field, replace

import numpy as np

from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector, wrap

MAX_GAP_S = 0.02
"""gap between rows of one track: a fifth of a label frame, for times rounded to 10 ms"""
MAX_STEP_DEG = 45.0
"""a row farther than this from the row before it begins a new track"""


@dataclass(frozen=True, eq=False)
class EventTrack:
    """Consecutive rows of one class and source, each beginning at the end of the one before."""

    label: int
    onset: np.ndarray
    """(row,) seconds"""
    offset: np.ndarray
    """(row,) seconds"""
    azimuth: np.ndarray
    """(row,) degrees in [-180, 180), NaN where not annotated"""
    elevation: np.ndarray
    """(row,) degrees"""


def clip_events(events: Events, start: float, stop: float) -> Events:
    """Clip events to a segment; their times stay relative to the recording.

    Args:
        events: a row without times lasts for the whole segment.
        start: start of the segment, seconds.
        stop: its end, seconds.
    """
    timed = replace(
        events,
        onset=np.where(np.isnan(events.onset), start, events.onset),
        offset=np.where(np.isnan(events.offset), stop, events.offset),
    )
    kept = timed.select((timed.offset > start) & (timed.onset < stop))
    return replace(kept, onset=np.maximum(kept.onset, start), offset=np.minimum(kept.offset, stop))


@dataclass
class _End:
    """Where a track stands: its last row."""

    number: int
    offset: float = 0.0
    vector: np.ndarray = field(default_factory=lambda: np.zeros(3))


class TrackFollower:
    """Numbers rows of events by the track that they continue, while the rows arrive in the order of time.

    A row continues the nearest open track of its class and source. So predictions in which all sources have the
    same number still give one track per sound.
    """

    def __init__(self) -> None:
        self._count = 0
        self._open: dict[tuple[int, int], list[_End]] = {}

    def follow(self, events: Events) -> np.ndarray:
        """Return the number of the track of each row, (row,) int; a track has one number over all calls.

        Args:
            events: rows with onset and offset, sorted (`Events.sorted`), none before those of the last call.
        """
        vectors = unit_vector(np.nan_to_num(events.azimuth), np.nan_to_num(events.elevation))
        numbers = np.zeros(len(events), int)
        for row in range(len(events)):
            key = (int(events.label[row]), int(events.source[row]))
            onset = float(events.onset[row])
            near = [end for end in self._open.get(key, []) if end.offset > onset - MAX_GAP_S]
            end = _continued(near, onset, vectors[row])
            if end is None:
                end = _End(self._count)
                self._count += 1
                near.append(end)
            end.offset, end.vector = float(events.offset[row]), vectors[row]
            numbers[row] = end.number
            self._open[key] = near
        return numbers


def event_tracks(events: Events) -> list[EventTrack]:
    """Join event rows to tracks; see `TrackFollower`.

    Args:
        events: rows with onset and offset.
    """
    events = events.sorted()
    numbers = TrackFollower().follow(events)
    order = np.argsort(numbers, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
    return [_track(events.select(rows)) for rows in parts if len(rows)]


def azimuth_line(track: EventTrack) -> tuple[np.ndarray, np.ndarray]:
    """Compute the azimuth of a track over time, with NaN where it wraps from one edge to the other.

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


def elevation_line(track: EventTrack) -> tuple[np.ndarray, np.ndarray]:
    """Compute the elevation of a track over time.

    Returns:
        time (point,) seconds and elevation (point,) degrees.
    """
    return _points(track, track.elevation)


def coordinate_lines(track: EventTrack) -> list[tuple[np.ndarray, np.ndarray]]:
    """Compute x, y and z of the direction of a track over time, at distance 1 from the origin.

    Args:
        track: without elevation, its directions lie in the horizontal plane, and z is NaN.

    Returns:
        For x, y and z: time (point,) seconds and coordinate (point,) in [-1, 1].
    """
    vector = unit_vector(track.azimuth, np.nan_to_num(track.elevation))
    vector[np.isnan(track.elevation), 2] = np.nan
    return [_points(track, coordinate) for coordinate in vector.T]


def assign_lanes(tracks: list[EventTrack]) -> list[int]:
    """Assign lanes to the tracks of each class, so that simultaneous ones are drawn side by side.

    Args:
        tracks: in any order.

    Returns:
        For each track the lowest free lane, from 0 on.
    """
    lane = [0] * len(tracks)
    ends: dict[int, list[float]] = {}
    for i in sorted(range(len(tracks)), key=lambda i: (tracks[i].onset[0], i)):
        busy = ends.setdefault(tracks[i].label, [])
        free = [k for k, end in enumerate(busy) if end <= tracks[i].onset[0] + MAX_GAP_S]
        if not free:
            busy.append(0.0)
        lane[i] = free[0] if free else len(busy) - 1
        busy[lane[i]] = float(tracks[i].offset[-1])
    return lane


def _continued(near: list[_End], onset: float, vector: np.ndarray) -> _End | None:
    ended = [end for end in near if abs(end.offset - onset) < MAX_GAP_S]
    if not ended:
        return None
    angles = angle_between(np.stack([end.vector for end in ended]), vector)
    best = int(np.argmin(angles))
    return ended[best] if angles[best] <= MAX_STEP_DEG else None


def _track(rows: Events) -> EventTrack:
    return EventTrack(int(rows.label[0]), rows.onset, rows.offset, wrap(rows.azimuth), rows.elevation)


def _points(track: EventTrack, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle = (track.onset + track.offset) / 2
    time = np.concatenate([track.onset[:1], middle, track.offset[-1:]])
    return time, np.concatenate([angle[:1], angle, angle[-1:]])
