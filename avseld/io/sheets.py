"""Sheets of events as people write them: csv of any delimiter, xlsx, label tracks of Audacity.

A sheet has a header. Its columns are recognized by the names in `avseld.io.sheet_columns`, in any case, with or without
a unit (`Start (s)`, `distance_cm`); classes are names or indices; numbers may have a decimal comma.
"""

import difflib
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import require_file
from avseld.base.rates import LABEL_HOP
from avseld.io.annotation_tools import ROW, elan_rows, is_textgrid, raven_rows, textgrid_rows
from avseld.io.events import Events, check_row
from avseld.io.geometry import direction
from avseld.io.row_checks import are_frames, check_source, warn_of_odd_distances
from avseld.io.sheet_columns import columns_of, names_unit_of_distance
from avseld.io.suffixes import SOUNDS
from avseld.io.tables import cell_number, csv_rows, delimiter_of, is_number, seconds_of
from avseld.io.text import read_text

log = logging.getLogger(__name__)

MEDIA_SUFFIXES = (*SOUNDS, ".mp4", ".m4v", ".mov", ".mkv", ".m4a", ".csv", ".tsv", ".xlsx", ".txt")
"""suffixes that a cell of the column `file` may have"""
XLSX = ".xlsx"
TIMES = ("onset", "offset", "duration")
"""columns that may hold times with colons"""
HEAD_BYTES = 1 << 14
"""enough of a file for its header and a row"""


@dataclass(frozen=True)
class Sheet:
    """Rows of a sheet as text.

    Args:
        path: the file.
        columns: known column of each cell, None where it is unknown.
        factors: to seconds, metres or degrees, by place.
        rows: line number in the file and cells; empty rows are left out.
        names_unit_of_distance: whether the header says in which unit distances are.
    """

    path: Path
    columns: tuple[str | None, ...]
    factors: tuple[float, ...]
    rows: list[tuple[int, list[str]]] = field(repr=False)
    names_unit_of_distance: bool = False

    def recordings(self) -> list[str]:
        """List the names in the column `file`, without folder and suffix, in their order; empty without the column."""
        if "file" not in self.columns:
            return []
        place = self.columns.index("file")
        names: dict[str, None] = {}
        for line, cells in self.rows:
            name = recording_name(cells[place] if place < len(cells) else "")
            if not name:
                raise BadInput(f"{self.path}:{line}: no file; name the recording of every row")
            names[name] = None
        return list(names)

    def of(self, recording: str) -> "Sheet":
        """Select the rows of one recording."""
        if "file" not in self.columns:
            return self
        place = self.columns.index("file")
        rows = [(line, cells) for line, cells in self.rows if recording_name(cells[place]) == recording]
        return replace(self, rows=rows)


@dataclass(frozen=True)
class SheetEvents:
    """Events of a sheet, the line of each, and the names of classes where the sheet was read without a list of them."""

    events: Events
    lines: tuple[int, ...]
    names: tuple[str, ...] = ()


def recording_name(cell: str) -> str:
    """Return the name of a recording from a cell: without folder, and without the suffix of sound, video or csv."""
    name = PurePosixPath(cell.strip().replace("\\", "/")).name
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in MEDIA_SUFFIXES else name


def read_sheet(path: Path | str) -> Sheet:
    """Read a csv with a header, an xlsx (its first sheet), or what Audacity, ELAN, Praat and Raven export.

    Raises:
        BadInput: missing, unreadable, or columns that are no events; shows an example of each format.
    """
    path = Path(path)
    if path.suffix.lower() == XLSX:
        rows = list(_xlsx_rows(path))
    else:
        text = read_text(path)
        delimiter = delimiter_of(text)
        if is_audacity(text):
            tracks = [(line, cells) for line, cells in csv_rows(path, text, "\t") if cells[0].strip() != "\\"]
            return Sheet(path, ("onset", "offset", "class"), (1.0, 1.0, 1.0), tracks)
        if is_textgrid(text):
            return Sheet(path, ROW, (1.0,) * len(ROW), textgrid_rows(path, text))
        rows = list(csv_rows(path, text, delimiter))
        if delimiter == "\t" and (exported := elan_rows(path, rows)) is not None:
            return Sheet(path, ROW, (1.0,) * len(ROW), exported)
        rows = raven_rows(rows)
    if not rows:
        return Sheet(path, (), (), [])
    columns, factors = columns_of(path, *rows[0])
    return Sheet(path, columns, factors, rows[1:], any(map(names_unit_of_distance, rows[0][1])))


def sheet_events(
    sheet: Sheet,
    classes: Sequence[str] | None = None,
    n_classes: int | None = None,
    first_frame: int = 0,
    metres_per_unit: float = 1.0,
) -> SheetEvents:
    """Convert the rows of a sheet to events.

    Args:
        sheet: rows of one recording; a row that has nothing but its file says that the recording has no events.
        classes: names by index; None keeps the names of the sheet, in their order.
        n_classes: without names, refuse class indices from here on.
        first_frame: index of the frame that begins at 0 s, where the sheet counts frames.
        metres_per_unit: unit of the distances where the header names none.

    Returns:
        One row of events per row of the sheet. Distances are metres unless the header names another unit; without the
        column, or with nothing in it, elevation is 0 where there is an azimuth.

    Raises:
        BadInput: a bad row; names file and line.
    """
    sheet = _without_blank(sheet, "elevation")
    sheet = _with_classes_of_tiers(sheet, classes)
    place = sheet.columns.index("class") if "class" in sheet.columns else 0
    cells_of_class = [cells[place] for _, cells in sheet.rows if place < len(cells) and cells[place]]
    # Indices stay indices only where all classes are indices.
    found: list[str] | None = None if all(map(is_number, cells_of_class)) else []
    values, lines = [], []
    for line, cells in sheet.rows:
        row = {name: cell for name, cell in zip(sheet.columns, cells, strict=False) if name}
        if not any(cell for name, cell in row.items() if name != "file"):
            continue
        values.append(_event(sheet, line, row, classes, n_classes, found, first_frame))
        lines.append(line)
    events = Events.from_rows(values)
    if not sheet.names_unit_of_distance:
        events = replace(events, distance=events.distance / (1 / metres_per_unit))
    warn_of_odd_distances(sheet.path, events.distance, lines.__getitem__)
    return SheetEvents(events, tuple(lines), tuple(found or ()))


def _without_blank(sheet: Sheet, column: str) -> Sheet:
    """Drop the name of a column that has nothing in it, as the elevation of predictions from stereo."""
    if column not in sheet.columns:
        return sheet
    place = sheet.columns.index(column)
    if any(place < len(cells) and cells[place] for _, cells in sheet.rows):
        return sheet
    return replace(sheet, columns=tuple(None if name == column else name for name in sheet.columns))


def _with_classes_of_tiers(sheet: Sheet, classes: Sequence[str] | None) -> Sheet:
    """Take tiers for the classes where labels name none: they are empty, or tiers are in the list and labels not."""
    if "tier" not in sheet.columns:
        return sheet
    known = {_plain(name) for name in classes or ()}
    by_tier, by_label = (
        [_plain(cells[sheet.columns.index(name)]) for _, cells in sheet.rows] for name in ("tier", "class")
    )
    named_by_tier = not any(by_label) or (not set(by_label) & known and bool(set(by_tier) & known))
    if not named_by_tier:
        return sheet
    log.info("%s: tiers are read as classes", sheet.path)
    names = {"tier": "class", "class": None}
    return replace(sheet, columns=tuple(names.get(name or "", name) for name in sheet.columns))


def is_audacity(text: str) -> bool:
    """Return whether a text is a label track of Audacity: start, end and label between tabs, without a header."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    cells = first.split("\t")
    return len(cells) == 3 and all(is_number(cell) for cell in cells[:2])


def _event(
    sheet: Sheet,
    line: int,
    row: dict[str, str],
    classes: Sequence[str] | None,
    n_classes: int | None,
    found: list[str] | None,
    first_frame: int,
) -> list[float]:
    path = sheet.path
    factor = dict(zip(sheet.columns, sheet.factors, strict=True))

    def value(name: str, otherwise: float = np.nan) -> float:
        if not row.get(name):
            return otherwise
        parse = seconds_of if name in TIMES else cell_number
        return parse(row[name], path, line) * factor[name]

    onset, offset = value("onset"), value("offset")
    if "onset" not in sheet.columns:
        frame = value("frame") - first_frame
        if not are_frames(np.array(frame)):
            raise BadInput(
                f"{path}:{line}: frame '{row.get('frame', '')}' is no index; frames count from {first_frame}"
            )
        onset, offset = frame * LABEL_HOP, (frame + 1) * LABEL_HOP
    elif "offset" not in sheet.columns:
        offset = onset + value("duration")
    if np.isnan(onset) or np.isnan(offset):
        raise BadInput(f"{path}:{line}: no onset or no offset; give both in seconds, such as 0.4 and 2.1")
    if onset < 0 or offset < onset:
        raise BadInput(
            f"{path}:{line}: from {onset:g} to {offset:g} s is no stretch of a recording; correct the row"
        )
    azimuth, elevation = value("azimuth"), value("elevation")
    if "x" in sheet.columns:
        vector = [value(axis) for axis in "xyz"]
        if not np.isnan(vector).any():
            azimuth, elevation = map(float, direction(np.array(vector)))
    elif "elevation" not in sheet.columns and not np.isnan(azimuth):
        elevation = 0.0
    label = class_index(row.get("class", ""), path, line, classes, found)
    check_row(path, line, label, azimuth, elevation, n_classes if classes is None else len(classes))
    source = value("source", 0.0)
    check_source(path, line, source)
    return [onset, offset, label, source, azimuth, elevation, value("distance"), value("onscreen")]


def class_index(
    cell: str, path: Path, line: int, classes: Sequence[str] | None, found: list[str] | None = None
) -> float:
    """Return the index of a class given by its name (without regard to case, blanks and signs) or its index.

    Args:
        cell: name or index.
        path: the file, for messages.
        line: its line.
        classes: names by index, if known.
        found: without `classes`, the names so far, to which a new one is added; None takes cells for indices.

    Raises:
        BadInput: empty, or none of the classes; suggests the nearest.
    """
    cell = cell.strip()
    if not cell:
        raise BadInput(f"{path}:{line}: no class; give its name or index")
    if classes is None:
        if found is None:
            return cell_number(cell, path, line)
        if cell not in found:
            found.append(cell)
        return float(found.index(cell))
    alike = [index for index, name in enumerate(classes) if _plain(name) == _plain(cell)]
    if len(alike) > 1:
        alike = [index for index in alike if classes[index] == cell] or alike
    if is_number(cell):
        number = cell_number(cell, path, line)
        if alike and number != alike[0]:
            raise BadInput(
                f"{path}:{line}: {cell} is the name of class {alike[0]} and an index; rename the classes"
            )
        return number
    if len(alike) != 1:
        near = difflib.get_close_matches(_plain(cell), [_plain(name) for name in classes], 1, 0.6)
        hint = "".join(f" (did you mean {name}?)" for name in classes if near and _plain(name) == near[0])
        shown = ", ".join(classes[:20]) + (", ..." if len(classes) > 20 else "")
        raise BadInput(
            f"{path}:{line}: class '{cell}'{hint} is none of {shown}; correct it, or the list of classes (--classes)"
        )
    return float(alike[0])


def _plain(name: str) -> str:
    return "".join(re.findall(r"[^\W_]+", name.casefold())) or name


def _xlsx_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        import openpyxl  # an optional extra
    except ImportError:
        raise BadInput(
            f"{path}: reading xlsx needs openpyxl; pip install 'avseld[xlsx]', or save the sheet as csv"
        ) from None
    require_file(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        for line, row in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
            cells = ["" if cell is None else str(cell).strip() for cell in row]
            if any(cells):
                yield line, cells
    except BadInput:
        raise
    except Exception as error:  # openpyxl raises what zipfile and its XML parser raise
        reason = " ".join(str(error).split())
        raise BadInput(f"{path}: no readable xlsx ({reason}); save it again, or as csv") from error
