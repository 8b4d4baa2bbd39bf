"""Labels and predictions in either CSV format: that of a prepared folder, or the frame CSV of DCASE.

The format is decided here and nowhere else. Facts of a challenge year (unit of distance, hop, whether frames after the
end count) are arguments: this module knows no challenge.
"""

import logging
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.io.dcase_csv import Coordinates, read_dcase
from avseld.io.events import COLUMNS, Events, read_events, read_lines

log = logging.getLogger(__name__)

METRES_PER_UNIT = {"cm": 0.01, "m": 1.0}
"""units of distance that frame CSVs use"""
LATE_S = 30.0
"""longest time between the last annotated event and the end of a recording of unknown length"""
MAX_MEDIAN_M = 15.0
"""a median below it looks like metres, above it like centimetres: sources in rooms are 15 cm to 15 m away"""
HEAD_BYTES = 64
"""enough of a file to hold the first cell of its first line"""


def is_prepared_csv(path: Path | str) -> bool:
    """Return whether a CSV is one of a prepared folder (its header begins with `onset`), not a frame CSV of DCASE.

    Raises:
        BadInput: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError:
        raise BadInput(f"{path}: not found; check the path") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from error
    first_cell = head.decode("utf-8-sig", errors="replace").split("\n")[0].split(",")[0]
    return first_cell.strip() == COLUMNS[0]


def read_labels(
    path: Path | str,
    n_classes: int | None = None,
    coordinates: Coordinates = "auto",
    metres_per_unit: float = 0.01,
    hop: float = LABEL_HOP,
) -> Events:
    """Read events from a CSV of a prepared folder or from a frame CSV of DCASE in any dialect.

    Args:
        path: the file; an empty one holds no events.
        n_classes: refuse class indices from here on.
        coordinates: how six columns of a frame CSV without a header are read, see `avseld.io.dcase_csv.read_dcase`.
        metres_per_unit: unit of the distances in a frame CSV, 0.01 for centimetres.
        hop: seconds between the frames of a frame CSV.

    Returns:
        One row of events per row of the file, in the file's order.

    Raises:
        BadInput: missing, or a bad row; names file and line.
    """
    if is_prepared_csv(path):
        return read_events(path, n_classes)
    return read_dcase(path, n_classes, coordinates, metres_per_unit, hop)[0]


def coordinates_of(
    path: Path, metres_per_unit: float = 0.01, hop: float = LABEL_HOP
) -> tuple[Coordinates, Events]:
    """Decide from a whole file how the files of its folder write directions.

    Args:
        path: a file with many rows, because a short one may be ambiguous.
        metres_per_unit: unit of the distances.
        hop: seconds between frames.

    Returns:
        `polar` or `cartesian`, and the file's events; `auto` and no events for a CSV of a prepared folder and for a
        file with a bad row (which is named when the file itself is read).
    """
    if is_prepared_csv(path):
        return "auto", Events.empty()
    try:
        events, dialect = read_dcase(path, metres_per_unit=metres_per_unit, hop=hop)
    except BadInput:
        return "auto", Events.empty()
    return ("cartesian" if "x" in dialect.columns else "polar"), events


def line_of_row(path: Path, row: int) -> int:
    """Return the line number (from 1) that holds a row of events, with or without a header, empty lines skipped."""
    filled = [(line, text) for line, text in enumerate(read_lines(path), start=1) if text.strip()]
    has_header = any(letter.isalpha() for letter in filled[0][1].replace("e", "").replace("E", ""))
    return filled[row + has_header][0]


def check_prediction(
    path: Path,
    prediction: Events,
    reference: Events,
    hop: float,
    duration: float = 0.0,
    late_frames: bool = False,
) -> None:
    """Refuse a row that is written twice and a row after the end of the recording.

    Where the length of the recording is unknown (0), the end is taken as 30 s after its last annotated event:
    recordings go on after it, and the official scorers leave out what is predicted there.

    Args:
        path: file of the prediction.
        prediction: its events, in the order of the file.
        reference: events of the same recording.
        hop: seconds between frames.
        duration: seconds of the recording; 0 if unknown.
        late_frames: accept rows after the end.

    Raises:
        BadInput: names file and line.
    """
    twice = repeated_rows(prediction)
    if len(twice):
        raise BadInput(f"{path}:{line_of_row(path, int(twice[0]))}: the same row stands above; remove one")
    end = duration + hop if duration else reference.duration + LATE_S
    late = np.flatnonzero(prediction.offset > end + 1e-6)
    if len(late) and len(reference) and not late_frames:
        row = int(late[0])
        frame = round(prediction.onset[row] / hop)
        raise BadInput(
            f"{path}:{line_of_row(path, row)}: frame {frame} is after the end of the reference; check the frame "
            "rate, or score against a prepared folder, which knows the durations"
        )


def repeated_rows(events: Events) -> np.ndarray:
    """Return the indices of rows that are equal to an earlier row in all columns but `onscreen`."""
    # Rows that share onset and class are few: only these are compared in full.
    key = np.stack([events.onset, events.label], axis=1)
    order = np.lexsort((events.label, events.onset))
    key = key[order]
    same = (key[1:] == key[:-1]).all(axis=1)
    rows = np.sort(order[np.r_[same, False] | np.r_[False, same]]) if len(events) else np.zeros(0, int)
    if not len(rows):
        return rows
    columns = (events.onset, events.offset, events.label, events.source, events.azimuth, events.elevation)
    whole = np.stack([*columns, np.nan_to_num(events.distance, nan=-1)], axis=1)[rows]
    _, first = np.unique(whole, axis=0, return_index=True)
    return np.delete(rows, first)


def warn_about_unit(path: Path, events: Events, metres_per_unit: float) -> None:
    """Log a warning where the median distance of a file suggests another unit than the one it was read with.

    Args:
        path: the file.
        events: its events, distances in metres.
        metres_per_unit: the unit it was read with.
    """
    if not len(events) or np.isnan(events.distance).all():
        return
    median = float(np.nanmedian(events.distance)) / metres_per_unit
    likely = "m" if median < MAX_MEDIAN_M else "cm"
    if median > 0 and METRES_PER_UNIT[likely] != metres_per_unit:
        log.warning(
            "%s: distances are read as %s, but their median %.3g looks like %s (see --distance-unit)",
            path,
            {value: name for name, value in METRES_PER_UNIT.items()}[metres_per_unit],
            median,
            likely,
        )


def require_distances(events: Events, origin: Path | str) -> None:
    """Refuse events without distance.

    Raises:
        BadInput: a distance is missing; names the file or the recording.
    """
    if np.isnan(events.distance).any():
        raise BadInput(
            f"{origin}: a distance is missing; add it, or score without distances (--distance-unit none)"
        )
