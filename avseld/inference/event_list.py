"""Predicted events as people read them: one row from start to end of each sound, with the name of its class."""

import csv
import heapq
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from avseld.base.files import replacing
from avseld.io.events import Events, number
from avseld.io.geometry import direction, unit_vector
from avseld.reporting.tracks import MAX_GAP_S, TrackFollower

COLUMNS = ("name", "onset", "offset", "azimuth", "elevation")
"""seconds and degrees; the direction is the mean over the event"""


class ListedEvent(NamedTuple):
    """One sound from its start to its end."""

    name: str
    """of the class"""
    onset: float
    """seconds"""
    offset: float
    """seconds"""
    azimuth: float
    """mean over the event, degrees; NaN without direction"""
    elevation: float
    """degrees; NaN without direction, and for systems that know no elevation"""

    @property
    def key(self) -> tuple[float, str, float]:
        """By which events are sorted: onset, name, offset."""
        return self.onset, self.name, self.offset


@dataclass
class _Sum:
    """An event of which rows still arrive: the sum of its directions, weighted by the lengths of the rows."""

    label: int
    onset: float
    offset: float
    vector: np.ndarray


class EventMerger:
    """Joins rows of label frames to events while they are predicted; its memory does not grow with the recording.

    Args:
        classes: names by class index.
        planar: the directions have no elevation: that of an event is NaN.
    """

    def __init__(self, classes: Sequence[str], planar: bool = False) -> None:
        self._classes, self._planar = classes, planar
        self._tracks = TrackFollower()
        self._open: dict[int, _Sum] = {}
        self._ended: list[tuple[tuple[float, str, float], int, ListedEvent]] = []

    def add(self, events: Events, until: float) -> list[ListedEvent]:
        """Take the next rows.

        Args:
            events: rows since the last call.
            until: second up to which the recording is predicted.

        Returns:
            Events that have ended, sorted; none of a later call begins before them.
        """
        events = events.sorted()
        vectors = unit_vector(events.azimuth, events.elevation)
        weights = events.offset - events.onset + 1e-9  # a row without length counts, too
        for row, track in enumerate(self._tracks.follow(events).tolist()):
            one = self._open.get(track)
            if one is None:
                one = _Sum(int(events.label[row]), float(events.onset[row]), 0.0, np.zeros(3))
                self._open[track] = one
            one.offset = float(events.offset[row])
            one.vector = one.vector + weights[row] * vectors[row]
        for track in [track for track, one in self._open.items() if one.offset <= until - MAX_GAP_S]:
            self._end(track)
        first = min((one.onset for one in self._open.values()), default=np.inf)
        ready = []
        while self._ended and self._ended[0][0][0] < min(first, until):
            ready.append(heapq.heappop(self._ended)[2])
        return ready

    def close(self) -> list[ListedEvent]:
        """Return the rest, sorted, at the end of the recording."""
        for track in list(self._open):
            self._end(track)
        return [heapq.heappop(self._ended)[2] for _ in range(len(self._ended))]

    def _end(self, track: int) -> None:
        one = self._open.pop(track)
        azimuth, elevation = direction(one.vector)
        height = np.nan if self._planar else float(elevation)
        event = ListedEvent(self._classes[one.label], one.onset, one.offset, float(azimuth), height)
        heapq.heappush(self._ended, (event.key, track, event))


def listed_events(events: Events, classes: Sequence[str]) -> list[ListedEvent]:
    """Join consecutive rows of one sound to events, sorted by onset.

    Args:
        events: rows of label frames.
        classes: names by class index.
    """
    merger = EventMerger(classes)
    return merger.add(events, 0.0) + merger.close()


def list_line(event: ListedEvent) -> str:
    """Format an event as a line of a csv with the columns `COLUMNS`."""
    text = io.StringIO()
    angles = (number(round(angle, 1)) for angle in (event.azimuth, event.elevation))
    csv.writer(text, lineterminator="\n").writerow(
        [event.name, number(event.onset), number(event.offset), *angles]
    )
    return text.getvalue()


def audacity_line(event: ListedEvent) -> str:
    """Format an event as a line of a label track of Audacity: onset, offset and name, separated by tabs."""
    return f"{event.onset:.6f}\t{event.offset:.6f}\t{event.name}\n"


def write_event_list(path: Path, events: Events, classes: Sequence[str]) -> None:
    """Write a csv with a row for each event: name, onset, offset, azimuth, elevation.

    Args:
        path: the file.
        events: predicted rows of label frames.
        classes: names by class index.
    """
    lines = map(list_line, listed_events(events, classes))
    with replacing(path) as temporary:
        temporary.write_text(",".join(COLUMNS) + "\n" + "".join(lines), encoding="utf-8", newline="")


def write_audacity(path: Path, events: Events, classes: Sequence[str]) -> None:
    """Write a label track of Audacity.

    Args:
        path: the text file, which Audacity reads with File > Import > Labels.
        events: predicted rows of label frames.
        classes: names by class index.
    """
    with replacing(path) as temporary:
        temporary.write_text(
            "".join(map(audacity_line, listed_events(events, classes))), encoding="utf-8", newline=""
        )


def table_head(width: int) -> str:
    """Write the head of a table of events in the terminal.

    Args:
        width: of the column of classes.
    """
    return f"{'start':>8}  {'end':>8}  {'class':<{width}}  {'azimuth':>7}  {'elevation':>9}\n"


def table_row(event: ListedEvent, width: int) -> str:
    """Write an event as a row of a table in the terminal.

    Args:
        event: joined.
        width: of the column of classes.
    """
    return (
        f"{event.onset:8.1f}  {event.offset:8.1f}  {event.name:<{width}}  "
        f"{_degrees(event.azimuth):>7}  {_degrees(event.elevation):>9}\n"
    )


def _degrees(angle: float) -> str:
    return "-" if np.isnan(angle) else f"{angle:.0f}°".replace("-0°", "0°")
