"""Convert position tracks (motion capture, a tracker) to frame csv of DCASE."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import takes_paths, visible_files
from avseld.base.job_shards import read_shard
from avseld.base.rates import LABEL_HOP
from avseld.io.dcase_csv import write_dcase
from avseld.io.events import Events, concatenate
from avseld.io.geometry import direction, wrap
from avseld.io.manifest import classes_of_predictions, read_class_list, write_class_list
from avseld.io.row_checks import check_source
from avseld.io.tables import cell_number, read_rows
from data_prep.clip_list import check_file_name
from data_prep.track_classes import NamedTrack, by_pattern, by_table, indices

log = logging.getLogger(__name__)

METRES_PER_UNIT = {"m": 1.0, "cm": 0.01, "mm": 0.001}
FAR = 1e6
"""no track reaches it in any unit"""
TIMED = ((4,), (5,))
"""shapes of rows x, y, z, time and perhaps source"""
UNEVEN = 0.1
"""largest difference of the spacing of times from that of the rate, as a share"""
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
    label: int | None = None,
    array: str = "0,0,0",
    turn: float = 0.0,
    label_from_name: str | None = None,
    label_table: Path | None = None,
    classes: Path | None = None,
    shard: str | None = None,
) -> int:
    """Convert position tracks to frame csv: azimuth, elevation and distance every 100 ms.

    A track is an .npy of shape (time, 3) or (time, source, 3), or one with columns x, y, z, time in ms or s and perhaps
    source; or a csv with the columns x, y, z and perhaps source, one row per source and time. NaN marks a source that
    is silent or absent.

    All tracks have the class --label; with --label_from_name or --label_table each has its own, and tracks of one take
    become one csv with a source each.

    Args:
        source: a file, or a folder of .npy and .csv files.
        target: folder for NAME.csv.
        rate: positions per second.
        axes: directions of the axes of the tracks, seen from the array.
        unit: of the tracks.
        label: class index of the tracked sources, 0 if left out.
        array: position of the array in the axes and unit of the tracks.
        turn: degrees from the front of the axes to the front of the array, to the left positive, seen from above.
        label_from_name: pattern of the names of the files, without suffix: '{class}_{take}', '{class}_{}' ({} is
            anything), or a regular expression with a group named class and perhaps one named take.
        label_table: csv with the columns file and class, and perhaps take, in place of a pattern.
        classes: text file with one class a line; by default the classes found, in alphabetical order, which are
            written to TARGET.classes.txt.
        shard: share of the takes, I/N (2/8 is the second of eight), for N programs that share the work; auto in a SLURM
            job array. See docs/clusters.md.

    Raises:
        BadInput: no track, bad axes, or a bad file; names file and line.
    """
    own_shard = read_shard(shard)
    if rate <= 0:
        raise BadInput(f"rate {rate}: give positions a second, above 0")
    if (label or 0) < 0:
        raise BadInput(f"label {label}: give a class index from 0 on")
    _check_choice(label, label_from_name, label_table, classes)
    matrix, origin = read_axes(axes), _triple(array)
    paths = (
        [source] if source.is_file() else visible_files(source, (".npy", ".csv")) if source.is_dir() else []
    )
    if not paths:
        raise BadInput(f"{source}: no .npy or .csv there; check the path")
    if source.is_dir() and target.resolve() == source.resolve():
        raise BadInput(f"{target}: is the source itself; give another folder")
    known = [] if classes is None else read_class_list(classes)
    named = {path: NamedTrack(str(label or 0), path.stem) for path in paths}
    if label_from_name is not None:
        named = by_pattern(paths, label_from_name, known)
    elif label_table is not None:
        named = by_table([path for path in paths if path.resolve() != label_table.resolve()], label_table)
    _check_takes(named)
    labels, names = indices(named, known)
    own = set(own_shard.of(list(dict.fromkeys(track.take for track in named.values())), "takes"))
    named = {path: track for path, track in named.items() if track.take in own}
    takes: dict[str, list[Events]] = {}
    for path, track in named.items():
        positions_m = (read_track(path, rate) - origin) * METRES_PER_UNIT[unit] @ matrix.T
        takes.setdefault(track.take, []).append(events_of(positions_m, rate, labels[path], turn))
    for take, events in takes.items():
        write_dcase(target / f"{take}.csv", one_take(events))
    if names and classes is None:
        write_class_list(classes_of_predictions(target), names)
        log.info("%s: %s", classes_of_predictions(target), ", ".join(names))
    log.info(
        "%s: %d tracks%s", target, len(named), f" of {len(takes)} takes" if len(takes) < len(named) else ""
    )
    return 0


def _check_choice(label: int | None, pattern: str | None, table: Path | None, classes: Path | None) -> None:
    """Refuse two ways to say the classes of tracks, and a list of classes without names."""
    given = {"--label": label, "--label_from_name": pattern, "--label_table": table}
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) > 1:
        raise BadInput(f"{' and '.join(chosen)}: two ways to say the class of a track; give one of them")
    if classes is not None and pattern is None and table is None:
        raise BadInput(f"--classes {classes}: is for --label_from_name and --label_table; add one of them")


def _check_takes(named: Mapping[Path, NamedTrack]) -> None:
    """Refuse two tracks of one name in a take, and a take that is no file name."""
    seen: dict[tuple[str, str], Path] = {}
    for path, track in named.items():
        check_file_name(track.take, str(path))
        first = seen.setdefault((track.take, path.stem), path)
        if first != path:
            raise BadInput(f"{path}: {first} has the same name; rename one of them")


def one_take(tracks: Sequence[Events]) -> Events:
    """Join the tracks of one recording; their sources are numbered one after the other."""
    parts, first = [], 0
    for events in tracks:
        parts.append(replace(events, source=events.source + first))
        first += int(events.source.max(initial=-1)) + 1
    return concatenate(parts).select(
        np.argsort(np.concatenate([part.onset for part in parts]), kind="stable")
    )


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


def read_track(path: Path, rate: float | None = None) -> np.ndarray:
    """Read a track as (time, source, 3); nothing in the file is executed.

    Args:
        path: .npy or .csv.
        rate: positions per second, with which times in the file must agree.

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
            or (track.shape[-1:] != (3,) and track.shape[1:] not in TIMED)
            or track.ndim not in (2, 3)
            or not len(track)
        ):
            raise BadInput(
                f"{path}: {track.dtype} {track.shape} is no track; give (time, 3) or (time, source, 3), or columns x, "
                "y, z, time and perhaps source"
            )
        if track.shape[1:] in TIMED:
            track = _on_its_times(np.asarray(track, float), path, rate)
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


def _on_its_times(rows: np.ndarray, path: Path, rate: float | None) -> np.ndarray:
    """Place rows x, y, z, time and perhaps source at their times, NaN where a source has none.

    Args:
        rows: (row, 4 or 5); times in ms or s from any zero.
        path: for messages.
        rate: positions per second; None takes the times as they are spaced.

    Returns:
        (time, source, 3).

    Raises:
        BadInput: times of another rate, or two positions of a source at one time.
    """
    time = rows[:, 3]
    source = rows[:, 4] if rows.shape[1] == 5 else np.zeros(len(rows))
    if not (np.isfinite(time).all() and np.isfinite(source).all()):
        raise BadInput(f"{path}: a time or source that is no number; give every position its time")
    steps = np.diff(np.unique(time))
    step = float(np.median(steps)) if len(steps) else 1.0
    spacings = [] if rate is None or not len(steps) else [1000 / rate, 1 / rate]
    if spacings and min(abs(step / spacing - 1) for spacing in spacings) > UNEVEN:
        raise BadInput(
            f"{path}: its times (fourth column) are {step:g} apart, {1000 / (rate or 1):g} ms at --rate {rate:g}; give "
            "the rate of the track"
        )
    place = np.round((time - time.min()) / step).astype(int)
    numbers, index = np.unique(source, return_inverse=True)
    if len(np.unique(place * len(numbers) + index)) < len(rows):
        raise BadInput(
            f"{path}: two positions of one source at one time; give each source a number of its own"
        )
    track = np.full((place.max() + 1, len(numbers), 3), np.nan)
    track[place, index] = rows[:, :3]
    return track


def _triple(text: str) -> np.ndarray:
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 3 or not np.isfinite(values).all():
        raise BadInput(f"array '{text}': give three numbers, such as 0.5,2,1.2")
    return np.array(values)
