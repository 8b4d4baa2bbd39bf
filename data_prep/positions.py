"""Convert position tracks (motion capture, a tracker) to frame csv of DCASE."""

import logging
import re
from pathlib import Path
from typing import Literal

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import takes_paths, visible_files
from avseld.base.rates import LABEL_HOP
from avseld.io.dcase_csv import write_dcase
from avseld.io.events import Events
from avseld.io.geometry import direction, wrap
from avseld.io.row_checks import check_source
from avseld.io.tables import cell_number, read_rows

log = logging.getLogger(__name__)

METRES_PER_UNIT = {"m": 1.0, "cm": 0.01, "mm": 0.001}
FAR = 1e6
"""no track reaches it in any unit"""
DIRECTIONS = {
    "front": (1, 0, 0), "back": (-1, 0, 0), "left": (0, 1, 0), "right": (0, -1, 0), "up": (0, 0, 1), "down": (0, 0, -1),
}  # fmt: skip
"""unit vectors, x front, y left, z up"""


@takes_paths
def positions(
    source: Path,
    target: Path,
    rate: float,
    axes: str = "x=front,y=left,z=up",
    unit: Literal["m", "cm", "mm"] = "m",
    label: int = 0,
    array: str = "0,0,0",
    turn: float = 0.0,
) -> int:
    """Convert position tracks to frame csv: azimuth, elevation and distance every 100 ms.

    A track is an .npy of shape (time, 3) or (time, source, 3), or a csv with the columns x, y, z and perhaps source,
    one row per source and time. NaN marks a source that is silent or absent.

    Args:
        source: a file, or a folder of .npy and .csv files.
        target: folder for NAME.csv.
        rate: positions per second.
        axes: directions of the axes of the tracks, seen from the array.
        unit: of the tracks.
        label: class index of the tracked sources.
        array: position of the array in the axes and unit of the tracks.
        turn: degrees from the front of the axes to the front of the array, to the left positive, seen from above.

    Raises:
        BadInput: no track, bad axes, or a bad file; names file and line.
    """
    if rate <= 0:
        raise BadInput(f"rate {rate}: give positions a second, above 0")
    if label < 0:
        raise BadInput(f"label {label}: give a class index from 0 on")
    matrix, origin = read_axes(axes), _triple(array)
    paths = (
        [source] if source.is_file() else visible_files(source, (".npy", ".csv")) if source.is_dir() else []
    )
    if not paths:
        raise BadInput(f"{source}: no .npy or .csv there; check the path")
    if source.is_dir() and target.resolve() == source.resolve():
        raise BadInput(f"{target}: is the source itself; give another folder")
    tracks = {path: (read_track(path) - origin) * METRES_PER_UNIT[unit] @ matrix.T for path in paths}
    for path, track in tracks.items():
        write_dcase(target / f"{path.stem}.csv", events_of(track, rate, label, turn))
    log.info("%s: %d tracks", target, len(tracks))
    return 0


def events_of(track: np.ndarray, rate: float, label: int = 0, turn: float = 0.0) -> Events:
    """Sample tracks at the middle of every label frame.

    Args:
        track: (time, source, 3) metres, x front, y left, z up; NaN where a source is absent.
        rate: positions per second.
        label: class index.
        turn: degrees that the front of the array is turned to the left.

    Returns:
        One row per source and label frame, rounded to degrees and centimetres.
    """
    n_frames = int(np.floor(len(track) / rate / LABEL_HOP + 1e-9))
    middle = (np.arange(n_frames) + 0.5) * LABEL_HOP * rate - 0.5
    low = np.clip(np.floor(middle).astype(int), 0, len(track) - 1)
    high = np.minimum(low + 1, len(track) - 1)
    part = np.clip(middle - low, 0, 1)[:, None, None]
    between = np.where(part > 0, track[low] * (1 - part) + track[high] * part, track[low])
    frame, source = np.nonzero(~np.isnan(between).any(axis=2))
    position = between[frame, source]
    azimuth, elevation = direction(position)
    return Events(
        frame * LABEL_HOP,
        (frame + 1) * LABEL_HOP,
        np.full(len(frame), label),
        source,
        wrap(np.round(azimuth - turn)),
        np.round(elevation),
        np.round(np.linalg.norm(position, axis=1), 2),
    )


def read_axes(text: str) -> np.ndarray:
    """Parse axes to the matrix (3, 3) from a track's axes to front, left and up.

    Args:
        text: such as x=right,y=front,z=up.

    Raises:
        BadInput: axes that are missing, or two on one line. Any three different lines are taken: directions in space
            say all, also of left-handed engines.
    """
    words = dict(re.findall(r"([xyz])\s*=\s*(\w+)", text))
    if set(words) != set("xyz") or any(word not in DIRECTIONS for word in words.values()):
        raise BadInput(
            f"axes '{text}': give the direction of each axis, such as x=right,y=front,z=up ({', '.join(DIRECTIONS)})"
        )
    matrix = np.array([DIRECTIONS[words[axis]] for axis in "xyz"], float).T
    if round(float(np.linalg.det(matrix))) == 0:
        raise BadInput(
            f"axes '{text}': two of them lie on one line; such as x=right,y=front,z=up, or x=right,y=up,z=front of "
            "left-handed engines"
        )
    return matrix


def read_track(path: Path) -> np.ndarray:
    """Read a track as (time, source, 3); nothing in the file is executed.

    Raises:
        BadInput: unreadable, another shape, or a bad row.
    """
    if path.suffix.lower() == ".npy":
        try:
            track = np.load(path, allow_pickle=False)
        except Exception as error:  # numpy raises what its parser of headers raises, too
            reason = " ".join(str(error).split()) or type(error).__name__
            raise BadInput(f"{path}: no readable array ({reason}); save it with numpy.save") from error
        if (
            track.dtype.kind not in "fiu"
            or track.shape[-1:] != (3,)
            or track.ndim not in (2, 3)
            or not len(track)
        ):
            raise BadInput(
                f"{path}: {track.dtype} {track.shape} is no track; give (time, 3) or (time, source, 3)"
            )
        if (np.abs(track) > FAR).any():
            raise BadInput(
                f"{path}: {track[np.abs(track) > FAR][0]:g} is no position; write nan for an absent source"
            )
        return np.asarray(track, float).reshape(len(track), -1, 3)
    rows: dict[int, list[list[float]]] = {}
    for line, row in read_rows(path, tuple("xyz"), "a header with x, y, z and perhaps source"):
        place = [np.nan if row[a].lower() in ("", "nan") else cell_number(row[a], path, line) for a in "xyz"]
        if any(abs(value) > FAR for value in place):
            raise BadInput(
                f"{path}:{line}: {place[int(np.nanargmax(np.abs(place)))]:g} is no position; correct the row"
            )
        source = cell_number(row.get("source", "0"), path, line)
        check_source(path, line, source)
        rows.setdefault(int(source), []).append(place)
    if not rows or len({len(own) for own in rows.values()}) > 1:
        raise BadInput(f"{path}: every source needs a row at every moment; write nan where it is not there")
    return np.stack([np.array(own, float) for _, own in sorted(rows.items())], axis=1)


def _triple(text: str) -> np.ndarray:
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 3 or not np.isfinite(values).all():
        raise BadInput(f"array '{text}': give three numbers, such as 0.5,2,1.2")
    return np.array(values)
