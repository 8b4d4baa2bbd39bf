"""Scores of energy maps by the final definition of DCASE2026 Task 3 (2026-06-30), and by the one before its repair.

Average precision is decided by counts, as fractions. With `legacy` it is computed in single precision as by the
official code, where a recall of seven in ten falls short of 0.7.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from avseld.metrics.confidence import interval_of
from avseld.metrics.imaging.matching import Records

Definition = Literal["2026-04-02", "2026-05-28", "2026-06-30"]
"""dates of the official code; the last is that of the published ranking"""
THRESHOLDS = (0.25, 0.5, 0.75)
"""soft IoU from which a pair counts as found"""
N_RECALLS = 100
"""steps of recall from 0 to 1 at which precision is read"""
LEGACY_TINY = np.float32(1e-9)


@dataclass(frozen=True)
class ImagingScores:
    """Scores of energy maps.

    Args:
        macro_precision: mean over classes with references of the mean average precision over thresholds.
        macro_correlation: mean over classes with references and a value of the mean correlation of their pairs.
        micro_precision: average precision of all classes together.
        micro_correlation: mean correlation of all pairs.
        precisions: (class, threshold) average precision; NaN for a class without references.
        correlations: (class,) mean correlation; NaN without a value.
        n_references: (class,).
        n_predictions: (class,).
    """

    macro_precision: float
    macro_correlation: float
    micro_precision: float
    micro_correlation: float
    precisions: np.ndarray
    correlations: np.ndarray
    n_references: np.ndarray
    n_predictions: np.ndarray

    @property
    def whole(self) -> dict[str, float]:
        """The four scores over all classes, by name."""
        return {
            "macro_mAP": self.macro_precision,
            "macro_pearson": self.macro_correlation,
            "micro_mAP": self.micro_precision,
            "micro_pearson": self.micro_correlation,
        }

    @property
    def without_predictions(self) -> list[int]:
        """Classes that have references but no prediction: their average precision is 0."""
        return np.flatnonzero((self.n_references > 0) & (self.n_predictions == 0)).tolist()

    @property
    def without_references(self) -> list[int]:
        """Classes that are predicted but have no reference: false alarms that the macro mean leaves out."""
        return np.flatnonzero((self.n_references == 0) & (self.n_predictions > 0)).tolist()

    def as_dict(self) -> dict[str, Any]:
        """Values that JSON holds; None for NaN."""
        classwise = {"AP": self.precisions.tolist(), "pearson": self.correlations.tolist()}
        counts = {"n_references": self.n_references.tolist(), "n_predictions": self.n_predictions.tolist()}
        return {**_none_for_nan(self.whole), "classwise": _none_for_nan(classwise), **counts}


def scores_of(records: Records, definition: Definition = "2026-06-30", legacy: bool = False) -> ImagingScores:
    """Compute the scores of matched predictions.

    Args:
        records: of all recordings.
        definition: 2026-06-30, or 2026-05-28, where a class without any prediction leaves the mean.
        legacy: numbers in single precision, as by the official code under NumPy 2.
    """
    n_references = records.n_references.sum(axis=0)
    n_classes = len(n_references)
    order = np.argsort(-records.score, kind="stable")  # rows of equal confidence stay in their order
    overlap, label = records.overlap[order], records.label[order]
    precision = _precision_in_single if legacy else _precision
    precisions = np.full((n_classes, len(THRESHOLDS)), np.nan)
    for one in np.flatnonzero(n_references):
        rows = overlap[label == one]
        if len(rows) or definition != "2026-05-28":
            precisions[one] = [precision(rows >= least, int(n_references[one])) for least in THRESHOLDS]
    correlations = np.array([_mean(records.correlation[records.label == one]) for one in range(n_classes)])
    known = n_references > 0
    total = int(n_references.sum())
    micro = [precision(overlap >= least, total) for least in THRESHOLDS] if total else [np.nan]
    return ImagingScores(
        _mean(np.array([_over_thresholds(row, legacy) for row in precisions[known]])),
        _mean(correlations[known]),
        _over_thresholds(np.array(micro), legacy),
        _mean(records.correlation),
        precisions,
        correlations,
        n_references,
        records.n_predictions,
    )


def jackknife(
    records: Records, definition: Definition = "2026-06-30", legacy: bool = False, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Compute jackknife intervals over recordings; the matched predictions are kept, none is drawn again.

    Args:
        records: of two recordings or more.
        definition: see `scores_of`.
        legacy: see `scores_of`.
        level: coverage of the interval.

    Returns:
        Low and high by score.

    Raises:
        BadInput: fewer than two recordings.
    """
    return _intervals([_with_each_left_out(records, definition, legacy)], level)


def jackknife_of_gain(
    records: Records,
    others: Records,
    definition: Definition = "2026-06-30",
    legacy: bool = False,
    level: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Compute jackknife intervals of how much higher a system scores than another one, on the same recordings.

    Args:
        records: of two recordings or more.
        others: of the other system, the same recordings in the same order.
        definition: see `scores_of`.
        legacy: see `scores_of`.
        level: coverage of the interval.

    Returns:
        Low and high by score.

    Raises:
        BadInput: fewer than two recordings.
    """
    each = [_with_each_left_out(one, definition, legacy) for one in (records, others)]
    return _intervals(each, level)


def _with_each_left_out(records: Records, definition: Definition, legacy: bool) -> list[dict[str, float]]:
    """Score all recordings, then all but each."""
    fewer = (records.without(recording) for recording in range(len(records.n_references)))
    return [scores_of(one, definition, legacy).whole for one in (records, *fewer)]


def _intervals(systems: list[list[dict[str, float]]], level: float) -> dict[str, tuple[float, float]]:
    """Compute intervals of the scores of a system, or of those of the first less those of the second."""
    intervals = {}
    for name in systems[0][0]:
        whole, *left_out = (
            one[name] - sum(other[name] for other in others) for one, *others in zip(*systems, strict=True)
        )
        low, high = interval_of(np.array(whole), np.array(left_out), level)
        intervals[name] = (float(low), float(high))
    return intervals


def _precision(hit: np.ndarray, n_references: int) -> float:
    """Compute average precision: the mean over recalls k / 100 of the best precision at that recall or a larger one.

    Args:
        hit: (prediction,) in falling order of confidence.
        n_references: of the class.
    """
    hits = np.cumsum(hit)
    best = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    # hits / n_references >= k / 100, in whole numbers
    needed = -(-np.arange(N_RECALLS + 1) * n_references // N_RECALLS)
    first = np.searchsorted(hits, needed)
    return float(np.append(best, 0.0)[first].mean())


def _precision_in_single(hit: np.ndarray, n_references: int) -> float:
    """Compute average precision in single precision, as the official code does."""
    hits = np.cumsum(hit, dtype=np.float32)
    misses = np.cumsum(~hit, dtype=np.float32)
    precision = hits / (hits + misses + LEGACY_TINY)
    recall = (hits / np.float32(n_references)).astype(np.float64)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], np.float32(0))
    first = np.searchsorted(recall, np.linspace(0, 1, N_RECALLS + 1))
    # One after the other: `mean` adds up in another order.
    return float(np.cumsum(best[first])[-1] / np.float32(N_RECALLS + 1))


def _over_thresholds(precisions: np.ndarray, legacy: bool) -> float:
    """Average the precisions at the thresholds."""
    return float(precisions.astype(np.float32 if legacy else np.float64).mean())


def _mean(values: np.ndarray) -> float:
    """Average what is not NaN; NaN of nothing."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _none_for_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _none_for_nan(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_none_for_nan(one) for one in value]
    return None if np.isnan(value) else value
