"""Predictions in the file format that a challenge year asks for, whatever the label frames of the system."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.io.dcase_csv import POLAR, Dialect, dcase_lines
from avseld.io.events import Events
from avseld.io.predictions import PLANAR, WITH_DISTANCE, WITHOUT_DISTANCE
from avseld.system.build import System

log = logging.getLogger(__name__)

Year = Literal[2019, 2020, 2021, 2022, 2023, 2024, 2025]
"""years that asked for a file"""
CLASSES_2019 = 11
TOLERANCE = 0.005
"""of times, as a share of a frame, as in `avseld.io.dcase_csv.frames_of`"""

WHOLE_2019 = Dialect(columns=POLAR[4], hop=0.02, whole_degrees=True)
"""frame of 20 ms, class, azimuth, elevation, all whole numbers (dcase.community/challenge2019, Task 3)"""
FORMATS: Mapping[int, Dialect] = MappingProxyType(
    {
        2019: WHOLE_2019,
        **dict.fromkeys(range(2020, 2024), WITHOUT_DISTANCE),
        2024: WITH_DISTANCE,
        2025: PLANAR,
    }
)
"""year -> format of its files"""


def check_submission(system: System, year: int, classes: Sequence[str]) -> None:
    """Refuse a system whose predictions a year cannot take.

    Args:
        system: the system that predicts.
        year: the challenge.
        classes: of the predictions.

    Raises:
        BadInput: no such file, no directions, or what the year's columns ask for is not predicted.
    """
    target = system.target
    if year not in FORMATS:
        raise BadInput(f"--submission {year}: choose one of {', '.join(map(str, get_args(Year)))}")
    if target.task != "seld":
        raise BadInput(
            f"--submission {year}: the system predicts no localized events; leave it out "
            "(systems without directions write predictions.tsv, the file of DCASE2019 Task 4)"
        )
    if target.planar != (year == 2025):
        what = "azimuths without elevation" if target.planar else "elevations, too"
        raise BadInput(
            f"--submission {year}: the system predicts {what}; choose a year whose files have them"
        )
    if year == 2024 and not target.distance:
        raise BadInput(f"--submission {year}: the year asks for distances, which the system does not predict")
    if year == 2019 and len(classes) != CLASSES_2019:
        log.warning(
            "--submission 2019: the challenge has %d classes, this folder %d", CLASSES_2019, len(classes)
        )


def write_submission(path: Path, events: Events, year: int) -> None:
    """Write the file of a recording.

    Args:
        path: the file.
        events: predicted, with directions.
        year: the challenge.
    """
    dialect = FORMATS[year]
    events = one_a_frame(events, dialect.hop)
    lines = [",".join(dialect.columns)] if dialect.header else []
    lines += dcase_lines(events, dialect) if len(events) else []
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")


def one_a_frame(events: Events, hop: float) -> Events:
    """Keep, of rows shorter than a frame of the file, those in the middle of one: each row of a frame counts.

    Args:
        events: predicted rows.
        hop: seconds between frames of the file.

    Returns:
        Rows of a frame or longer as they are, others as rows of the frame whose middle they hold.
    """
    short = events.offset - events.onset < (1 - TOLERANCE) * hop
    frame = np.ceil(events.onset / hop - 0.5 - TOLERANCE)
    in_middle = (frame + 0.5) * hop < events.offset - TOLERANCE * hop
    moved = replace(
        events,
        onset=np.where(short, frame * hop, events.onset),
        offset=np.where(short, (frame + 1) * hop, events.offset),
    )
    return moved.select(~short | in_middle)
