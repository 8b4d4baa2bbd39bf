"""Exports of annotation tools: TextGrids of Praat, tab-delimited text of ELAN, selection tables of Raven.

All become rows of onset, offset, tier and label (seconds and text); which of tier and label names the class is decided
with the list of classes (`avseld.io.sheets.sheet_events`).
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.io.tables import is_number, is_time, seconds_of

log = logging.getLogger(__name__)

ROW = ("onset", "offset", "tier", "class")
"""columns of the rows"""
Rows = list[tuple[int, list[str]]]
"""line numbers and cells"""

HEAD_OF_TEXTGRID = re.compile(r'\s*File type\s*=\s*"ooTextFile|\s*"ooTextFile')
TOKEN = re.compile(
    r'"((?:[^"]|"")*)"|<(exists|absent)>|(?<![\w\["])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w\]])'
)
"""a text, a flag or a free-standing number; names of fields and indices in brackets are left out"""


def is_textgrid(text: str) -> bool:
    """Return whether a text is a TextGrid of Praat, long or short."""
    return HEAD_OF_TEXTGRID.match(text) is not None


def textgrid_rows(path: Path, text: str) -> Rows:
    """Read the labelled intervals of a TextGrid; intervals without text are left out, and so are points.

    Raises:
        BadInput: damaged; names the line.
    """
    tokens = _tokens(text)
    rows: Rows = []
    n_points = 0
    try:
        _expect(next(tokens)[1].startswith("ooTextFile"))
        _expect(next(tokens)[1] == "TextGrid")
        next(tokens), next(tokens)
        _expect(next(tokens)[1] == "exists")
        for _ in range(int(next(tokens)[1])):
            kind, name = next(tokens)[1], next(tokens)[1]
            next(tokens), next(tokens)
            _expect(kind in ("IntervalTier", "TextTier"))
            for _ in range(int(next(tokens)[1])):
                line, onset = next(tokens)
                if kind == "TextTier":
                    next(tokens)
                    n_points += 1
                    continue
                offset, label = next(tokens)[1], next(tokens)[1].strip()
                if label:
                    rows.append((line, [onset, offset, name, label]))
    except (StopIteration, ValueError) as error:
        raise BadInput(
            f"{path}: no whole TextGrid; save it again in Praat as a text or short text file"
        ) from error
    if n_points:
        log.warning("%s: %d points have no duration; left out", path, n_points)
    return rows


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    line, counted = 1, 0
    for match in TOKEN.finditer(text):
        line, counted = line + text.count("\n", counted, match.start()), match.start()
        word = next(group for group in match.groups() if group is not None)
        yield line, word.replace('""', '"')


def _expect(condition: bool) -> None:
    if not condition:
        raise ValueError("another word was expected")


def elan_rows(path: Path, rows: Rows) -> Rows | None:
    """Read the tab-delimited text that ELAN exports, with or without a header.

    Args:
        path: the file, for messages.
        rows: line numbers and cells of the whole file.

    Returns:
        Rows of onset, offset, tier and annotation; None for another file.
    """
    rows = [(line, cells) for line, cells in rows if not cells[0].startswith(("#", '"#'))]
    if not rows:
        return None
    header = [cell.casefold() for cell in rows[0][1]]
    begins = [place for place, cell in enumerate(header) if cell.startswith("begin time - ")]
    if begins:
        ends = [place for place, cell in enumerate(header) if cell.startswith("end time - ")]
        tier = header.index("tier") if "tier" in header else None
        label = next((place for place, cell in enumerate(header) if cell.startswith("annotation")), None)
        body = rows[1:]
        if not ends:
            return None
        begin, end, factor = begins[0], ends[0], 0.001 if header[begins[0]].endswith(" msec") else 1.0
    else:
        cells = rows[0][1]
        times = [place for place, cell in enumerate(cells) if is_time(cell)]
        # Begin, end and duration may be written in several ways; 00:00:01.250 is the surest one.
        times = times or [place for place, cell in enumerate(cells[:-1]) if is_number(cell)]
        if len(cells) < 4 or len(times) not in (2, 3) or times[0] == 0 or is_number(cells[0]):
            return None
        begin, end, tier, factor, label, body = times[0], times[1], 0, 1.0, len(cells) - 1, rows
        if all(cells[place].isdecimal() for _, cells in rows for place in times if place < len(cells)):
            log.warning(
                "%s: times without decimals are read as milliseconds; export seconds to be sure", path
            )
            factor = 0.001
    found: Rows = []
    for line, cells in body:
        cells = cells + [""] * (max(begin, end, tier or 0, label or 0) + 1 - len(cells))
        onset, offset = (seconds_of(cells[place], path, line) * factor for place in (begin, end))
        named = ("" if place is None else cells[place] for place in (tier, label))
        found.append((line, [f"{onset:.6f}", f"{offset:.6f}", *named]))
    return found


def raven_rows(rows: Rows) -> Rows:
    """Bring a selection table of Raven to one row a selection, with times counted from the start of its file.

    A selection stands in the table once for every view. Where a table covers several files, `Begin Time (s)` runs on
    over all of them, and `File Offset (s)` is the time in the file.

    Args:
        rows: line numbers and cells of the whole file, the header first.

    Returns:
        The rows; those of other tables as they are.
    """
    if not rows:
        return rows
    header = [re.sub(r"[^a-z]", "", cell.casefold()) for cell in rows[0][1]]
    if not {"selection", "begintimes"} <= set(header):
        return rows
    selection, begin = header.index("selection"), header.index("begintimes")
    place = {name: header.index(name) for name in ("endtimes", "fileoffsets", "beginfile") if name in header}
    seen: set[str] = set()
    found = [rows[0]]
    for line, cells in rows[1:]:
        cells = cells + [""] * (len(header) - len(cells))
        if cells[selection] in seen:
            continue
        seen.add(cells[selection])
        if "fileoffsets" in place and "endtimes" in place and is_number(cells[place["fileoffsets"]]):
            onset, until = float(cells[place["fileoffsets"]]), float(cells[place["endtimes"]])
            length = until - float(cells[begin])
            cells[begin], cells[place["endtimes"]] = f"{onset:.6f}", f"{onset + length:.6f}"
        found.append((line, cells))
    return found
