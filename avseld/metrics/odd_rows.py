"""Rows of prediction files that look wrong and that the official scorers score all the same: told, not refused.

The official scorers (listed in `avseld.metrics.seld`) go through the frames of the reference and the classes of the
year, so that rows of other frames and classes do not count; a row that is written twice counts twice, and angles of any
size are directions.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avseld.io.events import Events
from avseld.io.labels import repeated_rows
from avseld.metrics.rules import Rule

log = logging.getLogger(__name__)

LATE_S = 30.0
"""longest time between the last annotated event and the end of a recording of unknown length"""
MAX_ANGLES_DEG = (360.0, 90.0)

KINDS: Mapping[str, str] = {
    "repeated": "stand twice in a file; each counts, as in the official scorer",
    "late": "lie after the end of the reference and do not count, as in the official scorer; is the frame rate right?",
    "early": "have a frame below 0 and do not count, as in the official scorer",
    "class": "have a class that is none of the list and do not count, as in the official scorer; is the list right?",
    "angle": "have an azimuth beyond 360 or an elevation beyond 90 degrees and count, as in the official scorer",
}
"""what is the matter with rows, and what becomes of them"""


@dataclass
class OddRows:
    """Counts of odd rows by kind and file.

    Args:
        counts: rows by file, for each key of `KINDS`.
    """

    counts: dict[str, dict[Path, int]] = field(default_factory=dict)

    def scored(
        self,
        path: Path,
        prediction: Events,
        reference: Events,
        n_classes: int,
        rule: Rule,
        duration: float = 0.0,
    ) -> Events:
        """Count the odd rows of a file and return those that official scorers score.

        Args:
            path: file of the prediction.
            prediction: its rows, read leniently.
            reference: events of the same recording.
            n_classes: number of classes.
            rule: of the challenge year.
            duration: seconds of the recording; 0 if unknown, which ends 30 s after its last annotated event.
        """
        end = duration + rule.hop if duration else reference.duration + LATE_S
        if rule.late_frames or not len(reference):
            end = np.inf
        late = prediction.offset > end + 1e-6
        early = prediction.onset < 0
        unknown = (prediction.label < 0) | (prediction.label >= n_classes)
        angles = np.abs([prediction.azimuth, prediction.elevation]).T > MAX_ANGLES_DEG
        numbers = {
            "repeated": len(repeated_rows(prediction)),
            "late": int(late.sum()),
            "early": int(early.sum()),
            "class": int(unknown.sum()),
            "angle": int(angles.any(axis=1).sum()),
        }
        for kind, number in numbers.items():
            if number:
                self.counts.setdefault(kind, {})[path] = number
        # From 2021 on only the frames of the reference are gone through, in which a late row may still lie.
        left_out = early | unknown | (late & (rule.counting in ("doa2018", "doa2019", "blocks")))
        return prediction.select(~left_out) if left_out.any() else prediction

    def tell(self) -> None:
        """Log one warning for each kind that was found, and forget them."""
        for kind, files in self.counts.items():
            first = next(iter(files))
            more = f" (and {sum(files.values()) - files[first]} of {len(files) - 1} other files)"
            log.warning(
                "%s: %d rows%s %s",
                first,
                files[first],
                more if len(files) > 1 else "",
                KINDS[kind],
            )
        self.counts.clear()
