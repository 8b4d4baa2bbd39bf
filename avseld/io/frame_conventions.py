"""What the frame CSVs of a folder mean where their numbers alone do not say it: coordinates, units, first frame.

An option or a header decides; what is left is decided once from all files of a folder, and told with the option that
overrules it.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.io.dcase_csv import Coordinates, read_dcase, six_columns
from avseld.io.labels import MAX_MEDIAN_M, METRES_PER_UNIT, label_format

log = logging.getLogger(__name__)

DEGREES_PER_UNIT = {"deg": 1.0, "rad": 180 / np.pi}
Distance = Literal["cm", "m"]
Angles = Literal["deg", "rad"]
MIN_ROWS = 20
"""rows needed to call angles radians or frames counted from 1"""
MAX_RAD = (2 * np.pi + 0.01, np.pi / 2 + 0.01)
"""largest azimuth and elevation in radians, and rounding"""
MIN_RANGE_RAD = 1.0
"""least range of azimuths that look like radians: a source in front stays within a few degrees"""


@dataclass(frozen=True)
class FrameConventions:
    """How the frame CSVs of a folder are read.

    Args:
        coordinates: of six columns without a header.
        metres_per_unit: unit of distances, 0.01 for centimetres.
        degrees_per_unit: unit of azimuth and elevation.
        first_frame: index of the frame that begins at 0 s.
        sheet_metres_per_unit: unit of distances in sheets whose header names none.
    """

    coordinates: Coordinates = "auto"
    metres_per_unit: float = 0.01
    degrees_per_unit: float = 1.0
    first_frame: int = 0
    sheet_metres_per_unit: float = 1.0


@dataclass
class _Numbers:
    """Numbers of the frame CSVs of a folder.

    Args:
        six: (row, 3) last columns of each file with six columns without header.
        angles: (row, 2) azimuth and elevation of each file, as written.
        distances: (row,) of each file, as written.
        first: lowest frame of each file.
    """

    six: dict[Path, np.ndarray] = field(default_factory=dict)
    angles: list[np.ndarray] = field(default_factory=list)
    distances: list[np.ndarray] = field(default_factory=list)
    first: list[int] = field(default_factory=list)


def frame_conventions(
    place: Path,
    paths: Iterable[Path],
    coordinates: Coordinates = "auto",
    distance: Distance | None = None,
    angles: Angles = "deg",
    first_frame: int = 0,
    warn_of_units: bool = True,
) -> FrameConventions:
    """Decide how the frame CSVs of a folder are read, and log what was decided from their numbers.

    Args:
        place: the folder, for messages.
        paths: label files of any format; others than frame CSVs are left out, and so are those with a bad row, which
            are named when they are read.
        coordinates: of six columns without a header, if the user says it.
        distance: unit of distances, if the user says it; six columns then end with a distance.
        angles: unit of azimuth and elevation.
        first_frame: index of the frame that begins at 0 s.
        warn_of_units: whether units matter: they do not where labels stay in theirs.

    Raises:
        BadInput: a first frame that is neither 0 nor 1.
    """
    if first_frame not in (0, 1):
        raise BadInput(f"first_frame {first_frame}: frames count from 0 or from 1")
    if coordinates == "auto" and distance is not None:
        coordinates = "polar"
    numbers = _numbers(paths)
    if numbers.six and coordinates == "auto":
        coordinates = _coordinates(place, numbers.six)
    if coordinates == "cartesian":
        numbers.angles, numbers.distances = [], []
    elif distance is None and warn_of_units:
        _warn_of_metres(place, numbers.distances)
    if angles == "deg" and warn_of_units:
        _warn_of_radians(place, numbers.angles)
    if first_frame == 0:
        _warn_of_first_frame(place, numbers.first)
    return FrameConventions(
        coordinates,
        METRES_PER_UNIT[distance or "cm"],
        DEGREES_PER_UNIT[angles],
        first_frame,
        METRES_PER_UNIT[distance or "m"],
    )


def _numbers(paths: Iterable[Path]) -> _Numbers:
    found = _Numbers()
    for path in paths:
        try:
            if label_format(path) != "frames":
                continue
            events, dialect = read_dcase(path, coordinates="polar", metres_per_unit=1.0)
        except BadInput:
            continue
        if not len(events):
            continue
        found.first.append(round(events.onset.min() / LABEL_HOP))
        if "azimuth" in dialect.columns:
            found.angles.append(np.stack([events.azimuth, events.elevation], axis=1))
        if "distance" in dialect.columns:
            found.distances.append(events.distance)
        if len(dialect.columns) == 6 and not dialect.header:
            found.six[path] = np.stack([events.azimuth, events.elevation, events.distance], axis=1)
    return found


def _coordinates(place: Path, six: dict[Path, np.ndarray]) -> Coordinates:
    verdict = six_columns(np.concatenate(list(six.values())))
    if verdict == "unclear":
        log.warning(
            "%s: the last three of six columns may be azimuth, elevation, distance or x, y, z; read as the first (say "
            "it with --coordinates polar or cartesian)",
            place,
        )
        return "polar"
    log.info(
        "%s: six columns are read as frame, class, source, %s (else --coordinates %s)",
        place,
        *(("azimuth, elevation, distance", "cartesian") if verdict == "polar" else ("x, y, z", "polar")),
    )
    if verdict == "polar":
        for path, rows in six.items():
            if len(rows) >= MIN_ROWS and six_columns(rows) == "cartesian":
                log.warning(
                    "%s: its last three columns are unit vectors, those of the other files are not; read as azimuth, "
                    "elevation, distance like them (prepare it by itself, or --coordinates cartesian)",
                    path,
                )
    return verdict


def tell_coordinates_of_predictions(path: Path) -> None:
    """Log how six columns of a prediction file without header are read: x, y, z where the numbers are unclear.

    Args:
        path: the file; nothing is logged of one of another form.
    """
    six = _numbers([path]).six
    if not six:
        return
    verdict = six_columns(six[path])
    columns, other = ("azimuth, elevation, distance", "cartesian")
    if verdict != "polar":
        columns, other = ("x, y, z", "polar")
    log.log(
        logging.WARNING if verdict == "unclear" else logging.INFO,
        "%s: six columns are read as frame, class, source, %s (else --coordinates %s)",
        path,
        columns,
        other,
    )


def _warn_of_metres(place: Path, distances: list[np.ndarray]) -> None:
    known = np.concatenate([np.zeros(0), *distances])
    known = known[~np.isnan(known) & (known > 0)]
    if len(known) and np.median(known) < MAX_MEDIAN_M:
        log.warning(
            "%s: distances are read as cm, but their median %.3g looks like m (say it with --distance m or cm)",
            place,
            np.median(known),
        )


def _warn_of_radians(place: Path, angles: list[np.ndarray]) -> None:
    known = np.abs(np.concatenate([np.zeros((0, 2)), *angles]))
    if len(known) < MIN_ROWS or (known > MAX_RAD).any() or (known[:, 0] % 1 == 0).all():
        return
    azimuth = np.concatenate(angles)[:, 0]
    if np.ptp(azimuth) > MIN_RANGE_RAD:
        log.warning(
            "%s: azimuths are read as degrees, but none is beyond %.2f; are they radians? (say it with --angles rad)",
            place,
            known[:, 0].max(),
        )


def _warn_of_first_frame(place: Path, first: list[int]) -> None:
    if len(first) > 1 and min(first) == 1 and first.count(1) * 2 > len(first):
        log.warning(
            "%s: %d of %d files begin with frame 1 and none with frame 0; do frames count from 1? (say it with "
            "--first_frame 1)",
            place,
            first.count(1),
            len(first),
        )
