"""Predicted events as people read them: one row from start to end of each sound, with the name of its class."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avseld.base.files import replacing
from avseld.io.events import Events, number
from avseld.io.geometry import direction, unit_vector
from avseld.reporting.tracks import event_tracks

COLUMNS = ("name", "onset", "offset", "azimuth", "elevation")
"""seconds and degrees; the direction is the mean over the event"""


def listed_events(events: Events, classes: Sequence[str]) -> list[tuple[str, float, float, float, float]]:
    """Join consecutive rows of one sound to events.

    Args:
        events: rows of label frames.
        classes: names by class index.

    Returns:
        Name, onset and offset in seconds, mean azimuth and elevation in degrees (NaN without direction), by onset.
    """
    rows = []
    for track in event_tracks(events):
        mean = np.average(
            unit_vector(track.azimuth, track.elevation), axis=0, weights=track.offset - track.onset + 1e-9
        )
        azimuth, elevation = direction(mean)
        rows.append(
            (
                classes[track.label],
                float(track.onset[0]),
                float(track.offset[-1]),
                float(azimuth),
                float(elevation),
            )
        )
    return sorted(rows, key=lambda row: (row[1], row[0], row[2]))


def write_event_list(path: Path, events: Events, classes: Sequence[str]) -> None:
    """Write a csv with a row for each event: name, onset, offset, azimuth, elevation.

    Args:
        path: the file.
        events: predicted rows of label frames.
        classes: names by class index.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, onset, offset, azimuth, elevation in listed_events(events, classes):
        writer.writerow(
            [
                name,
                number(onset),
                number(offset),
                *(number(round(angle, 1)) for angle in (azimuth, elevation)),
            ]
        )
    with replacing(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")


def write_audacity(path: Path, events: Events, classes: Sequence[str]) -> None:
    """Write a label track of Audacity: onset, offset and name, separated by tabs.

    Args:
        path: the text file, which Audacity reads with File > Import > Labels.
        events: predicted rows of label frames.
        classes: names by class index.
    """
    lines = [
        f"{onset:.6f}\t{offset:.6f}\t{name}\n" for name, onset, offset, *_ in listed_events(events, classes)
    ]
    with replacing(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8", newline="")
