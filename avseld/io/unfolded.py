"""Labels of stereo recordings before they are mirrored to the front, beside the labels: `NAME.unfolded.csv`.

Stereo does not tell front from back, so labels of DCASE 2025 are mirrored to the front and have no elevation. The file
beside them has a row for each row of theirs, under the header

    frame,class,source,azimuth,elevation,distance,viewing_angle

with azimuth and elevation in degrees as seen from the camera, the distance in centimetres, and the degrees by which the
scene was turned to the left: the azimuth in the recording with all directions is azimuth - viewing_angle.
"""

from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.io.events import Events, check_row, parse
from avseld.io.tables import read_rows

UNFOLDED_SUFFIX = ".unfolded.csv"
UNFOLDED_COLUMNS = ("frame", "class", "source", "azimuth", "elevation", "distance", "viewing_angle")
REQUIRED = UNFOLDED_COLUMNS[:5]


def unfolded_beside(labels: Path) -> Path:
    """Return where the unfolded labels of a file of labels lie, if they are there."""
    return labels.parent / f"{labels.stem}{UNFOLDED_SUFFIX}"


def read_unfolded(path: Path, n_classes: int) -> Events:
    """Read unfolded labels, one row of events for each row.

    Args:
        path: the file.
        n_classes: class indices from this on are refused.

    Raises:
        BadInput: missing, no such columns, or a bad row; names file and line.
    """
    rows = []
    for line, cells in read_rows(path, REQUIRED, ",".join(UNFOLDED_COLUMNS)):
        frame, label, source, azimuth, elevation = (parse(cells[name], path, line) for name in REQUIRED)
        if frame < 0 or frame % 1 or label % 1:
            raise BadInput(f"{path}:{line}: frame and class are whole numbers from 0; correct the row")
        check_row(path, line, int(label), azimuth, elevation, n_classes)
        distance = cells.get("distance", "")
        metres = parse(distance, path, line) / 100 if distance not in ("", "nan") else np.nan
        rows.append((frame * LABEL_HOP, (frame + 1) * LABEL_HOP, label, source, azimuth, elevation, metres))
    return Events.from_rows(rows) if rows else Events.empty()
