"""Prediction files in the format of the challenge years."""

from pathlib import Path

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.io.dcase_csv import CARTESIAN, POLAR, STEREO_2025, Dialect, write_dcase
from avseld.io.events import Events, write_events
from avseld.system.build import System

WITHOUT_DISTANCE = Dialect(columns=POLAR[5])
WITH_DISTANCE = Dialect(columns=CARTESIAN[7], metres_per_unit=1.0)
"""predictions of 2024, in metres (`cls_data_generator.py` of partha2409/DCASE2024_seld_baseline)"""
PLANAR = Dialect(columns=STEREO_2025, header=True)
"""predictions of 2025, in centimetres (README of partha2409/DCASE2025_seld_baseline)"""


def write_prediction(path: Path, events: Events, system: System) -> None:
    """Write a DCASE frame CSV where that format can hold the events, else a CSV with onsets and offsets.

    A frame CSV has frames of 100 ms and directions, in the format of the year: with distances as in 2024, planar as
    in 2025. The systems of 2019 have frames of 20 ms, and sound event detection has no directions.

    Args:
        path: the file to write.
        events: predicted events of one recording.
        system: the system that predicted them.
    """
    if system.target.task == "seld" and system.label_hop == LABEL_HOP:
        has_distance = len(events) > 0 and bool(np.isfinite(events.distance).all())
        dialect = WITH_DISTANCE if has_distance else WITHOUT_DISTANCE
        write_dcase(path, events, PLANAR if system.target.planar else dialect)
    else:
        write_events(path, events)
