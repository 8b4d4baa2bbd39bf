"""Confidence intervals over recordings, computed from their counts."""

from collections.abc import Callable

import numpy as np
from scipy.special import stdtrit

from avseld.base.errors import BadInput
from avseld.metrics.counts import Counts

Table = dict[str, np.ndarray]
Evaluate = Callable[[Counts], tuple[Table, Table]]


def jackknife(counts: Counts, evaluate: Evaluate, level: float = 0.95) -> tuple[Table, Table]:
    """Compute jackknife intervals over recordings, centred on the bias-corrected estimate, as DCASE reports them.

    Scores are formulas on sums of counts, so leaving a recording out is one subtraction. (B. Efron and C. Stein, The
    jackknife estimate of variance, 1981; A. Mesaros et al., Sound event detection in the DCASE 2017
    challenge, 2019.)

    Args:
        counts: (recording, class).
        evaluate: function from sums of counts, with any leading axes, to scores and class-wise scores.
        level: coverage of the interval.

    Returns:
        Intervals by score name: low and high (2,), and class-wise (class, 2).

    Raises:
        BadInput: fewer than two recordings.
    """
    n = len(counts.frames)
    _check_number(n)
    whole = counts.sum()
    everything, left_out = evaluate(whole), evaluate(whole - counts)
    first, second = (
        {name: interval_of(point[name], partial[name], level) for name in point}
        for point, partial in zip(everything, left_out, strict=True)
    )
    return first, second


def _check_number(n: int) -> None:
    if n < 2:
        raise BadInput(f"a jackknife needs two recordings or more, here are {n}; score without --jackknife")


def interval_of(point: np.ndarray, partial: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Compute a jackknife interval, centred on the bias-corrected estimate.

    Args:
        point: (...) score of all recordings.
        partial: (recording, ...) score without each.
        level: coverage of the interval.

    Returns:
        (..., 2) low and high.

    Raises:
        BadInput: fewer than two recordings.
    """
    n, mean = len(partial), partial.mean(axis=0)
    _check_number(n)
    quantile = float(stdtrit(n - 1, 0.5 + level / 2))
    estimate = point - (n - 1) * (mean - point)
    error = np.sqrt((n - 1) * np.square(partial - mean).mean(axis=0))
    return np.stack([estimate - quantile * error, estimate + quantile * error], axis=-1)


def bootstrap(
    counts: Counts, evaluate: Evaluate, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> Table:
    """Compute percentile bootstrap intervals over recordings (B. Efron, Bootstrap methods, 1979).

    Args:
        counts: (recording, class).
        evaluate: as in `jackknife`.
        level: coverage of the interval.
        draws: number of resampled sets.
        seed: of the random generator.

    Returns:
        Intervals by score name: low and high (2,).
    """
    weight = resampled(len(counts.frames), draws, seed)
    drawn = Counts(**{name: np.tensordot(weight, value, 1) for name, value in counts.as_dict().items()})
    edges = [(1 - level) / 2, (1 + level) / 2]
    return {name: np.nanquantile(value, edges, axis=0) for name, value in evaluate(drawn)[0].items()}


def paired_bootstrap(
    one: Counts,
    two: Counts,
    value: Callable[[Counts], np.ndarray],
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> list[float]:
    """Compute the difference of a score between two systems with its percentile bootstrap interval.

    Both are scored on the same resampled recordings (B. Efron and R. Tibshirani, An introduction to the bootstrap,
    1993, chapter 8).

    Args:
        one: (recording, class).
        two: the same recordings, in the same order.
        value: function from sums of counts, with any leading axes, to a score.
        level: coverage of the interval.
        draws: number of resampled sets.
        seed: of the random generator.

    Returns:
        value(one) - value(two), low and high.
    """
    weight = resampled(len(one.frames), draws, seed)
    values = []
    for counts in (one, two):
        drawn = {name: np.tensordot(weight, table, 1) for name, table in counts.as_dict().items()}
        values.append(np.append(value(counts.sum()), value(Counts(**drawn))))
    return difference_of(values[0], values[1], level)


def resampled(n_recordings: int, draws: int, seed: int) -> np.ndarray:
    """Draw sets of recordings with replacement.

    Args:
        n_recordings: recordings of each set.
        draws: number of sets.
        seed: of the random generator.

    Returns:
        (draw, recording) how often each recording is in the set.
    """
    return np.random.default_rng(seed).multinomial(
        n_recordings, np.full(n_recordings, 1 / n_recordings), draws
    )


def difference_of(one: np.ndarray, two: np.ndarray, level: float = 0.95) -> list[float]:
    """Compute the difference of a score and its percentile interval.

    Args:
        one: (1 + draw,) score of all recordings, then of each set of `resampled`.
        two: the same of the other system, on the same sets.
        level: coverage of the interval.

    Returns:
        one - two, low and high; NaN where a system has no value.
    """
    difference = one - two
    if np.isnan(difference[1:]).all():
        return [float(difference[0]), float("nan"), float("nan")]
    low, high = np.nanquantile(difference[1:], [(1 - level) / 2, (1 + level) / 2])
    return [float(difference[0]), float(low), float(high)]
