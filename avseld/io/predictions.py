"""Prediction files in the format of the challenge years, row by row."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import CARTESIAN, POLAR, STEREO_2025, Dialect, dcase_lines
from avseld.io.events import COLUMNS, Events, event_lines

WITHOUT_DISTANCE = Dialect(columns=POLAR[5])
WITH_DISTANCE = Dialect(columns=CARTESIAN[7], metres_per_unit=1.0)
"""predictions of 2024, in metres (`cls_data_generator.py` of partha2409/DCASE2024_seld_baseline)"""
PLANAR = Dialect(columns=STEREO_2025, header=True)
"""predictions of 2025, in centimetres (README of partha2409/DCASE2025_seld_baseline)"""


class PredictionRows:
    """Formats the rows of one prediction file: a DCASE frame CSV where that can hold them, else onsets and offsets.

    A frame CSV has frames of 100 ms and directions, in the format of the year: with distances as in 2024, planar as
    in 2025. The systems of 2019 have frames of 20 ms, and sound event detection has no directions.

    Args:
        in_frames: the events are localized, in frames of 100 ms.
        planar: directions have no elevation.
    """

    def __init__(self, in_frames: bool, planar: bool = False) -> None:
        self._dialect: Dialect | None = PLANAR if planar else None
        self._frames = in_frames

    @property
    def header(self) -> str:
        """The first line; empty for a file without header."""
        if self._frames:
            return ",".join(PLANAR.columns) + "\n" if self._dialect is PLANAR else ""
        return ",".join(COLUMNS) + "\n"

    def text(self, events: Events) -> str:
        """Format events as lines; the first ones of a recording decide whether its rows have distances.

        Args:
            events: predicted rows, of one recording as the calls before.
        """
        if not len(events):
            return ""
        if self._dialect is None:
            has_distance = bool(np.isfinite(events.distance).all())
            self._dialect = WITH_DISTANCE if has_distance else WITHOUT_DISTANCE
        lines = dcase_lines(events, self._dialect) if self._frames else event_lines(events)
        return "".join(f"{line}\n" for line in lines)


def targets_of(out: Path | None, sounds: Sequence[Path]) -> dict[Path, Path]:
    """Name the csv file of each sound file.

    Args:
        out: csv file for one recording, folder for several; ./predictions if None.
        sounds: the recordings.

    Raises:
        BadInput: one csv file for several recordings.
    """
    if out is not None and out.suffix == ".csv":
        if len(sounds) > 1:
            raise BadInput(f"--out {out}: one file for {len(sounds)} recordings; give a folder")
        return {sounds[0]: out}
    folder = out or Path("predictions")
    return {path: folder / f"{path.stem}.csv" for path in sounds}
