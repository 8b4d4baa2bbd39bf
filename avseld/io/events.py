"""The table of events: annotations and predictions of every corpus and challenge year, and its CSV file."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.io.number_table import read_table
from avseld.io.row_checks import are_sources, check_source, warn_of_odd_distances
from avseld.io.row_maps import RowMaps, concatenate_maps
from avseld.io.text import read_text

COLUMNS = ("onset", "offset", "class", "source", "azimuth", "elevation", "distance")
ONSCREEN_COLUMNS = (*COLUMNS, "onscreen")
"""columns of a file in which visibility is annotated (DCASE 2025)"""

ARRAYS = ("onset", "offset", "label", "source", "azimuth", "elevation", "distance", "onscreen")
"""attributes of `Events` that have a value for each row"""

WHOLE = ("label", "source")
"""those of them that are whole numbers"""

HTML_ROWS = 20
"""rows that a notebook shows"""


class Event(NamedTuple):
    """One row of `Events`, with the class name where the table knows the names."""

    onset: float
    """seconds"""
    offset: float
    """seconds"""
    label: int
    """class index"""
    source: int
    azimuth: float
    """degrees, positive to the left"""
    elevation: float
    """degrees, positive up"""
    distance: float
    """metres"""
    onscreen: float
    """1 visible, 0 not, NaN if not annotated"""
    name: str
    """class name; empty if unknown"""


@dataclass(frozen=True, eq=False)
class Events:
    """Table of events: one class of one source, active from onset to offset in one direction.

    All arrays have shape (row,). NaN means "not annotated": a weak label has no onset, a label of sound event
    detection no direction, labels before 2023 no distance. `for event in events` gives the rows as `Event`.
    """

    onset: np.ndarray
    """seconds"""
    offset: np.ndarray
    """seconds"""
    label: np.ndarray
    """class index"""
    source: np.ndarray
    """number that distinguishes simultaneous instances of one class"""
    azimuth: np.ndarray
    """degrees, positive to the left"""
    elevation: np.ndarray
    """degrees, positive up"""
    distance: np.ndarray
    """metres"""
    onscreen: np.ndarray = None  # type: ignore[assignment]  # becomes an array right away
    """1 visible in the video, 0 not; all NaN if not annotated"""

    classes: tuple[str, ...] = field(default=(), kw_only=True)
    """class names by index, where known; they take no part in comparisons"""
    confidence: np.ndarray | None = field(default=None, kw_only=True)
    """(row,) how sure a system is of its prediction, 0 to 1, where known; it takes no part in comparisons"""
    energies: RowMaps | None = field(default=None, kw_only=True)
    """(row, cell of `avseld.io.sphere_grid`) energy map of the source in its label frame, where known; likewise"""

    def __post_init__(self) -> None:
        if self.onscreen is None:
            object.__setattr__(self, "onscreen", np.full(np.shape(np.atleast_1d(self.onset)), np.nan))
        for name in ARRAYS:
            array = np.asarray(getattr(self, name), int if name in WHOLE else float)
            object.__setattr__(self, name, np.atleast_1d(array))
        object.__setattr__(self, "classes", tuple(self.classes))
        lengths = {len(getattr(self, name)) for name in ARRAYS}
        if len(lengths) > 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.onset)

    def __iter__(self) -> Iterator[Event]:
        names = [self.classes[label] if 0 <= label < len(self.classes) else "" for label in self.label]
        yield from map(Event, *(getattr(self, name).tolist() for name in ARRAYS), names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Events):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, name), getattr(other, name), equal_nan=True) for name in ARRAYS
        )

    def __repr__(self) -> str:
        labels = np.unique(self.label)
        text = f"{len(self)} rows, {len(labels)} classes, until {self.duration:.1f} s"
        return f"Events({text}{': ' * bool(len(labels) and self.classes)}{', '.join(self._names(labels))})"

    def _names(self, labels: np.ndarray) -> list[str]:
        """Return the names of class indices; none where the table does not know the names."""
        known = dict(enumerate(self.classes))
        return [known.get(label, f"class {label}") for label in labels.tolist()] if self.classes else []

    def _repr_html_(self) -> str:
        """Show the first rows as a table in a notebook."""
        columns = self.to_columns()
        shown = {name: column[:HTML_ROWS] for name, column in columns.items()}
        cells = [[escape(_cell(value)) for value in row] for row in zip(*shown.values(), strict=True)]
        head = "".join(f"<th>{name}</th>" for name in columns)
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells)
        more = f"<p>and {len(self) - HTML_ROWS} more rows</p>" if len(self) > HTML_ROWS else ""
        return f"<p>{escape(repr(self))}</p><table><tr>{head}</tr>{body}</table>{more}"

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the table as lists by name of the column.

        Returns:
            onset, offset (seconds), label, class (name, only where the names are known), source, azimuth, elevation
            (degrees), distance (metres), and onscreen where it is annotated.
        """
        columns: dict[str, list[Any]] = {}
        for name in ARRAYS:
            if name != "onscreen" or not np.isnan(self.onscreen).all():
                columns[name] = getattr(self, name).tolist()
            if name == "label" and self.classes:
                columns["class"] = self._names(self.label)
        return columns

    def to_pandas(self) -> Any:
        """Return the table as a pandas DataFrame with the columns of `to_columns`.

        Raises:
            BadInput: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError:
            raise BadInput(
                "Events.to_pandas needs pandas, which is not installed; pip install pandas"
            ) from None
        return pandas.DataFrame(self.to_columns())

    def with_classes(self, classes: Sequence[str]) -> "Events":
        """Return the same table with class names.

        Args:
            classes: names by index.
        """
        return replace(self, classes=tuple(classes))

    def with_energies(self, energies: RowMaps) -> "Events":
        """Return the same table with an energy map for each row."""
        return replace(self, energies=energies)

    @classmethod
    def empty(cls) -> "Events":
        """Return a table without events."""
        return cls(*(np.zeros(0) for _ in COLUMNS))

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[float]]) -> "Events":
        """Build a table from rows of (onset, offset, label, source, azimuth, elevation, distance[, onscreen])."""
        table = np.asarray(list(rows), float)
        return cls(*table.reshape(-1, table.shape[1] if table.ndim == 2 else len(COLUMNS)).T)

    def select(self, rows: np.ndarray | slice) -> "Events":
        """Select rows by a mask, by indices or by a slice."""
        return Events(
            *(getattr(self, name)[rows] for name in ARRAYS),
            classes=self.classes,
            confidence=None if self.confidence is None else self.confidence[rows],
            energies=None if self.energies is None else self.energies[rows],
        )

    def sorted(self) -> "Events":
        """Sort by onset, class, source; rows that tie keep their order."""
        return self.select(np.lexsort((self.source, self.label, self.onset)))

    def within(self, start: float, stop: float) -> "Events":
        """Cut out the events between two times, seconds; the result counts time from `start`."""
        kept = self.select((self.offset > start) & (self.onset < stop))
        return replace(
            kept, onset=np.maximum(kept.onset, start) - start, offset=np.minimum(kept.offset, stop) - start
        )

    @property
    def duration(self) -> float:
        """Seconds until the last offset; 0 without events."""
        return float(np.nanmax(self.offset)) if len(self) and not np.isnan(self.offset).all() else 0.0


def concatenate(parts: Iterable[Events]) -> Events:
    """Join tables, in their order; class names are kept where no two differ, optional columns where all have them."""
    parts = list(parts) or [Events.empty()]
    names = {part.classes for part in parts if part.classes}
    filled = [part for part in parts if len(part)] or parts[:1]
    confidences = [part.confidence for part in filled if part.confidence is not None]
    energies = [part.energies for part in filled if part.energies is not None]
    return Events(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS),
        classes=names.pop() if len(names) == 1 else (),
        confidence=np.concatenate(confidences) if len(confidences) == len(filled) else None,
        energies=concatenate_maps(energies) if len(energies) == len(filled) else None,
    )


def number(value: float) -> str:
    """Format a number with as few as needed and at most six decimals: 3, -0.25, 12.345678; empty for NaN."""
    if np.isnan(value):
        return ""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _cell(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def write_events(path: Path | str, events: Events, names: Sequence[str] = ()) -> None:
    """Write the canonical CSV of a prepared folder: a header, then seconds, degrees and metres.

    The column `onscreen` is written only where a value is annotated.

    Args:
        path: the file.
        events: the rows.
        names: of the classes, to write in place of indices.
    """
    header = COLUMNS if np.isnan(events.onscreen).all() else ONSCREEN_COLUMNS
    with replacing(path, keep_same=True) as temporary:
        lines = [",".join(header), *event_lines(events, names, header)]
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def event_lines(events: Events, names: Sequence[str] = (), columns: Sequence[str] = COLUMNS) -> list[str]:
    """Format events as rows of the canonical CSV; arguments as for `write_events`, `columns` its header."""
    rows = [
        [number(float(value)) for value in row] for row in zip(*_columns(events)[: len(columns)], strict=True)
    ]
    if names:
        place = COLUMNS.index("class")
        rows = [[*row[:place], _quoted(names[int(row[place])]), *row[place + 1 :]] for row in rows]
    return [",".join(row) for row in rows]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if any(sign in name for sign in ',;"\t') else name


def read_events(path: Path | str, n_classes: int | None = None) -> Events:
    """Read the canonical CSV of a prepared folder.

    Args:
        path: a file written by `write_events`.
        n_classes: class indices from this on are refused.

    Returns:
        The table; with class names where `classes.txt` lies beside the file or its folder.

    Raises:
        BadInput: the file is missing, has another header or a bad row (named by its line).
    """
    path = Path(path)
    lines = read_lines(path)
    names = tuple(word.strip() for word in lines[0].split(",")) if lines else ()
    if names not in (COLUMNS, ONSCREEN_COLUMNS):
        raise BadInput(f"{path}:1: expected the header {','.join(COLUMNS)}; make the file with avseld-prep")
    table = read_table(lines[1:], len(names), empty_is_nan=True)
    if table is None or _suspicious(table, n_classes):
        table = np.array(
            [
                _checked(path, line, text, len(names), n_classes)
                for line, text in enumerate(lines[1:], start=2)
                if text.strip()
            ]
        )
    events = Events.from_rows(table)
    filled = [line for line, text in enumerate(lines[1:], start=2) if text.strip()]
    warn_of_odd_distances(path, events.distance, filled.__getitem__)
    names = _classes_beside(path)
    return events.with_classes(names) if events.label.max(initial=-1) < len(names) else events


def _classes_beside(path: Path) -> tuple[str, ...]:
    """Read the class names of the prepared folder in which a file of labels lies; none if there is no list."""
    for folder in (path.parent, path.parent.parent):
        if (folder / "classes.txt").is_file():
            return tuple(name.strip() for name in read_lines(folder / "classes.txt") if name.strip())
    return ()


def _suspicious(table: np.ndarray, n_classes: int | None) -> bool:
    label, limit = table[:, 2], np.inf if n_classes is None else n_classes
    fine = (label >= 0) & (label % 1 == 0) & (label < limit)
    # comparisons with NaN are false, so that missing values pass
    wrong = (np.abs(table[:, 4]) > 360) | (np.abs(table[:, 5]) > 90) | (table[:, 0] > table[:, 1])
    return bool((~fine | wrong | (table[:, 0] < 0) | ~are_sources(table[:, 3])).any())


def _checked(path: Path, line: int, text: str, width: int, n_classes: int | None) -> list[float]:
    words = text.split(",")
    if len(words) != width:
        raise BadInput(f"{path}:{line}: {len(words)} columns instead of {width}; correct the row")
    values = [parse(word, path, line) if word.strip() else np.nan for word in words]
    check_row(path, line, values[2], values[4], values[5], n_classes)
    if values[0] > values[1]:
        raise BadInput(f"{path}:{line}: offset {words[1]} before onset {words[0]}; correct the row")
    if values[0] < 0:
        raise BadInput(f"{path}:{line}: onset {words[0]} before the start; correct the row")
    if np.isnan(values[3]):
        raise BadInput(f"{path}:{line}: no source; write 0 where there is but one")
    check_source(path, line, values[3])
    return values


def read_lines(path: Path) -> list[str]:
    """Read the lines of a text file without their ends.

    Raises:
        BadInput: the file is missing or not text.
    """
    return read_text(path).splitlines()


def parse(word: str, path: Path, line: int) -> float:
    """Parse one finite number of a csv row.

    Raises:
        BadInput: the cell is not a finite number; names file and line.
    """
    try:
        value = float(word)
    except ValueError:
        raise BadInput(f"{path}:{line}: '{word.strip()}' is not a number; correct the row") from None
    if not np.isfinite(value):
        raise BadInput(f"{path}:{line}: '{word.strip()}' is not finite; correct the row")
    return value


def check_row(
    path: Path, line: int, label: float, azimuth: float, elevation: float, n_classes: int | None
) -> None:
    """Refuse a class or a direction out of range.

    Raises:
        BadInput: class not a whole number in range, or an angle outside its range; names file and line.
    """
    if not label >= 0 or label != int(label) or (n_classes is not None and label >= n_classes):
        limit = "" if n_classes is None else f" below {n_classes}"
        raise BadInput(f"{path}:{line}: class {number(label)} is not an index{limit}; check the class list")
    if abs(azimuth) > 360 or abs(elevation) > 90:
        raise BadInput(
            f"{path}:{line}: azimuth {number(azimuth)}, elevation {number(elevation)} is no direction in "
            "degrees; correct the row or its column order"
        )


def _columns(events: Events) -> list[np.ndarray]:
    return [getattr(events, name) for name in ARRAYS]
