"""Check channels of recordings: compare the directions that each channel format gives with the labels."""

from dataclasses import dataclass, field

import numpy as np

from avseld.io.events import Events
from avseld.io.formats import FORMATS
from avseld.io.manifest import Recording
from data_prep.check import ambisonic_gains, array_order, orientation, sides
from data_prep.check.single_sources import MIN_FRAMES
from data_prep.corpora.recordings import Findings

UNRELATED_DEG = 75.0
"""mean angle from which labels and audio seem unrelated; independent directions have 90"""
ARRAY = "the tetrahedron of STARSS23 is assumed"


@dataclass
class Report(Findings):
    """Findings, and notes that are neither errors nor warnings."""

    notes: list[str] = field(default_factory=list)


@dataclass
class Directions:
    """Measured and labelled directions of single sources, collected over recordings."""

    ambisonic: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    array: list[array_order.Measured] = field(default_factory=list)
    left_and_right: list[np.ndarray] = field(default_factory=list)
    ambisonic_gains: list[tuple[float, float]] = field(default_factory=list)

    def add_sound(self, recording: Recording) -> None:
        """Measure what needs no labels.

        Args:
            recording: with readable audio.
        """
        if recording.format == "foa":
            self.ambisonic_gains.append(ambisonic_gains.measure(recording))

    def add(self, recording: Recording, events: Events) -> None:
        """Measure a recording; formats without directions are left out.

        Args:
            recording: with readable audio.
            events: its labels.
        """
        if recording.format == "foa":
            self.ambisonic.append(orientation.measure(recording, events))
        elif recording.format == "mic":
            self.array.append(array_order.measure(recording, events))
        elif recording.format in ("binaural", "stereo"):
            self.left_and_right.append(sides.measure(recording, events))

    def report(self, report: Report) -> None:
        """Add a note on each format that was measured, or a warning where another order fits clearly better."""
        found = orientation.fit(
            [measured for measured, _ in self.ambisonic], [labelled for _, labelled in self.ambisonic]
        )
        line = (
            f"intensity vector against labels in {found.n_frames} frames with one source: mean angle "
            f"{found.declared:.1f} degrees"
        )
        if found.suspicious and found.unambiguous:
            sure = f"the next best order has {found.best + found.lead:.1f}"
            report.warning(f"{line}, but {found.best:.1f} with {found.words}; {sure}")
        elif found.suspicious:
            report.warning(
                f"{line}, but {found.best:.1f} with other orders or signs of the channels, several alike: the labelled "
                "directions are too few to say which; look at labels and channel order"
            )
        else:
            _report_angle(line, found.n_frames, found.declared, report)
        level = ambisonic_gains.gains(self.ambisonic_gains)
        if level.suspicious:
            known = found.n_frames >= MIN_FRAMES and found.unambiguous
            report.warning(level.words(found.axes == orientation.FUMA if known else None))
        elif len(level.ratios):
            report.notes.append(f"Y, Z and X have together {level.ratio:.2f} times the energy of W (SN3D: 1)")
        array = array_order.fit(self.array)
        line = (
            f"time differences against labels in {array.n_frames} frames with one source: mean angle "
            f"{array.declared:.1f} degrees ({ARRAY})"
        )
        if array.suspicious:
            sure = f"every other turn is at least {array.lead:.1f} degrees farther"
            report.warning(f"{array.words}; {sure}, in {array.n_frames} frames with one source, {ARRAY}")
        else:
            _report_angle(line, array.n_frames, array.declared, report)
        if array.n_frames >= MIN_FRAMES and array.radius != FORMATS["mic"].radius:
            report.warning(
                f"time differences are those of an array of about {100 * array.radius:g} cm radius, not of STARSS23's "
                f"{100 * FORMATS['mic'].radius:g}: networks can be trained on it, those trained on another do not fit"
            )
        both = sides.fit(self.left_and_right)
        line = (
            f"louder channel against labels in {both.n_frames} frames with one source to the side: "
            f"{100 * both.share:.0f} % on the labelled side"
        )
        if both.suspicious:
            report.warning(f"{line}; left and right look exchanged")
        elif both.n_frames:
            report.notes.append(line)


def _report_angle(line: str, n_frames: int, angle: float, report: Report) -> None:
    if n_frames >= MIN_FRAMES and angle > UNRELATED_DEG:
        report.warning(f"{line}, near the 90 of chance; do labels and audio belong together?")
    elif n_frames:
        report.notes.append(line)
