"""The path of a camera that turns while it records: csv with the columns time, yaw, pitch."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.events import parse
from avseld.io.text import read_text
from data_prep.stereo.camera import View

COLUMNS = ["time", "yaw", "pitch"]
MAX_PITCH_DEG = 60.0
MAX_ANGLE_DEG = 36_000.0


@dataclass(frozen=True)
class ViewingPath:
    """Angles of a camera over time, linear between the rows; those of the first and last row before and after.

    Args:
        time: (row,) seconds of the clip, rising.
        yaw: (row,) degrees that are added to the viewing angle of the clip, positive to the left; beyond 360 for turns.
        pitch: (row,) degrees, positive upwards.
    """

    time: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray

    @property
    def is_still(self) -> bool:
        """Whether the camera does not turn."""
        return bool((np.ptp(self.yaw) == 0) and (np.ptp(self.pitch) == 0))

    def azimuth(self, deg: float, time: np.ndarray | float) -> np.ndarray | float:
        """Compute the azimuth that a camera looks at, degrees, positive to the left; exact for one that stands still.

        Args:
            deg: viewing angle of the clip, degrees to the **right**.
            time: seconds of the clip, any shape.
        """
        return self.yaw[0] - deg if self.is_still else np.interp(time, self.time, self.yaw) - deg

    def at(self, deg: float, time: float) -> View:
        """Return where a camera looks at a time of the clip."""
        azimuth = float(np.round(self.azimuth(deg, time), 6))
        return View(azimuth, float(np.round(np.interp(time, self.time, self.pitch), 6)))


STILL = ViewingPath(np.zeros(1), np.zeros(1), np.zeros(1))


def read_path(path: Path) -> ViewingPath:
    """Read a csv with the columns time (seconds of the clip), yaw (degrees to the left) and pitch (degrees upwards).

    Raises:
        BadInput: other columns, no rows, times that do not rise, or angles out of range; names the line.
    """
    rows = [row for row in csv.reader(read_text(path).splitlines()) if row]
    if not rows or [word.strip().lower() for word in rows[0]] != COLUMNS:
        raise BadInput(f"{path}:1: expected the header {','.join(COLUMNS)}")
    if len(rows) < 2:
        raise BadInput(f"{path}: has no rows; give time, yaw and pitch")
    values: list[tuple[float, float, float]] = []
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(COLUMNS):
            raise BadInput(f"{path}:{line}: {len(row)} columns; expected {','.join(COLUMNS)}")
        time, yaw, pitch = (parse(word, path, line) for word in row)
        if values and time <= values[-1][0]:
            raise BadInput(f"{path}:{line}: time {time:g} is not after {values[-1][0]:g}; sort the rows")
        if not (abs(yaw) <= MAX_ANGLE_DEG and abs(pitch) <= MAX_PITCH_DEG):
            raise BadInput(
                f"{path}:{line}: yaw {yaw:g}, pitch {pitch:g}: give pitch in -60..60 degrees, yaw in 100 turns"
            )
        values.append((time, yaw, pitch))
    return ViewingPath(*np.array(values, float).T)
