"""What is counted of a recording and which scores the sums give: one description for each task of a system.

`score`, `evaluate`, `compare` and validation take names, counts and formulas from here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from avseld.io.events import Events
from avseld.metrics import sed
from avseld.metrics.confidence import jackknife as intervals_of
from avseld.metrics.counts import Counts
from avseld.metrics.formulas import Scores, Table
from avseld.metrics.rules import TASK4

SEGMENT_S = 1.0
"""segment of event detection, as in the segment-based metrics of DCASE and in the scorer of DCASE 2019 Task 4"""
TASK4_SEGMENT_S = 0.2
"""segment of tagging networks while they are validated (Q. Kong et al., arXiv 1904.03476)"""
COLLAR_S, OFFSET_SHARE = 0.2, 0.2
"""tolerance of onsets, and that of offsets as a share of the length of an event (DCASE 2019 Task 4)"""
SED = "sed"
"""segments of one second without a challenge of their own"""

RATES = ("substitution_rate", "deletion_rate", "insertion_rate")

Formula = Callable[[Counts], tuple[Table, Table]]
"""sums (..., class) -> scores and class-wise scores"""


@dataclass(frozen=True)
class Scoring:
    """How recordings of one task are scored.

    Args:
        challenge: year, or the name of a challenge without directions.
        average: macro or micro.
        names: of the scores; the first selects the best weights unless the recipe names another.
        count: reference and prediction of a recording -> counts (class,) by what they count.
        formulas: for each of these counts, the scores.
        parameters: lengths and tolerances by name, in seconds.
    """

    challenge: int | str
    average: str
    names: tuple[str, ...]
    count: Callable[[Events, Events], dict[str, Counts]]
    formulas: Mapping[str, Formula]
    parameters: Mapping[str, float] = field(default_factory=dict)

    def count_all(self, pairs: Iterable[tuple[Events, Events]]) -> dict[str, Counts]:
        """Count recordings: tables (recording, class) by what they count.

        Args:
            pairs: reference and prediction of each.

        Raises:
            BadInput: there are none.
        """
        return self.stack([self.count(*pair) for pair in pairs])

    def stack(self, counted: Iterable[Mapping[str, Counts]]) -> dict[str, Counts]:
        """Join the counts (class,) of recordings to tables (recording, class).

        Raises:
            BadInput: there are none.
        """
        counted = list(counted)
        return {kind: sed.stack_counts([one[kind] for one in counted]) for kind in self.formulas}

    def scores(self, counts: Mapping[str, Counts], jackknife: bool = False) -> Scores:
        """Compute the scores of all recordings together.

        Args:
            counts: tables (recording, class), see `count_all`.
            jackknife: add 95 % intervals over recordings.

        Raises:
            BadInput: a jackknife over fewer than two recordings.
        """
        values, classwise, interval, of_class = ({} for _ in range(4))  # type: ignore[var-annotated]
        for kind, formula in self.formulas.items():
            for table, part in zip((values, classwise), formula(counts[kind].sum()), strict=True):
                table.update(part)
            if jackknife:
                for table, part in zip(
                    (interval, of_class), intervals_of(counts[kind], formula), strict=True
                ):
                    table.update(part)
        names = self.names
        return Scores(
            self.challenge,
            self.average,
            len(next(iter(counts.values())).frames),
            {name: float(values[name]) for name in names},
            {name: np.asarray(classwise[name]).tolist() for name in names},
            {name: interval[name].tolist() for name in names if name in interval},
            {name: of_class[name].tolist() for name in names if name in of_class},
            parameters=dict(self.parameters),
        )


def segment_scoring(n_classes: int) -> Scoring:
    """Score event detection in segments of one second, all classes together.

    Args:
        n_classes: number of classes.
    """
    average = "micro"
    return Scoring(
        SED,
        average,
        ("ER", "F", *RATES),
        lambda reference, prediction: {
            "segment": sed.segment_counts(reference, prediction, n_classes, SEGMENT_S)
        },
        {"segment": partial(_named, "", average=average, zero_if_silent=True, corrected=True)},
        {"segment_s": SEGMENT_S},
    )


def task4_scoring(
    n_classes: int,
    average: str = "macro",
    segment_s: float = TASK4_SEGMENT_S,
    corrected: bool = False,
    zero_if_silent: tuple[str, ...] = ("event", "segment"),
    all_references: bool = True,
) -> Scoring:
    """Score events by onset and offset, and segments, as in DCASE 2019 Task 4.

    Args:
        n_classes: number of classes.
        average: macro or micro; substitutions are counted in the micro average only.
        segment_s: length of a segment; 1 in the challenge's own scorer.
        corrected: compare times that are rounded to a nanosecond.
        zero_if_silent: of event and segment, those whose macro F counts a class that is never predicted as 0.
        all_references: leave classes without reference out of the macro error rate in place of dividing by 2.2e-16.
    """
    rates = RATES if average == "micro" else RATES[1:]

    def count(reference: Events, prediction: Events) -> dict[str, Counts]:
        return {
            "event": sed.event_counts(
                reference, prediction, n_classes, COLLAR_S, OFFSET_SHARE, corrected=corrected
            ),
            "segment": sed.segment_counts(reference, prediction, n_classes, segment_s, corrected),
        }

    kinds = ("event", "segment")
    formulas = {
        kind: partial(
            _named,
            f"{kind}_",
            average=average,
            zero_if_silent=kind in zero_if_silent,
            corrected=all_references,
        )
        for kind in kinds
    }
    names = [f"{kind}_{name}" for kind in kinds for name in ("F", "ER", *rates)]
    parameters = {"collar_s": COLLAR_S, "offset_share": OFFSET_SHARE, "segment_s": segment_s}
    return Scoring(TASK4, average, tuple(names), count, formulas, parameters)


def _named(
    prefix: str, sums: Counts, average: str, zero_if_silent: bool, corrected: bool
) -> tuple[Table, Table]:
    """Compute the scores of event detection and put a prefix before their names."""
    tables = sed.compute(sums, average, zero_if_silent, corrected)
    first, second = ({prefix + name: value for name, value in table.items()} for table in tables)
    return first, second
