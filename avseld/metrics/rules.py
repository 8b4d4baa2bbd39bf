"""What each challenge year prescribes: the table that all scoring reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from avseld.base.errors import BadInput
from avseld.metrics.definitions import extra_scores


@dataclass(frozen=True)
class Rule:
    """How one year of DCASE Task 3 counts and what it prints."""

    year: int
    n_classes: int
    counting: str
    """doa2019, blocks (2020), segments (2021 to 2023) or frames (2024 and 2025)"""
    angle: str
    """arithmetic of the angle: polar, cartesian or folded (see `matching`)"""
    scores: tuple[str, ...]
    """names of the scores, in the order in which the year prints them"""
    averages: tuple[str, ...] = ("macro", "micro")
    hop: float = 0.1
    """seconds between frames"""
    frames_per_block: int = 1
    threshold_deg: float = 20.0
    relative_threshold: float = float("inf")
    """largest distance error of a true positive, as a share of the true distance"""
    far_weight: float = 1.0
    """how much a localization beyond the threshold weighs as a false positive in F"""
    prediction_unit: float = 0.01
    """metres in one unit of the distance column of predictions; labels have centimetres in every year"""
    units_per_metre: float = 1.0
    """unit in which the year prints the distance error"""
    late_frames: bool = False
    """whether predictions long after the last annotated frame are expected"""

    @property
    def all_scores(self) -> tuple[str, ...]:
        """Names of the printed scores, then of those that the counts give as well."""
        return self.scores + extra_scores(self.year)


JOINT = ("ER", "F", "LE", "LR", "seld_score")

RULES: Mapping[int, Rule] = MappingProxyType(
    {
        rule.year: rule
        for rule in (
            Rule(
                2019,
                11,
                "doa2019",
                "polar",
                ("ER", "F", "doa_error", "frame_recall", "seld_score"),
                ("micro",),
                hop=0.02,
                frames_per_block=50,
            ),
            Rule(2020, 14, "blocks", "polar", JOINT, ("micro",), frames_per_block=10),
            Rule(2021, 12, "segments", "polar", JOINT, ("micro",), frames_per_block=10, far_weight=0.5),
            Rule(2022, 13, "segments", "polar", JOINT, frames_per_block=10),
            Rule(2023, 13, "segments", "polar", JOINT, frames_per_block=10),
            Rule(
                2024,
                13,
                "frames",
                "cartesian",
                ("F", "DOAE", "RDE", "DE", "seld_score"),
                relative_threshold=1.0,
                prediction_unit=1.0,
            ),
            Rule(
                2025,
                13,
                "frames",
                "folded",
                ("F", "DOAE", "RDE", "DE", "onscreen_accuracy"),
                relative_threshold=1.0,
                units_per_metre=100.0,
                late_frames=True,
            ),
        )
    }
)
"""Challenge year -> rule.

`DCASE baselines` spec 1.9, 2.6, 3.8; `SELDnet` spec 8; `Sony audio-visual SELD` spec 11. 2021 counts as 2022,
but for a distant match, which weighs half in F (MIT-licensed `metrics` of that year's baseline).
"""


def rule_of(challenge: int | str) -> Rule:
    """Rule of a challenge year.

    Raises:
        BadInput: no such year; lists the years.
    """
    try:
        return RULES[int(challenge)]
    except (KeyError, ValueError):
        years = ", ".join(map(str, RULES))
        raise BadInput(f"no rules for challenge '{challenge}'; choose one of {years}") from None
