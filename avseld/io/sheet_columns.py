"""The columns of a sheet of events, recognized by their names and units, and examples of every way to write labels."""

import difflib
import logging
import re
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput

log = logging.getLogger(__name__)

COLUMN_NAMES = {
    "onset": ("onset", "start", "begin", "onsettime", "starttime", "begintime", "eventonset", "tmin"),
    "offset": ("offset", "end", "stop", "offsettime", "endtime", "stoptime", "eventoffset", "tmax"),
    "duration": ("duration", "length", "dur"),
    "frame": ("frame", "frameindex"),
    "class": (
        "class", "classname", "classid", "classindex", "label", "event", "eventlabel", "category", "sound",
        "soundevent", "soundeventrecording", "annotation", "annotations", "species", "tag", "commonname",
    ),
    "source": ("source", "sourceid", "track", "trackid", "instance", "sourcenumber"),
    "azimuth": ("azimuth", "azi", "az"),
    "elevation": ("elevation", "ele", "el"),
    "distance": ("distance", "dist", "range"),
    "x": ("x",),
    "y": ("y",),
    "z": ("z",),
    "onscreen": ("onscreen", "visible"),
    "file": ("file", "filename", "recording", "recordingname", "audio", "audiofile", "audiofilename", "wav", "path",
             "beginfile"),
}  # fmt: skip
"""columns and how their names are written, without case, blanks, signs and unit; `soundeventrecording` is TUT 2018's"""
COLUMN_OF_NAME = {name: column for column, names in COLUMN_NAMES.items() for name in names}
UNITS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "ms": 0.001,
    "m": 1.0, "metre": 1.0, "metres": 1.0, "meter": 1.0, "meters": 1.0, "cm": 0.01,
    "deg": 1.0, "degree": 1.0, "degrees": 1.0, "rad": 180 / np.pi,
}  # fmt: skip
"""factors to seconds, metres and degrees"""
UNIT_OF_COLUMN = {
    "s": ("onset", "offset", "duration"),
    "m": ("distance",),
    "deg": ("azimuth", "elevation"),
}
KINDS_OF_UNIT = {
    "s": ("s", "sec", "secs", "second", "seconds", "ms"),
    "deg": ("deg", "degree", "degrees", "rad"),
}
NAME = "name"
"""header of a column that is the class where no other one is"""
OF_TOOLS = {
    "selection", "view", "channel", "lowfreqhz", "highfreqhz", "deltatimes", "deltafreqhz", "fileoffsets", "beginpath",
    "avgpowerdensitydbfshz", "peakfreqhz",
}  # fmt: skip
"""columns that Raven writes and that mean nothing here"""
SIMILAR = 0.75
"""similarity of a column's name to a known one (`difflib`) from which it is taken for a misspelling"""

EXAMPLES = (
    "events, header onset,offset,class,azimuth,elevation and rows such as 0.4,2.1,speech,30,-5 (or start, end, "
    "duration; optional columns source, distance in metres, file; also semicolons, tabs, xlsx); label frames of DCASE, "
    "rows such as 4,1,0,30,-5,180 (frame of 100 ms, class, source, azimuth, elevation, distance in cm); or exports of "
    "Audacity (rows such as 0.4<TAB>2.1<TAB>speech), ELAN (tab-delimited text), Praat (TextGrid) and Raven"
)
"""an example of each way to write labels, for messages"""


def column_named(cell: str) -> tuple[str | None, float]:
    """Recognize the header of a column.

    Returns:
        The column, None if unknown, and the factor of its unit.
    """
    words = re.findall(r"[^\W_]+", cell.casefold())
    if "".join(words) in COLUMN_OF_NAME:
        return COLUMN_OF_NAME["".join(words)], 1.0
    if len(words) > 1 and words[-1] in UNITS and "".join(words[:-1]) in COLUMN_OF_NAME:
        column = COLUMN_OF_NAME["".join(words[:-1])]
        kind = next((kind for kind, units in KINDS_OF_UNIT.items() if words[-1] in units), "m")
        if column in UNIT_OF_COLUMN[kind]:
            return column, UNITS[words[-1]]
    return None, 1.0


def names_unit_of_distance(cell: str) -> bool:
    """Return whether a cell of a header is a distance with its unit, such as `distance_cm`."""
    column, _ = column_named(cell)
    return column == "distance" and re.findall(r"[^\W_]+", cell.casefold())[-1] in UNITS


def columns_of(path: Path, line: int, cells: list[str]) -> tuple[tuple[str | None, ...], tuple[float, ...]]:
    """Recognize the columns of a header.

    Args:
        path: the file, for messages.
        line: of the header.
        cells: its names.

    Returns:
        The column of each cell, None where it has no use, and the factors of their units.

    Raises:
        BadInput: no times or no class, a column that stands twice, or one that looks misspelled.
    """
    pairs = [column_named(cell) for cell in cells]
    if not any(column == "class" for column, _ in pairs):  # an event list of avseld predict has names
        pairs = [("class", 1.0) if cell.strip().casefold() == NAME else pair
                 for cell, pair in zip(cells, pairs, strict=True)]  # fmt: skip
    columns = tuple(column for column, _ in pairs)
    shown = ", ".join(cell for cell in cells if cell)
    has_times = "onset" in columns and ("offset" in columns or "duration" in columns)
    absent = [name for name in ("class",) if name not in columns]
    if not has_times and "frame" not in columns:
        absent.insert(0, "onset and offset")
    if absent:
        raise BadInput(f"{path}:{line}: no column {' and no '.join(absent)} in {shown}; expected {EXAMPLES}")
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise BadInput(f"{path}:{line}: two columns of {', '.join(twice)} in {shown}; remove or rename one")
    axes = [axis for axis in "xyz" if axis in columns]
    if axes and len(axes) < 3:
        raise BadInput(f"{path}:{line}: {', '.join(axes)} without the other axes in {shown}; add them")
    plain = ["".join(re.findall(r"[^\W_]+", cell.casefold())) for cell in cells]
    unknown = [
        cell
        for cell, column, name in zip(cells, columns, plain, strict=True)
        if cell and column is None and name not in OF_TOOLS
    ]
    for cell in unknown:
        words = [word for word in re.findall(r"[^\W_]+", cell.casefold()) if word not in UNITS]
        near = difflib.get_close_matches("".join(words), COLUMN_OF_NAME, 1, SIMILAR)
        if near and COLUMN_OF_NAME[near[0]] not in columns:
            raise BadInput(f"{path}:{line}: unknown column {cell}; did you mean {COLUMN_OF_NAME[near[0]]}?")
    if unknown:
        log.warning("%s: columns that are not used: %s", path, ", ".join(unknown))
    return columns, tuple(factor for _, factor in pairs)
