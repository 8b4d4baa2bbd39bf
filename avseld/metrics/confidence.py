"""Confidence intervals over recordings, from their counts: nothing is scored twice."""

from collections.abc import Callable

import numpy as np
from scipy.special import stdtrit

from avseld.base.errors import BadInput
from avseld.metrics.counts import Counts

Table = dict[str, np.ndarray]
Evaluate = Callable[[Counts], tuple[Table, Table]]


def jackknife(counts: Counts, evaluate: Evaluate, level: float = 0.95) -> tuple[Table, Table]:
    """Intervals by leaving one recording out, centred on the bias-corrected estimate, as DCASE reports them.

    Scores are formulas on sums, so a recording is left out by one subtraction. (B. Efron and C. Stein, The
    jackknife estimate of variance, 1981; A. Mesaros et al., Sound event detection in the DCASE 2017
    challenge, 2019.)

    Args:
        counts: (recording, class).
        evaluate: from sums of counts, with any leading axes, to scores and class-wise scores.
        level: probability that the interval holds.

    Returns:
        By score: low and high, (2,), and class-wise (class, 2).

    Raises:
        BadInput: fewer than two recordings.
    """
    n = len(counts.frames)
    if n < 2:
        raise BadInput(f"a jackknife needs two recordings or more, here are {n}; score without --jackknife")
    whole = counts.sum()
    everything, left_out = evaluate(whole), evaluate(whole - counts)
    quantile = float(stdtrit(n - 1, 0.5 + level / 2))
    first, second = (
        {name: _interval(point[name], partial[name], quantile) for name in point}
        for point, partial in zip(everything, left_out, strict=True)
    )
    return first, second


def _interval(point: np.ndarray, partial: np.ndarray, quantile: float) -> np.ndarray:
    n, mean = len(partial), partial.mean(axis=0)
    estimate = point - (n - 1) * (mean - point)
    error = np.sqrt((n - 1) * np.square(partial - mean).mean(axis=0))
    return np.stack([estimate - quantile * error, estimate + quantile * error], axis=-1)


def bootstrap(
    counts: Counts, evaluate: Evaluate, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> Table:
    """Percentile intervals by drawing recordings with replacement (B. Efron, 1979).

    Args:
        counts: (recording, class).
        evaluate: as in `jackknife`.
        level: probability that the interval holds.
        draws: how many sets are drawn.
        seed: same seed, same interval.

    Returns:
        By score: low and high, (2,).
    """
    n = len(counts.frames)
    weight = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), draws)
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
    """Difference of a score between two systems on the same recordings, with its percentile interval.

    Both are scored on the same drawn recordings (B. Efron and R. Tibshirani, An introduction to the bootstrap,
    1993, chapter 8).

    Args:
        one: (recording, class).
        two: the same recordings, in the same order.
        value: from sums of counts, with any leading axes, to a score.
        level: probability that the interval holds.
        draws: how many sets are drawn.
        seed: same seed, same interval.

    Returns:
        value(one) - value(two), low and high.
    """
    n = len(one.frames)
    weight = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), draws)
    drawn = [
        value(Counts(**{name: np.tensordot(weight, table, 1) for name, table in counts.as_dict().items()}))
        for counts in (one, two)
    ]
    low, high = np.nanquantile(drawn[0] - drawn[1], [(1 - level) / 2, (1 + level) / 2])
    return [float(value(one.sum()) - value(two.sum())), float(low), float(high)]
