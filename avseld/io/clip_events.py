"""Events of many clips in one file, `filename onset offset event_label` separated by tabs.

Metadata and submissions of DCASE 2019 Task 4 (github.com/turpaultn/DCASE2019_task4) are such files.

Written with the header that the task's scorer reads; read with or without it, and with commas, as pandas writes them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.io.events import Events, number, parse, read_lines
from avseld.io.sheet_columns import column_named
from avseld.io.sheets import XLSX
from avseld.io.suffixes import CONTAINERS, CONVERTIBLE, SOUNDS

COLUMNS = ("filename", "onset", "offset", "event_label")
WEAK = "event_labels"
"""column of labels without times"""
JOINED_S = 1e-6
"""seconds between two rows of a class up to which they are one event; below is rounding"""


def clip_of(filename: str) -> str:
    """Return the name of a clip: that of its file without folder and without the ending of a sound file."""
    name = filename.replace("\\", "/").rsplit("/", 1)[-1]
    for suffix in (*SOUNDS, *CONVERTIBLE, *CONTAINERS):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return name


def lists_clips(path: Path) -> bool:
    """Return whether a file lists events of clips: by its header, or by a first row of name, two times and a class.

    Args:
        path: any text file; an empty one lists no clip.

    Raises:
        BadInput: the file is missing or not text.
    """
    first = next((line for line in read_lines(path) if line.strip()), "")
    if not first:
        return True
    cells = _cells(first, _separator(first))
    if {"filename", COLUMNS[3]} <= set(cells) or {"filename", WEAK} <= set(cells):
        return True
    return len(cells) == len(COLUMNS) and "\t" in first and _is_number(cells[1]) and not _is_number(cells[3])


def lists_only_times(path: Path) -> bool:
    """Return whether a file lists events of clips, and no directions; False for an empty file and a spreadsheet.

    Raises:
        BadInput: the file is missing or not text.
    """
    if path.suffix.lower() == XLSX or not lists_clips(path):
        return False
    first = next((line for line in read_lines(path) if line.strip()), "")
    columns = {column_named(cell)[0] for cell in _cells(first, _separator(first))}
    return bool(first) and not {"azimuth", "x"} & columns


def read_clip_events(path: Path) -> dict[str, Events]:
    """Read the events of clips.

    Args:
        path: the file.

    Returns:
        Events by clip, in the order of the file, with the class names of the file in alphabetical order; a clip that
        is listed without event has none.

    Raises:
        BadInput: columns are missing, or a bad row; names file and line.
    """
    lines = [(place, line) for place, line in enumerate(read_lines(path), 1) if line.strip()]
    separator = _separator(lines[0][1]) if lines else "\t"
    header = [cell.strip() for cell in lines[0][1].split(separator)] if lines else []
    order = list(range(len(COLUMNS)))
    if "filename" in header or COLUMNS[3] in header:
        if WEAK in header and COLUMNS[3] not in header:
            raise BadInput(f"{path}:1: labels without times ({WEAK}); give the file with onsets and offsets")
        if absent := [column for column in COLUMNS if column not in header]:
            raise BadInput(f"{path}:1: no column {', '.join(absent)}; the columns are {', '.join(COLUMNS)}")
        order, lines = [header.index(column) for column in COLUMNS], lines[1:]
    rows: dict[str, list[tuple[float, float, str]]] = {}
    for place, line in lines:
        cells = _cells(line, separator)
        name, *event = (cells[index] if index < len(cells) else "" for index in order)
        if len(cells) > max(len(header), len(COLUMNS)) or not name:
            raise BadInput(
                f"{path}:{place}: {len(cells)} columns; expected {', '.join(COLUMNS)} separated by tabs"
            )
        own = rows.setdefault(clip_of(name), [])
        if any(cell.lower() not in ("", "nan") for cell in event):
            own.append(_event(path, place, event))
    classes = sorted({label for own in rows.values() for _, _, label in own})
    return {name: _table(own, classes) for name, own in rows.items()}


def write_clip_events(
    path: Path, predictions: Mapping[str, Events], classes: list[str], filenames: Mapping[str, str]
) -> None:
    """Write the events of clips; rows of one class that follow each other without a gap become one event.

    Args:
        path: the file.
        predictions: events by recording.
        classes: names by class index.
        filenames: how the file of a recording is called.
    """
    lines = ["\t".join(COLUMNS)]
    for name, events in predictions.items():
        for onset, offset, label in _times(joined(events)):
            lines.append("\t".join((filenames[name], number(onset), number(offset), classes[label])))
    with replacing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def joined(events: Events) -> Events:
    """Join rows of one class that touch or overlap, such as label frames, to events without directions.

    Args:
        events: with times, of one recording.

    Returns:
        Events sorted by onset.
    """
    order = np.lexsort((events.onset, events.label))
    rows: list[list[float]] = []
    for onset, offset, label in _times(events.select(order)):
        if rows and rows[-1][2] == label and onset <= rows[-1][1] + JOINED_S:
            rows[-1][1] = max(rows[-1][1], offset)
        else:
            rows.append([onset, offset, label, 0, np.nan, np.nan, np.nan])
    return replace(Events.from_rows(rows).sorted(), classes=events.classes)


def _times(events: Events) -> Iterable[tuple[float, float, int]]:
    return zip(events.onset.tolist(), events.offset.tolist(), events.label.tolist(), strict=True)


def _table(rows: list[tuple[float, float, str]], classes: list[str]) -> Events:
    table = [
        (onset, offset, classes.index(label), 0, np.nan, np.nan, np.nan) for onset, offset, label in rows
    ]
    return Events.from_rows(table).with_classes(classes)


def _event(path: Path, line: int, cells: list[str]) -> tuple[float, float, str]:
    onset, offset = (parse(cell, path, line) for cell in cells[:2])
    if onset < 0 or offset < 0:
        raise BadInput(
            f"{path}:{line}: from {onset:g} to {offset:g} s is no stretch of time; correct the row"
        )
    if not cells[2]:
        raise BadInput(
            f"{path}:{line}: no event_label; write the class, or leave onset and offset empty, too"
        )
    return onset, offset, cells[2]


def _separator(line: str) -> str:
    return "\t" if "\t" in line or "," not in line else ","


def _cells(line: str, separator: str) -> list[str]:
    return [cell.strip() for cell in line.rstrip("\r\n").split(separator)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
