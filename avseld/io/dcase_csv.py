"""Read and write the frame CSVs of DCASE: labels of STARSS22/23, predictions of every year, polar or Cartesian.

One row is one source of one class, active in one frame of 100 ms. Without a header, the number of columns decides
(readers of the DCASE baselines: github.com/sharathadavanne/seld-dcase2023, cls_feature_class.py, and
github.com/partha2409/DCASE2024_seld_baseline):

| columns | meaning |
|---|---|
| 4 | frame, class, azimuth, elevation |
| 5 | frame, class, source, azimuth, elevation |
| 6 | frame, class, source, azimuth, elevation, distance; or frame, class, source, x, y, z |
| 7 | frame, class, source, x, y, z, distance |

DCASE 2025 has a header: frame, class, source, azimuth, distance, onscreen; its elevation is read as 0
(github.com/partha2409/DCASE2025_seld_baseline).

A distance that is unknown is an empty cell or nan, and where none is known the column is left out.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.base.rates import LABEL_HOP, frames_within
from avseld.io.events import Events, check_row, number, parse, read_lines
from avseld.io.geometry import direction, unit_vector
from avseld.io.number_table import read_table
from avseld.io.row_checks import are_frames, are_sources, check_source, warn_of_odd_distances
from avseld.io.sheet_columns import EXAMPLES
from avseld.io.tables import delimiter_of

log = logging.getLogger(__name__)

MAX_VECTOR_LENGTH = 2.0
"""predicted vectors may be longer than 1: each axis of a system is at most 1"""

POLAR = {
    4: ("frame", "class", "azimuth", "elevation"),
    5: ("frame", "class", "source", "azimuth", "elevation"),
    6: ("frame", "class", "source", "azimuth", "elevation", "distance"),
}
CARTESIAN = {
    6: ("frame", "class", "source", "x", "y", "z"),
    7: ("frame", "class", "source", "x", "y", "z", "distance"),
}
STEREO_2025 = ("frame", "class", "source", "azimuth", "distance", "onscreen")
COLUMN_NAMES = {name for columns in (*POLAR.values(), *CARTESIAN.values(), STEREO_2025) for name in columns}
COLUMN_ALIASES = {
    "track": "source",
    "source_id": "source",
    "azi": "azimuth",
    "ele": "elevation",
    "dist": "distance",
}

METRES_PER_UNIT_OF_COLUMNS = {CARTESIAN[7]: 1.0, STEREO_2025: 0.01}
"""unit of distance of the columns that only predictions of 2024 and labels and predictions of 2025 have"""

MAX_HEAD_LINES = 5
"""lines from which the delimiter is decided"""
MAX_ROUNDING = 0.05
"""largest difference of the length of a unit vector from 1, written with one decimal"""

Coordinates = Literal["auto", "polar", "cartesian"]
"""how six columns without a header are read"""
SixColumns = Literal["polar", "cartesian", "unclear"]
"""what the numbers of six columns without a header can be"""


@dataclass(frozen=True)
class Dialect:
    """Format of a file, detailed enough to write the same bytes again."""

    columns: tuple[str, ...] = POLAR[6]
    header: bool = False
    newline: str = "\n"
    final_newline: bool = True
    metres_per_unit: float = 0.01
    """0.01 where distances are centimetres (labels), 1 where metres (predictions of 2024)"""
    degrees_per_unit: float = 1.0
    """of azimuth and elevation; 180 / pi where they are radians"""
    first_frame: int = 0
    """index of the frame that begins at 0 s"""
    hop: float = LABEL_HOP
    """seconds between frames"""
    whole_degrees: bool = False
    """write directions as whole degrees from -180 to 179"""


def read_dcase(
    path: Path | str,
    n_classes: int | None = None,
    coordinates: Coordinates = "auto",
    metres_per_unit: float = 0.01,
    hop: float = LABEL_HOP,
    degrees_per_unit: float = 1.0,
    first_frame: int = 0,
    lenient: bool = False,
) -> tuple[Events, Dialect]:
    """Read a frame CSV in any dialect.

    Args:
        path: the file; an empty one holds no events.
        n_classes: class indices from this on are refused.
        coordinates: whether six columns without a header are polar or Cartesian; auto takes them as Cartesian where
            every vector is at most 2 long and at least one x or y has decimals, see `six_columns`.
        metres_per_unit: unit of the distance column, 0.01 for centimetres.
        hop: seconds between frames; 0.02 in the files of DCASE 2019.
        degrees_per_unit: unit of azimuth and elevation, 180 / pi for radians.
        first_frame: index of the frame that begins at 0 s; 1 where a file counts from 1.
        lenient: keep rows with a frame or a class below 0 and with angles out of range, as official scorers do.

    Returns:
        One row of events per row of the file, in the file's order, and the format of the file.

    Raises:
        BadInput: missing, or a bad row; names file and line.
    """
    path = Path(path)
    lines = _with_commas(read_lines(path))
    raw = path.read_bytes()
    dialect = Dialect(
        newline="\r\n" if b"\r\n" in raw else "\n",
        final_newline=raw.endswith(b"\n") or not raw,
        metres_per_unit=metres_per_unit,
        degrees_per_unit=degrees_per_unit,
        first_frame=first_frame,
    )
    if lines and (names := _header(lines[0], path)):
        dialect = replace(dialect, header=True, columns=names)
    first = 2 if dialect.header else 1
    body = lines[first - 1 :]
    example = next((text for text in body if text.strip()), None)
    if example is None:
        return Events.empty(), dialect
    width = len(dialect.columns) if dialect.header else example.count(",") + 1
    table = read_table(body, width)
    if table is None:
        place = (
            dialect.columns.index("distance") if dialect.header and "distance" in dialect.columns else None
        )
        if not dialect.header and width > len(POLAR[5]):
            place = width - 1
        table = np.array([_numbers(text, path, line, width, place) for line, text in _numbered(body, first)])
    if not dialect.header:
        dialect = replace(dialect, columns=_columns_of(table, path, coordinates))
    return _events(table, dialect, path, body, n_classes, hop, lenient), dialect


def write_dcase(path: Path | str, events: Events, dialect: Dialect | None = None) -> None:
    """Write a frame CSV.

    Args:
        path: the file.
        events: each row lies within one frame of 100 ms or spans several (then one row a frame is written).
        dialect: format of the file; that of STARSS23's labels (six polar columns, centimetres) if None. Its column
            of distances is left out where no distance is known; single unknown ones are written as nan.

    Raises:
        BadInput: an event without direction, which no frame CSV can hold.
    """
    dialect = dialect or Dialect()
    if len(events) and np.isnan(events.distance).all():
        dialect = replace(dialect, columns=tuple(name for name in dialect.columns if name != "distance"))
    if np.isnan(events.azimuth).any() and {"azimuth", "x"} & set(dialect.columns):
        raise BadInput(f"{path}: a frame csv holds no event without direction; write events with times")
    lines = [",".join(dialect.columns)] if dialect.header else []
    lines += dcase_lines(events, dialect)
    text = dialect.newline.join(lines)
    if lines and dialect.final_newline:
        text += dialect.newline
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode())


def dcase_lines(events: Events, dialect: Dialect) -> list[str]:
    """Format events as rows of a frame CSV, without header and line ends; arguments as for `write_dcase`."""
    frames = expand(events, dialect.hop)
    if dialect.whole_degrees:
        azimuth, elevation = np.round(frames.azimuth), np.round(frames.elevation)
        frames = replace(frames, azimuth=(azimuth + 180) % 360 - 180, elevation=elevation)
    columns = {
        "frame": np.round(frames.onset / dialect.hop) + dialect.first_frame,
        "class": frames.label,
        "source": frames.source,
        "azimuth": frames.azimuth / dialect.degrees_per_unit,
        "elevation": frames.elevation / dialect.degrees_per_unit,
        "distance": frames.distance / dialect.metres_per_unit,
        "onscreen": frames.onscreen,
    }
    columns |= dict(zip("xyz", unit_vector(frames.azimuth, frames.elevation).T, strict=True))
    unknown = ["nan" if name == "distance" else "0" for name in dialect.columns]
    rows = zip(*(columns[name] for name in dialect.columns), strict=True)
    return [
        ",".join(number(float(value)) or word for value, word in zip(row, unknown, strict=True))
        for row in rows
    ]


def expand(events: Events, hop: float = LABEL_HOP) -> Events:
    """Split every event into rows of one label frame; rows of one frame are unchanged.

    Args:
        events: an event covers each frame that it overlaps by more than half a percent of a frame.
        hop: seconds between frames.
    """
    rows, frame = frames_of(events.onset, events.offset, hop)
    return replace(events.select(rows), onset=frame * hop, offset=(frame + 1) * hop)


def frames_of(onset: np.ndarray, offset: np.ndarray, hop: float = LABEL_HOP) -> tuple[np.ndarray, np.ndarray]:
    """List the frames that events cover, those that they overlap by more than half a percent of a frame.

    Args:
        onset: (row,) seconds.
        offset: (row,) seconds.
        hop: seconds between frames.

    Returns:
        Two arrays (covered frame,): the row of the event, ascending, and the index of the frame.
    """
    first = np.floor(onset / hop + 0.005).astype(np.int64)
    last = np.maximum(np.ceil(offset / hop - 0.005).astype(np.int64), first + 1)
    if (last - first == 1).all():
        return np.arange(len(onset)), first
    return frames_within(first, last)


def _with_commas(lines: list[str]) -> list[str]:
    """Write commas for the semicolons or tabs between numbers, and points for decimal commas."""
    delimiter = delimiter_of("\n".join(lines[:MAX_HEAD_LINES]))
    if delimiter == ",":
        return lines
    return [line.replace(",", ".").replace(delimiter, ",") for line in lines]


def _header(text: str, path: Path) -> tuple[str, ...]:
    words = [word.strip().lower() for word in text.split(",")]
    try:
        [float(word) for word in words if word]
    except ValueError:
        names = tuple(COLUMN_ALIASES.get(word, word) for word in words)
        if not {"frame", "class"} <= set(names) or not set(names) <= COLUMN_NAMES:
            raise BadInput(f"{path}:1: unknown columns {text.strip()}; expected {EXAMPLES}") from None
        return names
    return ()


def _numbered(body: Sequence[str], first: int) -> list[tuple[int, str]]:
    """List rows with their line numbers, empty lines left out."""
    return [(line, text) for line, text in enumerate(body, start=first) if text.strip()]


def _numbers(text: str, path: Path, line: int, width: int, distance: int | None) -> list[float]:
    """Parse the cells of a row; the one at the place of the distance may be empty or nan."""
    words = text.split(",")
    if len(words) != width:
        raise BadInput(f"{path}:{line}: {len(words)} columns, the rows before have {width}; correct the row")
    return [
        np.nan if place == distance and word.strip().lower() in ("", "nan") else parse(word, path, line)
        for place, word in enumerate(words)
    ]


def six_columns(numbers: np.ndarray) -> SixColumns:
    """Decide whether three columns are azimuth, elevation and distance, or x, y, z.

    Args:
        numbers: (row, 3), the last three of six columns.

    Returns:
        cartesian where all are unit vectors, polar where some are longer than 2 or x and y have no decimals (a vector
        (0, 0, 1.5) is no direction, azimuth 0 and elevation 0 at 1.5 m are), else unclear.
    """
    length = np.linalg.norm(numbers, axis=1)
    if not (length <= MAX_VECTOR_LENGTH).all() or (numbers[:, :2] % 1 == 0).all():
        return "polar"
    return "cartesian" if (np.abs(length - 1) <= MAX_ROUNDING).all() else "unclear"


def _columns_of(table: np.ndarray, path: Path, coordinates: str) -> tuple[str, ...]:
    """Decide the columns of a file without header by their number and values."""
    width = table.shape[1]
    if width == 6:
        is_polar = six_columns(table[:, 3:]) == "polar" if coordinates == "auto" else coordinates == "polar"
        return POLAR[6] if is_polar else CARTESIAN[6]
    if width in POLAR:
        return POLAR[width]
    if width in CARTESIAN:
        return CARTESIAN[width]
    raise BadInput(f"{path}:1: {width} columns; expected 4 to 7 (frame, class, ...)")


def _events(
    table: np.ndarray,
    dialect: Dialect,
    path: Path,
    body: Sequence[str],
    n_classes: int | None,
    hop: float,
    lenient: bool,
) -> Events:
    def line_of(row: int) -> int:
        return _numbered(body, 1 + dialect.header)[row][0]

    column = dict(zip(dialect.columns, table.T, strict=True))
    if "x" in column:
        column["azimuth"], column["elevation"] = direction(
            np.stack([column[axis] for axis in "xyz"], axis=-1)
        )
    elif dialect.degrees_per_unit != 1:
        for name in {"azimuth", "elevation"} & column.keys():
            column[name] = column[name] * dialect.degrees_per_unit
    unknown = np.full(len(table), np.nan)
    azimuth, elevation = column.get("azimuth", unknown), column.get("elevation", np.zeros(len(table)))
    frame = column["frame"] - dialect.first_frame
    wrong = ~are_frames(np.abs(frame) if lenient else frame)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BadInput(
            f"{path}:{line_of(row)}: frame {column['frame'][row]:.9g} is no index; frames count from "
            f"{dialect.first_frame}"
        )
    source = column.get("source", np.zeros(len(table)))
    for row in map(int, np.flatnonzero(~are_sources(source))):
        check_source(path, line_of(row), source[row])
    strange = _suspicious(column["class"], azimuth, elevation, n_classes)
    odd = column["class"] % 1 != 0 if lenient else strange
    for row in map(int, np.flatnonzero(odd)):
        check_row(path, line_of(row), column["class"][row], azimuth[row], elevation[row], n_classes)
    units_per_metre = 1 / dialect.metres_per_unit  # 100 exactly: 57 / 100 is 0.57, 57 * 0.01 is not
    distance = column["distance"] / units_per_metre if "distance" in column else unknown
    _warn_of_long_vectors(column, path, line_of)
    warn_of_odd_distances(path, distance, line_of)
    return Events(
        frame * hop,
        (frame + 1) * hop,
        column["class"],
        source,
        azimuth,
        elevation,
        distance,
        column.get("onscreen", unknown),
    )


def _warn_of_long_vectors(column: dict[str, np.ndarray], path: Path, line_of: Callable[[int], int]) -> None:
    """Warn once a file of vectors that are no directions; they are read all the same."""
    if "x" not in column:
        return
    rows = np.linalg.norm([column[axis] for axis in "xyz"], axis=0) > MAX_VECTOR_LENGTH
    if rows.any():
        log.warning(
            "%s:%d: x, y, z are no unit vector; is a number written with a decimal comma? (%d rows like it)",
            path, line_of(int(np.argmax(rows))), rows.sum(),
        )  # fmt: skip


def _suspicious(
    label: np.ndarray, azimuth: np.ndarray, elevation: np.ndarray, n_classes: int | None
) -> np.ndarray:
    limit = np.inf if n_classes is None else n_classes
    return (
        (label < 0) | (label % 1 != 0) | (label >= limit) | (np.abs(azimuth) > 360) | (np.abs(elevation) > 90)
    )
