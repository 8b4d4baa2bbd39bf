"""Scoring rules of the challenge years, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.metrics.definitions import extra_scores


@dataclass(frozen=True)
class Rule:
    """Scoring rule of one year of DCASE Task 3, or of SELDnet 2018."""

    year: int
    n_classes: int
    counting: str
    """doa2018, doa2019, blocks (2020), segments (2021 to 2023) or frames (2024 and 2025)"""
    angle: str
    """arithmetic of the angle: polar, cartesian or folded (see `avseld.metrics.assignment`)"""
    scores: tuple[str, ...]
    """names of the scores, in the order of the official output"""
    averages: tuple[str, ...] = ("macro", "micro")
    hop: float = 0.1
    """seconds between frames"""
    frames_per_block: int = 1
    threshold_deg: float = 20.0
    relative_threshold: float = float("inf")
    """largest distance error of a true positive, relative to the reference distance"""
    far_weight: float = 1.0
    """weight in F of matches beyond the threshold"""
    prediction_unit: float = 0.01
    """metres per unit of the distance column of predictions; labels are in centimetres in every year"""
    units_per_metre: float = 1.0
    """unit of the distance error in the official output"""
    file_hop: float | None = None
    """seconds between the frames of frame csv files; None for those of the rule. 2018 published no format of files"""
    late_frames: bool = False
    """whether predictions after the end of the reference are accepted"""

    @property
    def frame_hop(self) -> float:
        """Seconds between the frames of frame csv files."""
        return self.hop if self.file_hop is None else self.file_hop

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
                2018,
                11,
                "doa2018",
                "cartesian",
                ("ER", "F", "doa_error", "frame_recall", "seld_score"),
                ("micro",),
                hop=256 / 44100,
                frames_per_block=172,
                file_hop=LABEL_HOP,
            ),
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
"""Challenge year -> rule. Sources: the official scorers listed in `avseld.metrics.seld`, `avseld.metrics.doa2018` and
`avseld.metrics.doa2019`.

2021 counts like 2022, except that a match beyond the threshold weighs half in F.
"""


def check_options(
    challenge: int | str, n_classes: int | None = None, onscreen: bool = False, grid: bool = False
) -> None:
    """Refuse options of scoring that a year does not have.

    Args:
        challenge: the year.
        n_classes: number of classes, None where files or the year give it.
        onscreen: 2025 only.
        grid: 2019 only.

    Raises:
        BadInput: names the option.
    """
    if n_classes is not None and n_classes < 1:
        raise BadInput(f"n_classes {n_classes}: give the number of classes, 1 or more")
    for given, name, year in ((onscreen, "onscreen", 2025), (grid, "grid", 2019)):
        if given and rule_of(challenge).year != year:
            raise BadInput(f"{name}: is an option of {year}; leave it out, or give --challenge {year}")


TASK4 = "2019-task4"
"""the challenge of event detection without directions, beside the years of Task 3"""


def challenge_named(challenge: int | str) -> int | str:
    """Return the challenge as a year or as the name of the one without directions.

    Args:
        challenge: a year as a number or in words, or `TASK4`.

    Raises:
        BadInput: none of them; lists them.
    """
    return TASK4 if str(challenge) == TASK4 else rule_of(challenge).year


def rule_of(challenge: int | str) -> Rule:
    """Return the rule of a challenge year.

    Raises:
        BadInput: no such year; lists the years.
    """
    try:
        return RULES[int(challenge)]
    except (KeyError, ValueError):
        years = ", ".join(map(str, RULES))
        raise BadInput(
            f"no rules for challenge '{challenge}'; choose one of {years} (or {TASK4} for `score`)"
        ) from None
