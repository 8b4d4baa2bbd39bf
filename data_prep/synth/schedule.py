"""When events happen in a scene whose label statistics are those of a corpus: classes, onsets and lengths."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from data_prep.synth.label_statistics import PERCENT, ClassStatistics, LabelStatistics

N_ONSETS = 128
"""onsets that are tried for an event; the one that fits the numbers of sources best is taken"""
N_LENGTHS = 400
"""equally likely lengths that stand for the quantiles of a class"""
SAME_CLASS_SLACK = 1.5
"""a scene may exceed the corpus's share of frames with two of a class by this factor, because many scenes have none"""
MIN_LENGTH_S = 0.1
"""shortest event, one label frame"""


@dataclass(frozen=True)
class ScheduledEvent:
    """An event without a place."""

    label: int
    """class index"""
    onset: float
    """seconds"""
    length: float
    """seconds"""


def draw_quantile(quantiles: Sequence[float], rng: np.random.Generator) -> float:
    """Draw a value from a distribution given by its quantiles at `PERCENT`."""
    return float(np.interp(rng.uniform(0, 100), PERCENT, quantiles))


def draw_schedule(
    statistics: LabelStatistics,
    duration: float,
    max_polyphony: int | None,
    rng: np.random.Generator,
) -> list[ScheduledEvent]:
    """Draw the events of a scene.

    The shares of frames with 0, 1, 2, ... sources are drawn for the scene, around those of the corpus. Events are then
    drawn until their lengths add up to the sources' time, and placed where these shares are exceeded least, the longest
    first.

    Args:
        statistics: of the labels to resemble.
        duration: of the scene, seconds.
        max_polyphony: largest number of sources at once; as in the corpus if None.
        rng: the only source of randomness.

    Returns:
        Events in the order of their onsets; events that are longer than the scene are cut to it.
    """
    shares = _draw_polyphony(statistics, max_polyphony, rng)
    n_frames = round(duration / LABEL_HOP)
    events = _draw_lengths(statistics, duration, float(shares @ np.arange(len(shares))) * duration, rng)
    # Frames with at least 1, 2, ... sources.
    wanted = np.cumsum(shares[::-1])[::-1][1:] * n_frames
    counts = np.zeros(n_frames, int)
    by_class: dict[int, np.ndarray] = {}
    same_wanted = SAME_CLASS_SLACK * statistics.same_class * wanted[0] if len(wanted) > 1 else 0.0
    scheduled = []
    for label, length in sorted(events, key=lambda event: -event[1]):
        n = min(max(round(length / LABEL_HOP), 1), n_frames)
        own = by_class.setdefault(label, np.zeros(n_frames, int))
        first = _best_start(counts, own, n, wanted, same_wanted - _doubled(by_class), rng)
        if first is None:
            continue
        counts[first : first + n] += 1
        own[first : first + n] += 1
        # Onsets lie anywhere within a label frame; half a frame earlier or later gives the same labels.
        shift = rng.uniform(-LABEL_HOP / 2, LABEL_HOP / 2)
        onset = float(np.clip(first * LABEL_HOP + shift, 0, duration - n * LABEL_HOP))
        scheduled.append(ScheduledEvent(label, onset, n * LABEL_HOP))
    return sorted(scheduled, key=lambda event: event.onset)


def _draw_polyphony(
    statistics: LabelStatistics, max_polyphony: int | None, rng: np.random.Generator
) -> np.ndarray:
    """Draw the shares of frames with 0, 1, ... sources for one scene; numbers above the largest go to the largest."""
    mean = np.array(statistics.polyphony)
    if max_polyphony is not None:
        mean = np.r_[mean[:max_polyphony], mean[max_polyphony:].sum()]
    drawn = rng.gamma(np.maximum(mean * statistics.polyphony_concentration, 1e-9))
    return drawn / drawn.sum() if drawn.sum() > 0 else mean


def _draw_lengths(
    statistics: LabelStatistics, duration: float, total: float, rng: np.random.Generator
) -> list[tuple[int, float]]:
    """Draw classes and lengths of events that add up to `total` seconds.

    The events are those that a window of `total` seconds shows of an endless row of events, cut at both of its ends:
    so every class has its share of time on average, however long its events are.
    """
    labels = sorted(statistics.classes)
    share = np.array([statistics.classes[label].share for label in labels])
    lengths = {label: _length_grid(statistics.classes[label], duration) for label in labels}
    # Classes have their shares of frames: those of short events have more events.
    weights = share / [lengths[label].mean() for label in labels]
    weights /= weights.sum()
    label = labels[rng.choice(len(labels), p=share / share.sum())]
    grid = lengths[label]
    length = float(rng.choice(grid, p=grid / grid.sum())) * rng.random()
    events: list[tuple[int, float]] = []
    left = total
    while left > MIN_LENGTH_S / 2:
        events.append((label, min(length, left)))
        left -= length
        label = labels[rng.choice(len(labels), p=weights)]
        length = float(rng.choice(lengths[label]))
    return events


def _length_grid(statistics: ClassStatistics, duration: float) -> np.ndarray:
    """Return equally likely lengths of a class in seconds, cut to a duration."""
    percent = (np.arange(N_LENGTHS) + 0.5) * 100 / N_LENGTHS
    return np.clip(np.interp(percent, PERCENT, statistics.length_s), MIN_LENGTH_S, duration)


def _doubled(by_class: dict[int, np.ndarray]) -> int:
    """Count the frames with two or more sources of one class."""
    return int(np.any([own > 1 for own in by_class.values()], axis=0).sum())


def _best_start(
    counts: np.ndarray,
    own: np.ndarray,
    n: int,
    wanted: np.ndarray,
    same_left: float,
    rng: np.random.Generator,
) -> int | None:
    """Choose the first frame of an event of n frames.

    Args:
        counts: (frame,) sources so far.
        own: (frame,) sources of the event's class so far.
        n: frames of the event.
        wanted: (level,) frames that may have at least 1, 2, ... sources.
        same_left: further frames that may have two sources of the class.
        rng: draws the frames that are tried.

    Returns:
        None if every frame tried has the largest number of sources already.
    """
    starts = rng.integers(0, len(counts) - n + 1, N_ONSETS)
    levels = np.arange(len(wanted) + 1)[:, None]
    # (level, frame) -> frames of that level before each frame.
    before = np.pad(np.cumsum(counts == levels, axis=1), ((0, 0), (1, 0)))
    inside = before[:, starts + n] - before[:, starts]
    reached = (counts > levels[:-1]).sum(axis=1, keepdims=True) - wanted[:, None]
    cost = (np.maximum(reached + inside[:-1], 0) - np.maximum(reached, 0)).sum(axis=0)
    doubled = np.r_[0, np.cumsum(own > 0)]
    cost += np.maximum(doubled[starts + n] - doubled[starts] - max(same_left, 0.0), 0)
    cost[inside[-1] > 0] = np.inf
    best = int(np.argmin(cost))
    return int(starts[best]) if np.isfinite(cost[best]) else None
