"""Labels and predictions in any format: csv of a prepared folder, frame CSV of DCASE, or a sheet of events.

The format of a file is decided here and nowhere else. Facts of a challenge year (unit of distance, hop, whether frames
after the end count) are arguments: this module knows no challenge.
"""

import difflib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from avseld.base.archive import open_file
from avseld.base.errors import BadInput
from avseld.base.files import require_file
from avseld.base.rates import LABEL_HOP
from avseld.io.annotation_tools import is_textgrid
from avseld.io.dcase_csv import (
    COLUMN_ALIASES,
    COLUMN_NAMES,
    MAX_HEAD_LINES,
    METRES_PER_UNIT_OF_COLUMNS,
    Coordinates,
    read_dcase,
)
from avseld.io.events import COLUMNS, ONSCREEN_COLUMNS, Events, read_events, read_lines
from avseld.io.sheet_columns import column_named
from avseld.io.sheets import (
    HEAD_BYTES,
    XLSX,
    Sheet,
    is_audacity,
    read_sheet,
    sheet_events,
)
from avseld.io.tables import delimiter_of, is_number
from avseld.io.text import decoded

log = logging.getLogger(__name__)

METRES_PER_UNIT = {"cm": 0.01, "m": 1.0}
"""units of distance that frame CSVs use"""
MAX_MEDIAN_M = 15.0
"""a median below it looks like metres, above it like centimetres: sources in rooms are 15 cm to 15 m away"""
LabelFormat = Literal["prepared", "frames", "sheet"]
"""csv of a prepared folder; frame CSV of DCASE; a sheet of events, see `avseld.io.sheets`"""
EVENT_LIST_SUFFIX = ".events.csv"
"""of the file for spreadsheets that `avseld predict` writes beside NAME.csv; it holds no prediction to score"""


def event_list_of(prediction: Path) -> Path:
    """Return the path of the events with names beside a prediction, NAME.events.csv beside NAME.csv."""
    return prediction.with_name(prediction.stem + EVENT_LIST_SUFFIX)


@dataclass(frozen=True)
class Labels:
    """Events of a recording as they stand in a file."""

    path: Path
    events: Events
    lines: tuple[int, ...] | None = None
    """line of each row, where the reader knows it"""
    numbered: bool | None = None
    """whether the file has a column for the number of a source; None for a csv of a prepared folder"""

    def line(self, row: int) -> int:
        """Return the line number (from 1) of a row."""
        return line_of_row(self.path, row) if self.lines is None else self.lines[row]


def label_format(path: Path | str) -> LabelFormat:
    """Decide from its first lines how a file lists events.

    An empty file counts as a frame CSV without events.

    Raises:
        BadInput: the file cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() == XLSX:
        return "sheet"
    require_file(path)
    try:
        with open_file(path) as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from error
    try:
        text = decoded(head[: len(head) // 2 * 2])
    except UnicodeDecodeError:  # cut within a letter, or another encoding
        text = head.decode("utf-8-sig", errors="replace")
    filled = [line for line in text.splitlines()[:MAX_HEAD_LINES] if line.strip()]
    if is_audacity(text) or is_textgrid(text):
        return "sheet"
    if not filled or "\0" in text:
        return "frames"
    delimiter = delimiter_of(text)
    words = [word.strip() for word in filled[0].split(delimiter)]
    if all(map(is_number, words)):
        return "frames"
    if delimiter != ",":
        return "sheet"
    if tuple(words) in (COLUMNS, ONSCREEN_COLUMNS):
        return "prepared" if _class_is_index(filled, COLUMNS.index("class")) else "sheet"
    names = [COLUMN_ALIASES.get(word.lower(), word.lower()) for word in words]
    if {"frame", "class"} <= set(names) <= COLUMN_NAMES and _class_is_index(filled, names.index("class")):
        return "frames"
    # Rows without a header that are damaged are named by the reader of frame CSVs.
    return "sheet" if any(column_named(word)[0] for word in words) or not is_number(words[0]) else "frames"


def _class_is_index(lines: list[str], place: int) -> bool:
    """Return whether the class in the first rows after a header is an index, not a name."""
    cells = [line.split(",")[place] for line in lines[1:] if line.count(",") >= place]
    return all(map(is_number, cells)) or not any(re.search(r"[^\W\d_]", cell) for cell in cells)


def is_prepared_csv(path: Path | str) -> bool:
    """Return whether a file is a CSV of a prepared folder.

    Raises:
        BadInput: the file cannot be read.
    """
    return label_format(path) == "prepared"


def read_labels(
    path: Path | str,
    n_classes: int | None = None,
    coordinates: Coordinates = "auto",
    metres_per_unit: float = 0.01,
    hop: float = LABEL_HOP,
    classes: Sequence[str] | None = None,
    recording: str | None = None,
    degrees_per_unit: float = 1.0,
    first_frame: int = 0,
    sheet_metres_per_unit: float = 1.0,
) -> Events:
    """Read the events of one recording from a file in any format.

    Args:
        path: the file; an empty one holds no events.
        n_classes: refuse class indices from here on.
        coordinates: how six columns of a frame CSV without a header are read, see `avseld.io.dcase_csv.read_dcase`.
        metres_per_unit: unit of the distances in a frame CSV, 0.01 for centimetres.
        hop: seconds between the frames of a frame CSV.
        classes: names of the classes, for files that name them.
        recording: name of the recording, for a sheet of many.
        degrees_per_unit: unit of azimuth and elevation in a frame CSV, 180 / pi for radians.
        first_frame: index of the frame that begins at 0 s, where labels count frames.
        sheet_metres_per_unit: unit of the distances in a sheet whose header names none.

    Returns:
        One row of events per row of the file, in the file's order.

    Raises:
        BadInput: missing, or a bad row; names file and line.
    """
    return read_label_rows(
        path,
        n_classes,
        coordinates,
        metres_per_unit,
        hop,
        classes,
        recording,
        degrees_per_unit,
        first_frame,
        sheet_metres_per_unit,
    ).events


def read_label_rows(
    path: Path | str,
    n_classes: int | None = None,
    coordinates: Coordinates = "auto",
    metres_per_unit: float = 0.01,
    hop: float = LABEL_HOP,
    classes: Sequence[str] | None = None,
    recording: str | None = None,
    degrees_per_unit: float = 1.0,
    first_frame: int = 0,
    sheet_metres_per_unit: float = 1.0,
) -> Labels:
    """Read the events of one recording, and their lines; arguments and errors as for `read_labels`."""
    path = Path(path)
    kind = label_format(path)
    if kind == "prepared":
        return Labels(path, read_events(path, n_classes))
    if kind == "frames":
        events, dialect = read_dcase(
            path, n_classes, coordinates, metres_per_unit, hop, degrees_per_unit, first_frame
        )
        return Labels(path, events, numbered="source" in dialect.columns)
    return labels_of_sheet(
        read_sheet(path), n_classes, classes, recording, first_frame, sheet_metres_per_unit
    )


def labels_of_sheet(
    sheet: Sheet,
    n_classes: int | None = None,
    classes: Sequence[str] | None = None,
    recording: str | None = None,
    first_frame: int = 0,
    metres_per_unit: float = 1.0,
) -> Labels:
    """Convert the rows that a sheet has of one recording.

    Args:
        sheet: of one recording or many.
        n_classes: refuse class indices from here on, where there are no names.
        classes: names of the classes.
        recording: name of the recording, for a sheet of many.
        first_frame: index of the frame that begins at 0 s, where the sheet counts frames.
        metres_per_unit: unit of the distances where the header names none.

    Raises:
        BadInput: a bad row, class names without a list of classes, no row of the recording, or several recordings and
            no name.
    """
    if listed := sheet.recordings():
        if recording is None and len(listed) > 1:
            raise BadInput(
                f"{sheet.path}: lists {len(listed)} recordings ({', '.join(listed[:3])}, ...); name one, or leave out "
                "the column file"
            )
        name = listed[0] if recording is None else recording
        if name not in listed:
            near = difflib.get_close_matches(name, listed, 1)
            hint = f" (there is {near[0]})" if near else ""
            raise BadInput(
                f"{sheet.path}: no row of {name}{hint}; a row with its file alone says that it has no events"
            )
        sheet = sheet.of(name)
    found = sheet_events(sheet, classes, n_classes, first_frame, metres_per_unit)
    if found.names:
        raise BadInput(
            f"{sheet.path}: names classes ({', '.join(found.names[:3])}, ...) and no list of classes says their "
            "indices; give it with --classes, or as classes.txt beside the labels"
        )
    distance = found.events.distance[~np.isnan(found.events.distance)]
    if len(distance) and np.median(distance) > MAX_MEDIAN_M:
        log.warning(
            "%s: distances are read as metres, their median is %.0f; name the column distance_cm if they are in cm, or "
            "say it with --distance cm",
            sheet.path,
            np.median(distance),
        )
    return Labels(sheet.path, found.events, found.lines, "source" in sheet.columns)


def coordinates_of(
    path: Path, metres_per_unit: float | None = 0.01, hop: float = LABEL_HOP, otherwise: float = 0.01
) -> tuple[Coordinates, float, Events]:
    """Decide from a whole file how the files of its folder write directions and distances.

    Args:
        path: a file with many rows, because a short one may be ambiguous.
        metres_per_unit: unit of the distances; None for that of the columns, where only files of one year have them.
        hop: seconds between frames.
        otherwise: unit of the distances in other columns.

    Returns:
        `polar` or `cartesian`, the unit, and the file's events; `auto` and no events for a file that is no frame CSV
        and for one with a bad row (which is named when the file itself is read).
    """
    unit = otherwise if metres_per_unit is None else metres_per_unit
    if label_format(path) != "frames":
        return "auto", unit, Events.empty()
    try:
        events, dialect = read_dcase(path, metres_per_unit=unit, hop=hop, lenient=True)
    except BadInput:
        return "auto", unit, Events.empty()
    coordinates: Coordinates = "cartesian" if "x" in dialect.columns else "polar"
    own = METRES_PER_UNIT_OF_COLUMNS.get(dialect.columns, unit)
    if metres_per_unit is None and own != unit:
        events, unit = replace(events, distance=events.distance * (own / unit)), own
    return coordinates, unit, events


def line_of_row(path: Path, row: int) -> int:
    """Return the line number (from 1) that holds a row of events, with or without a header, empty lines skipped."""
    filled = [(line, text) for line, text in enumerate(read_lines(path), start=1) if text.strip()]
    text = filled[0][1]
    return filled[row + (not is_number(text.split(delimiter_of(text))[0]))][0]


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
            "%s: distances are read as %s, but their median %.3g looks like %s (see --distance_unit)",
            path,
            {value: name for name, value in METRES_PER_UNIT.items()}[metres_per_unit],
            median,
            likely,
        )


def require_directions(events: Events, origin: Path | str) -> None:
    """Refuse events without time or direction, which localization cannot be scored on.

    Raises:
        BadInput: such an event; names the file or the recording.
    """
    for what, columns in (("time", ("onset", "offset")), ("direction", ("azimuth", "elevation"))):
        gaps = np.isnan([getattr(events, name) for name in columns]).any(axis=0)
        if gaps.any():
            raise BadInput(
                f"{origin}: {gaps.sum()} events without {what} cannot be localized, first of class "
                f"{events.label[gaps][0]}; add it, or remove them"
            )


def require_distances(events: Events, origin: Path | str) -> None:
    """Refuse events without distance.

    Raises:
        BadInput: a distance is missing; names the file or the recording.
    """
    if np.isnan(events.distance).any():
        raise BadInput(
            f"{origin}: a distance is missing; add it, or score without distances (--distance_unit none)"
        )
