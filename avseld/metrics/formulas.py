"""Formulas that turn counts into scores, for one sum of counts or for many at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from avseld.base.errors import BadInput
from avseld.metrics.counts import CLASSLESS, Counts
from avseld.metrics.definitions import SCORES
from avseld.metrics.rules import Rule
from avseld.metrics.table import table

EPS = float(np.finfo(float).eps)
Table = dict[str, np.ndarray]


@dataclass(frozen=True)
class Scores:
    """Scores of a set of recordings.

    Each score of `avseld.metrics.definitions.SCORES` is an attribute and an item (`scores.F`, `scores["F"]`);
    those that the year does not have are NaN.

    Args:
        challenge: year, or the name of a challenge without directions.
        average: macro or micro.
        n_recordings: number of recordings; 0 if unknown.
        values: scores by name.
        classwise: scores by name, each (class,).
        interval: 95 % confidence intervals by name, low and high.
        classwise_interval: the same of each class, (class, 2).
        classes: class names, where known.
        own: numbers of metrics of other packages, by name.
        n_events: reference events of each class, where counted.
        parameters: lengths and tolerances that were chosen, by name.
    """

    challenge: int | str
    average: str
    n_recordings: int = 0
    values: dict[str, float] = field(default_factory=dict)
    classwise: dict[str, list[float]] = field(default_factory=dict)
    interval: dict[str, list[float]] = field(default_factory=dict)
    classwise_interval: dict[str, list[list[float]]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    own: dict[str, float] = field(default_factory=dict)
    n_events: tuple[int, ...] = ()
    parameters: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """Write the table that the command `score` prints."""
        return table(self, self.classes).rstrip("\n")

    def __getitem__(self, name: str) -> float:
        if name not in SCORES:
            raise KeyError(name)
        return self.values.get(name, float("nan"))

    def __getattr__(self, name: str) -> float:
        if name not in SCORES:
            raise AttributeError(name)
        return self[name]

    @property
    def printed(self) -> tuple[str, ...]:
        """Names of this year's scores, then of those that it does not print."""
        return tuple(self.values)

    def as_dict(self) -> dict[str, object]:
        """Return what `--json` prints: null for NaN, only the scores of the year."""
        out: dict[str, object] = {
            "challenge": self.challenge,
            "average": self.average,
            "recordings": self.n_recordings,
            **self.parameters,
        }
        out |= {name: _plain(value) for name, value in self.values.items()}
        out["classwise"] = _plain(self.classwise)
        out["events"] = list(self.n_events)
        if self.interval:
            out |= {"interval": _plain(self.interval), "classwise_interval": _plain(self.classwise_interval)}
        if self.own:
            out["own"] = _plain(self.own)
        return out


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def average_of(rule: Rule, average: str) -> str:
    """Return the average to use for a year: 2019, 2020 and 2021 define micro only.

    Args:
        rule: the challenge year.
        average: macro or micro.

    Raises:
        BadInput: neither macro nor micro.
    """
    if average not in ("macro", "micro"):
        raise BadInput(f"no average '{average}'; choose macro or micro")
    return average if average in rule.averages else rule.averages[0]


def compute_scores(
    counts: Counts, rule: Rule, average: str = "macro", corrected: bool = False
) -> tuple[Table, Table]:
    """Compute scores and class-wise scores from sums of counts.

    Args:
        counts: arrays (..., class) with any leading axes, for example one per left-out recording.
        rule: the challenge year.
        average: macro or micro.
        corrected: leave classes without reference out of the macro average; 2020: recall instead of the
            F-score that this year reported.

    Returns:
        Scores by name, each (...,), and class-wise, each (..., class).
    """
    formula = FORMULAS[rule.counting]
    with np.errstate(divide="ignore", invalid="ignore"):
        classwise = formula(counts, rule, corrected)
        if average_of(rule, average) == "micro":
            together = merge_classes(counts)
            return {
                name: value[..., 0] for name, value in formula(together, rule, corrected).items()
            }, classwise
        return _macro(classwise, counts, corrected), classwise


def _macro(classwise: Table, counts: Counts, corrected: bool) -> Table:
    """Average over classes; DOAE, RDE and DE, which are NaN without a match, over the matched classes only."""
    absent = (counts.reference == 0) & corrected
    return {
        name: nanmean(np.where(absent, np.nan, value), axis=-1) if name != "ER" else value[..., 0]
        for name, value in classwise.items()
    }


def nanmean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """Average along one axis without NaN; NaN where nothing else is there, without numpy's warning."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=axis) / known.sum(axis=axis))


def merge_classes(counts: Counts) -> Counts:
    """Add up the classes, (..., 1)."""
    merged = {
        name: value if name in CLASSLESS else value.sum(axis=-1, keepdims=True)
        for name, value in counts.as_dict().items()
    }
    return Counts(**merged)


def _error_rate(counts: Counts, reference: np.ndarray | None = None) -> np.ndarray:
    """Compute one error rate over all classes, repeated for each, (..., class).

    Args:
        counts: sums.
        reference: (...,) what the errors are relative to; all reference events if None.
    """
    errors = counts.substitutions + counts.deletions + counts.insertions
    reference = counts.reference.sum(axis=-1) if reference is None else reference
    rate = np.where((reference == 0) & (errors > 0), np.nan, errors / (reference + EPS))
    return np.broadcast_to(rate[..., None], counts.reference.shape)


def _joint(counts: Counts, rule: Rule, corrected: bool) -> Table:
    """2021 to 2023: `metrics/SELD_evaluation_metrics.py` of sharathadavanne/seld-dcase2022."""
    table = {"ER": _error_rate(counts)}
    table["F"] = _f_score(counts, rule)
    table["LE"] = np.where(counts.matched > 0, counts.angle / (counts.matched + EPS), 180.0)
    table["LR"] = counts.matched / (EPS + counts.matched + counts.fn)
    return table | {"seld_score": seld_score(table)} | _precision_recall(counts)


def _precision_recall(counts: Counts) -> Table:
    """Precision and recall whose harmonic mean is the F-score of a class from 2022 on."""
    return {
        "P": counts.tp / (EPS + counts.tp + counts.far + counts.fp),
        "R": counts.tp / (EPS + counts.tp + counts.far + counts.fn),
    }


def _f_score(counts: Counts, rule: Rule) -> np.ndarray:
    wrong = rule.far_weight * counts.far + 0.5 * (counts.fp + counts.fn)
    return np.asarray(counts.tp / (EPS + counts.tp + wrong))


def _blocks(counts: Counts, rule: Rule, corrected: bool) -> Table:
    """2020: `metrics/SELD_evaluation_metrics.py` of sharathadavanne/seld-dcase2020.

    Its fourth number is the F-score of localizations, reported as recall.
    """
    table = {"ER": _error_rate(counts), "F": _harmonic(counts.tp, counts)}
    table["LE"] = np.where(counts.matched > 0, counts.angle / (counts.matched + EPS), 180.0)
    recall = counts.matched / (counts.reference + EPS)
    table["LR"] = recall if corrected else _harmonic(counts.matched, counts)
    return table | {"seld_score": seld_score(table)}


def _harmonic(hits: np.ndarray, counts: Counts) -> np.ndarray:
    precision, recall = hits / (counts.prediction + EPS), hits / (counts.reference + EPS)
    return np.asarray(2 * precision * recall / (precision + recall + EPS))


def _frames(counts: Counts, rule: Rule, corrected: bool) -> Table:
    """2024 and 2025.

    `SELD_evaluation_metrics.py` of partha2409/DCASE2024_seld_baseline, `metrics.py` of
    partha2409/DCASE2025_seld_baseline.
    """
    table = {"F": _f_score(counts, rule)}
    for name, total in (
        ("DOAE", counts.angle),
        ("RDE", counts.relative),
        ("DE", counts.distance),
        ("onscreen_accuracy", counts.onscreen),
    ):
        table[name] = total / counts.matched  # 0 / 0 = NaN: no match in this class
    table["ER"] = _error_rate(counts)
    table["LR"] = counts.matched / (EPS + counts.matched + counts.fn)
    without_distance = ("ER", "F", "DOAE", "LR")
    scored = ("F", "DOAE", "RDE") if not np.isnan(counts.relative).any() else without_distance
    table |= {"seld_score": seld_score({name: table[name] for name in scored})}
    return table | _precision_recall(counts)


def _doa2019(counts: Counts, rule: Rule, corrected: bool) -> Table:
    """2019: `metrics/evaluation_metrics.py` of sharathadavanne/seld-dcase2019.

    Only F is defined for one class; the others are computed over all classes and repeated.
    """
    hits = counts.tp
    precision, recall = hits / (counts.prediction + EPS), hits / (counts.reference + EPS)
    table = {
        "ER": _error_rate(counts),
        "F": 2 * precision * recall / (precision + recall + EPS),
        "doa_error": counts.angle.sum(-1, keepdims=True) / counts.matched.sum(-1, keepdims=True),
        "frame_recall": (counts.equal_frames / counts.frames)[..., None],
    }
    table = {name: np.broadcast_to(value, counts.reference.shape) for name, value in table.items()}
    return table | {"seld_score": seld_score(table)}


def _doa2018(counts: Counts, rule: Rule, corrected: bool) -> Table:
    """SELDnet 2018, see `avseld.metrics.doa2018`; error rate and frame recall are one number for all classes."""
    mean = counts.angle / counts.matched
    table = {
        "ER": _error_rate(counts, counts.whole_reference),
        "F": _harmonic(counts.tp, counts),
        "doa_error": mean if corrected else np.degrees(2 * np.arcsin(mean / 2)),
        "frame_recall": (counts.equal_frames / counts.frames)[..., None],
    }
    table = {name: np.broadcast_to(value, counts.reference.shape) for name, value in table.items()}
    return table | {"seld_score": seld_score(table)}


FORMULAS: dict[str, Callable[[Counts, Rule, bool], Table]] = {
    "doa2018": _doa2018,
    "doa2019": _doa2019,
    "blocks": _blocks,
    "segments": _joint,
    "frames": _frames,
}


def seld_score(table: Mapping[str, np.ndarray]) -> np.ndarray:
    """Average the normalized errors: 1 - score where higher is better, else score / full scale.

    Args:
        table: scores by name, all of one shape; angles in degrees. NaN is left out of the mean.

    Returns:
        0 for a perfect prediction, in the shape of the scores.
    """
    errors = [
        1 - value if SCORES[name].higher_is_better else value / SCORES[name].full_scale
        for name, value in table.items()
    ]
    return nanmean(np.stack(errors), axis=0)
