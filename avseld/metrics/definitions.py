"""The table of scores: name, label, unit and direction of everything that is printed, plotted, logged or ranked.

A new score is one row here and one formula (`avseld.metrics.formulas` for SELD, `avseld.metrics.sed` for SED,
`avseld.metrics.ranking` for average precision).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

MAX_PLAIN = 1e5
"""value from which on numbers are written with an exponent: error rates that sed_eval divides by 2.2e-16"""


@dataclass(frozen=True)
class ScoreDefinition:
    """Facts about one score.

    Args:
        label: heading in tables, as papers print it.
        description: one line for people who do not know the label.
        unit: appended to values; empty for ratios and for units that differ between years.
        higher_is_better: False for errors.
        digits: after the decimal point, in tables that compare systems.
        full_scale: what an error is divided by in the SELD score.
        gain_unit: "points" (percentage points) or "degrees" if the ablation reports gains in this score.
        in_progress_bar: whether the training's progress bar shows it.
        extra_years: challenge years that do not print it, though their counts give it.
    """

    label: str
    description: str
    unit: str = ""
    higher_is_better: bool = False
    digits: int = 3
    full_scale: float = 1.0
    gain_unit: str = ""
    in_progress_bar: bool = False
    extra_years: tuple[int, ...] = ()

    def text(self, value: float | None, extra_digits: int = 0) -> str:
        """Format a value, "-" for None and NaN.

        Args:
            value: the score.
            extra_digits: more digits than `digits`.
        """
        if value is None or np.isnan(value):
            return "-"
        if abs(value) >= MAX_PLAIN:
            return f"{value:.1e}"
        return f"{value:.{self.digits + extra_digits}f}"

    def text_with_unit(self, value: float | None) -> str:
        """Format a value with its unit, "-" for None and NaN."""
        text = self.text(value)
        return text if text == "-" else text + self.unit

    @property
    def gain_scale(self) -> float:
        """Factor that turns a difference of two values into a gain in `gain_unit`; positive is better."""
        scale = 100.0 if self.gain_unit == "points" else 1.0
        return scale if self.higher_is_better else -scale


SCORES: Mapping[str, ScoreDefinition] = MappingProxyType(
    {
        "ER": ScoreDefinition(
            "ER20",
            "error rate of detections within the angle threshold",
            digits=2,
            extra_years=(2024,),
        ),
        "F": ScoreDefinition(
            "F20",
            "F-score of detections within the angle (and distance) threshold",
            higher_is_better=True,
            gain_unit="points",
            in_progress_bar=True,
        ),
        "P": ScoreDefinition(
            "P20",
            "share of predicted events that are matched within the angle (and distance) threshold",
            higher_is_better=True,
            extra_years=(2022, 2023, 2024, 2025),
        ),
        "R": ScoreDefinition(
            "R20",
            "share of reference events that are matched within the angle (and distance) threshold",
            higher_is_better=True,
            extra_years=(2022, 2023, 2024, 2025),
        ),
        "LE": ScoreDefinition(
            "LE_CD",
            "mean angle between detected events and their references",
            unit="°",
            digits=1,
            full_scale=180.0,
            gain_unit="degrees",
            in_progress_bar=True,
        ),
        "LR": ScoreDefinition(
            "LR_CD",
            "localization recall: share of reference events that are detected at any angle",
            higher_is_better=True,
            extra_years=(2024,),
        ),
        "DOAE": ScoreDefinition(
            "DOAE",
            "mean angle between detected events and their references",
            unit="°",
            digits=1,
            full_scale=180.0,
            gain_unit="degrees",
            in_progress_bar=True,
        ),
        "RDE": ScoreDefinition("RDE", "distance error relative to the reference distance", digits=2),
        "DE": ScoreDefinition("DE", "distance error in metres (2025: centimetres)", digits=1),
        "doa_error": ScoreDefinition(
            "DOAE", "mean angle of assigned directions, 2019", unit="°", digits=1, full_scale=180.0
        ),
        "frame_recall": ScoreDefinition(
            "FR", "share of frames with the right number of directions, 2019", higher_is_better=True
        ),
        "event_F": ScoreDefinition("event F", "event-based F-score", higher_is_better=True),
        "event_ER": ScoreDefinition("event ER", "event-based error rate", digits=2),
        "event_substitution_rate": ScoreDefinition(
            "event subst.", "events of another class, per reference event", digits=2
        ),
        "event_deletion_rate": ScoreDefinition("event del.", "missed events per reference event", digits=2),
        "event_insertion_rate": ScoreDefinition("event ins.", "false events per reference event", digits=2),
        "segment_F": ScoreDefinition("segm. F", "segment-based F-score", higher_is_better=True),
        "segment_ER": ScoreDefinition("segm. ER", "segment-based error rate", digits=2),
        "segment_substitution_rate": ScoreDefinition(
            "segm. subst.", "segments of another class, per reference segment", digits=2
        ),
        "segment_deletion_rate": ScoreDefinition(
            "segm. del.", "missed segments per reference segment", digits=2
        ),
        "segment_insertion_rate": ScoreDefinition(
            "segm. ins.", "false segments per reference segment", digits=2
        ),
        "precision": ScoreDefinition("P", "share of predictions that are right", higher_is_better=True),
        "recall": ScoreDefinition("R", "share of reference events that are found", higher_is_better=True),
        "substitution_rate": ScoreDefinition("subst.", "substitutions per reference event", digits=2),
        "deletion_rate": ScoreDefinition("del.", "deletions per reference event", digits=2),
        "insertion_rate": ScoreDefinition("ins.", "insertions per reference event", digits=2),
        "mAP_micro": ScoreDefinition(
            "mAP micro", "average precision over all classes and frames together", higher_is_better=True
        ),
        "mAP": ScoreDefinition("mAP", "mean average precision over classes", higher_is_better=True),
        "azimuth_mAP": ScoreDefinition(
            "azi. mAP", "mean average precision over classes of azimuth", higher_is_better=True
        ),
        "elevation_mAP": ScoreDefinition(
            "ele. mAP", "mean average precision over classes of elevation", higher_is_better=True
        ),
        "onscreen_accuracy": ScoreDefinition(
            "on/off", "share of matches with the right visibility", higher_is_better=True
        ),
        "median_angle": ScoreDefinition(
            "median", "median angle of assigned rows, without classes", unit="°", digits=1, full_scale=180.0
        ),
        "recall_20": ScoreDefinition(
            "recall",
            "share of reference sounds with a row within 20 degrees, without classes",
            higher_is_better=True,
            digits=2,
        ),
        "false_rows": ScoreDefinition(
            "false/min",
            "rows without a reference sound within 20 degrees, a minute, without classes",
            digits=0,
        ),
        "LE_unfolded": ScoreDefinition(
            "LE unfolded", "mean angle of pairs of a frame, front and back told apart", unit="°", digits=1
        ),
        "LE_folded": ScoreDefinition(
            "LE folded",
            "mean angle of pairs of a frame, both mirrored to the front: what stereo can know",
            unit="°",
            digits=1,
        ),
        "confusions": ScoreDefinition(
            "front-back", "share of pairs whose prediction is on the wrong side of the frontal plane"
        ),
        "confusions_far": ScoreDefinition(
            "far", "share of front-back confusions of references more than 20 degrees off the frontal plane"
        ),
        "lateral_error": ScoreDefinition(
            "lateral", "mean difference of the angles from the median plane", unit="°", digits=1
        ),
        "polar_error": ScoreDefinition(
            "polar",
            "mean angle on the cone of confusion, of references within 30 degrees of the median plane",
            unit="°",
            digits=1,
        ),
        "polar_error_folded": ScoreDefinition(
            "polar folded",
            "mean angle on the cone of confusion with both mirrored to the front",
            unit="°",
            digits=1,
        ),
        "seld_score": ScoreDefinition(
            "SELD",
            "mean of the normalized errors of a year, 0 is perfect",
            in_progress_bar=True,
            extra_years=(2025,),
        ),
        "loss": ScoreDefinition("loss", "training loss on the validation recordings", digits=4),
    }
)
"""Score name -> definition, in the order of table columns."""


TITLES = {"2018": "SELDnet 2018", "2019-task4": "DCASE 2019 Task 4", "sed": "SED in segments of 1 s"}
"""names of scores that no year of DCASE Task 3 defines"""


def title_of(challenge: int | str) -> str:
    """Return the name of a challenge, for the head of a table.

    Args:
        challenge: year, or the name of a challenge without directions.
    """
    return TITLES.get(str(challenge), f"DCASE {challenge}")


def label_of(name: str, table: Iterable[str]) -> str:
    """Return the label of a score in a table.

    Args:
        name: a key of `SCORES`.
        table: all scores of the table. The error rate and F-score of 2018, 2019 and of event detection know no angle
            threshold of 20 degrees; beside the micro average the other one is named macro.
    """
    names = set(table)
    if name in ("ER", "F") and not {"LE", "DOAE"} & names:
        return name
    return "mAP macro" if name == "mAP" and "mAP_micro" in names else SCORES[name].label


def label_of_class(name: str, table: Iterable[str]) -> str:
    """Return the label of a score in a table with a row for each class; arguments as for `label_of`."""
    return "AP" if name == "mAP" else label_of(name, table)


def of_classes(names: Iterable[str], challenge: int | str) -> list[str]:
    """Select the scores that a class has of its own.

    Args:
        names: scores of a table. The error rate of localized events is one number over all classes, that of event
            detection one of each class; the micro average of precisions has no classes, and substitutions confuse two.
            The frame recall counts directions whatever their class, and 2019 assigns them so.
        challenge: year, or the name of a challenge without directions.
    """
    names = list(names)
    common = {"mAP_micro", "frame_recall"}
    common |= {"ER"} if {"LE", "DOAE", "doa_error"} & set(names) else set()
    common |= {"doa_error"} if challenge == 2019 else set()
    return [name for name in names if name not in common and not name.endswith("substitution_rate")]


def higher_is_better(name: str) -> bool:
    """Return whether a higher value of a score is better.

    Args:
        name: a key of `SCORES`.

    Raises:
        KeyError: no such score.
    """
    return SCORES[name].higher_is_better


def extra_scores(year: int) -> tuple[str, ...]:
    """Return the names of the scores that a challenge year does not print, though its counts give them."""
    return tuple(name for name, score in SCORES.items() if year in score.extra_years)
