"""Small tables of text with a header, as spreadsheets save them: any delimiter, encoding and decimal sign."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.text import read_text

TIME = re.compile(r"\d+:[0-5]?\d:[0-5]?\d(\.\d+)?|[0-5]?\d:[0-5]?\d\.\d+")
"""hours, minutes and seconds, or minutes and seconds with decimals: 0:30 may be half an hour"""


def delimiter_of(text: str) -> str:
    """Return tab, semicolon or comma: the first of them that the first line with text has."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return next((mark for mark in "\t;" if mark in first), ",")


def csv_rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Split a text into stripped cells, with line numbers from 1; empty rows are left out.

    Raises:
        BadInput: no csv; names the line.
    """
    reader = csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield reader.line_num, stripped
    except csv.Error as error:
        raise BadInput(f"{path}:{reader.line_num}: no csv ({error}); export it again") from error


def read_rows(path: Path, required: Sequence[str], expected: str) -> list[tuple[int, dict[str, str]]]:
    """Read a table whose header names its columns, in any case and order.

    Args:
        path: comma, semicolon or tab between cells; UTF-8 or UTF-16, with or without a byte order mark.
        required: columns that must be there, in lower case.
        expected: what the table should look like, for messages.

    Returns:
        Line number and cells by column in lower case, for each row; cells at the end of a row may be
        missing where they are not required.

    Raises:
        BadInput: missing, not text, no such columns, or a row of another length; names file and line.
    """
    text = read_text(path)
    rows = list(csv_rows(path, text, delimiter_of(text)))
    header = [cell.lower() for cell in rows[0][1]] if rows else []
    if absent := [name for name in required if name not in header]:
        shown = ", ".join(header) or "nothing"
        raise BadInput(f"{path}:1: no column {' and '.join(absent)} in {shown}; expected {expected}")
    found = []
    for line, cells in rows[1:]:
        is_long = any(cells[len(header) :])
        if is_long or set(header[len(cells) :]) & set(required):
            raise BadInput(f"{path}:{line}: {len(cells)} columns instead of {len(header)}; correct the row")
        padded = cells + [""] * (len(header) - len(cells))
        found.append((line, dict(zip(header, padded, strict=False))))
    return found


def with_point(cell: str) -> str:
    """Write a decimal point for a decimal comma."""
    cell = cell.strip()
    return cell.replace(",", ".") if cell.count(",") == 1 and "." not in cell else cell


def is_number(cell: str) -> bool:
    """Return whether a cell is a number, with a decimal point or a decimal comma."""
    try:
        float(with_point(cell))
    except ValueError:
        return False
    return True


def is_time(cell: str) -> bool:
    """Return whether a cell is a time with colons: 1:02.5 or 00:01:02."""
    return TIME.fullmatch(with_point(cell)) is not None


def seconds_of(cell: str, path: Path, line: int) -> float:
    """Parse seconds, or a time with colons, to seconds.

    Raises:
        BadInput: neither; names file and line.
    """
    if not is_time(cell):
        return cell_number(cell, path, line)
    seconds = 0.0
    for part in with_point(cell).split(":"):
        seconds = 60 * seconds + float(part)
    return seconds


def cell_number(cell: str, path: Path, line: int) -> float:
    """Parse a finite number with a decimal point or a decimal comma.

    Raises:
        BadInput: the cell is not a finite number; names file and line.
    """
    try:
        number = float(with_point(cell))
    except ValueError:
        raise BadInput(f"{path}:{line}: '{cell.strip()}' is not a number; correct the row") from None
    if not np.isfinite(number):
        raise BadInput(f"{path}:{line}: '{cell.strip()}' is not finite; correct the row")
    return number
