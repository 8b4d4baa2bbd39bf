"""Scores of sound event detection (SED): segment-based and event-based.

The definitions of A. Mesaros, T. Heittola and T. Virtanen, Metrics for polyphonic sound event detection
(2016), as the package sed_eval 0.2.1 computes them (`sed_eval/sound_event.py` of TUT-ARG/sed_eval): times are
compared as raw doubles, so at a resolution of 0.2 s an event with onset 0.6 s also covers the segment before it.
`corrected=True` rounds times to a nanosecond first, and gives NaN where sed_eval divides by zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.metrics.bipartite import maximum_matching
from avseld.metrics.confidence import jackknife as intervals_of
from avseld.metrics.counts import Counts, concatenate_counts
from avseld.metrics.formulas import EPS, Table, merge_classes, nanmean

NAMES = ("F", "precision", "recall", "ER", "substitution_rate", "deletion_rate", "insertion_rate")


@dataclass(frozen=True)
class SedScores:
    """SED scores of a set of recordings."""

    average: str
    n_recordings: int
    F: float
    precision: float
    recall: float
    ER: float
    """error rate; deletions and insertions per reference event, in the micro average also substitutions"""
    substitution_rate: float
    deletion_rate: float
    insertion_rate: float
    classwise: dict[str, list[float]] = field(default_factory=dict)
    interval: dict[str, list[float]] = field(default_factory=dict)
    """95 % confidence intervals, low and high"""

    def __getitem__(self, name: str) -> float:
        return float(getattr(self, name))


def segment_based(
    reference: Mapping[str, Events],
    prediction: Mapping[str, Events],
    n_classes: int,
    resolution: float = 1.0,
    average: Literal["macro", "micro"] = "macro",
    **options: bool,
) -> SedScores:
    """Score activity in segments of fixed length.

    Args:
        reference: events with times by recording; directions are ignored.
        prediction: the same; a missing recording counts as one without events.
        n_classes: number of classes.
        resolution: length of a segment in seconds: 1 in DCASE, 0.2 in the Task 4 system of Q. Kong et al.
        average: macro or micro.
        options: see `score_counts`, and `corrected`.
    """
    corrected = options.get("corrected", False)
    pairs = _pairs(reference, prediction)
    counts = [segment_counts(*pair, n_classes, resolution, corrected) for pair in pairs]
    return score_counts(stack_counts(counts), average, **options)


def event_based(
    reference: Mapping[str, Events],
    prediction: Mapping[str, Events],
    n_classes: int,
    collar: float = 0.2,
    offset_share: float = 0.2,
    average: Literal["macro", "micro"] = "macro",
    offset: bool = True,
    **options: bool,
) -> SedScores:
    """Score events by their onsets and offsets, within tolerances.

    Args:
        reference: events with times by recording.
        prediction: the same; a missing recording counts as one without events.
        n_classes: number of classes.
        collar: tolerance of the onset, and smallest tolerance of the offset, seconds.
        offset_share: tolerance of the offset as a share of the length of the reference event.
        average: macro or micro.
        offset: whether the offset is compared.
        options: see `score_counts`, and `corrected`.
    """
    corrected = options.get("corrected", False)
    pairs = _pairs(reference, prediction)
    counts = [event_counts(*pair, n_classes, collar, offset_share, offset, corrected) for pair in pairs]
    return score_counts(stack_counts(counts), average, **options)


def segment_counts(
    reference: Events, prediction: Events, n_classes: int, resolution: float = 1.0, corrected: bool = False
) -> Counts:
    """Count the segments of one recording.

    Args:
        reference: events with times.
        prediction: events with times.
        n_classes: number of classes.
        resolution: length of a segment, seconds.
        corrected: round times to a nanosecond first.

    Returns:
        Counts (class,): reference, prediction, tp, fp, fn, and substitutions, deletions, insertions.
    """
    rolls = [_event_roll(events, n_classes, resolution, corrected) for events in (reference, prediction)]
    length = max(len(roll) for roll in rolls)
    in_reference, in_prediction = (np.pad(roll, ((0, length - len(roll)), (0, 0))) for roll in rolls)
    tp = in_reference & in_prediction
    n_reference, n_prediction = in_reference.sum(axis=1), in_prediction.sum(axis=1)
    return Counts.zeros(
        (),
        n_classes,
        reference=in_reference.sum(axis=0),
        prediction=in_prediction.sum(axis=0),
        tp=tp.sum(axis=0),
        fp=(in_prediction & ~in_reference).sum(axis=0),
        fn=(in_reference & ~in_prediction).sum(axis=0),
        substitutions=(np.minimum(n_reference, n_prediction) - tp.sum(axis=1)).sum(),
        deletions=np.maximum(0, n_reference - n_prediction).sum(),
        insertions=np.maximum(0, n_prediction - n_reference).sum(),
    )


def event_counts(
    reference: Events,
    prediction: Events,
    n_classes: int,
    collar: float = 0.2,
    offset_share: float = 0.2,
    offset: bool = True,
    corrected: bool = False,
) -> Counts:
    """Count the events of one recording by a maximum matching of events of one class within the tolerances.

    Unmatched events that differ in class only are then paired in the order of the files: substitutions.

    Args:
        reference: events with times.
        prediction: events with times.
        n_classes: number of classes.
        collar: see `event_based`.
        offset_share: see `event_based`.
        offset: see `event_based`.
        corrected: allow a nanosecond beyond the tolerances.

    Returns:
        As `segment_counts`.
    """
    reference, prediction = _timed(reference, n_classes), _timed(prediction, n_classes)
    near = _near(reference, prediction, collar, offset_share, offset, corrected)
    hit = near & (reference.label[:, None] == prediction.label[None, :])
    rows, columns = maximum_matching(hit)
    n_reference = np.bincount(reference.label, minlength=n_classes)
    n_prediction = np.bincount(prediction.label, minlength=n_classes)
    tp = np.bincount(reference.label[rows], minlength=n_classes)
    left = np.delete(np.arange(len(reference)), rows), np.delete(np.arange(len(prediction)), columns)
    substitutions = _greedy(near[np.ix_(*left)])
    return Counts.zeros(
        (),
        n_classes,
        reference=n_reference,
        prediction=n_prediction,
        tp=tp,
        fp=n_prediction - tp,
        fn=n_reference - tp,
        substitutions=np.asarray(substitutions),
        deletions=np.asarray(len(left[0]) - substitutions),
        insertions=np.asarray(len(left[1]) - substitutions),
    )


def score_counts(
    counts: Counts,
    average: str = "macro",
    zero_if_silent: bool = False,
    jackknife: bool = False,
    corrected: bool = False,
) -> SedScores:
    """Compute scores from counts (recording, class).

    Args:
        counts: one row per recording.
        average: macro or micro.
        zero_if_silent: score a class that is never predicted as F 0, as DCASE Task 4 does; otherwise the
            macro average leaves it out.
        jackknife: add 95 % intervals.
        corrected: the error rate of a class without reference is NaN, not its insertions divided by 2e-16, and so is
            the F-score of one that is neither in the reference nor predicted.

    Raises:
        BadInput: another average, or a jackknife of fewer than two recordings.
    """
    evaluate = partial(compute, average=average, zero_if_silent=zero_if_silent, corrected=corrected)
    point, classwise = evaluate(counts.sum())
    interval = intervals_of(counts, evaluate)[0] if jackknife else {}
    return SedScores(
        average,
        len(counts.frames),
        **{name: float(point[name]) for name in NAMES},
        classwise={name: classwise[name].tolist() for name in NAMES},
        interval={name: interval[name].tolist() for name in interval},
    )


def compute(
    sums: Counts, average: str = "macro", zero_if_silent: bool = False, corrected: bool = False
) -> tuple[Table, Table]:
    """Compute scores and class-wise scores from sums of counts.

    Args:
        sums: arrays (..., class) with any leading axes, for example one per left-out recording.
        average: macro or micro.
        zero_if_silent: see `score_counts`.
        corrected: see `score_counts`.

    Returns:
        Scores by name, each (...,), and class-wise, each (..., class).

    Raises:
        BadInput: another average.
    """
    if average not in ("macro", "micro"):
        raise BadInput(f"no average '{average}'; choose macro or micro")
    classwise = _formulas(sums, zero_if_silent, corrected)
    with np.errstate(invalid="ignore", divide="ignore"):
        if average == "macro":
            return {name: nanmean(value) for name, value in classwise.items()}, classwise
        whole = _formulas(merge_classes(sums), zero_if_silent, corrected)
        return _with_substitutions(whole, sums), classwise


def _pairs(reference: Mapping[str, Events], prediction: Mapping[str, Events]) -> list[tuple[Events, Events]]:
    if extra := [name for name in prediction if name not in reference]:
        raise BadInput(f"no reference for {', '.join(extra)}; remove them or complete the references")
    return [(reference[name], prediction.get(name, Events.empty())) for name in reference]


def stack_counts(counts: Iterable[Counts]) -> Counts:
    """Stack the counts (class,) of single recordings to a table (recording, class).

    Raises:
        BadInput: there are none.
    """
    parts: Sequence[Counts] = [
        Counts(**{name: np.asarray(value)[None] for name, value in one.as_dict().items()}) for one in counts
    ]
    if not parts:
        raise BadInput("no recordings to score; check the reference")
    return concatenate_counts(parts)


def _timed(events: Events, n_classes: int) -> Events:
    """Drop rows without times: a recording without events may have one."""
    kept = events.select(~np.isnan(events.onset))
    if len(kept) and kept.label.max() >= n_classes:
        raise BadInput(f"class {kept.label.max()} is not an index below {n_classes}; check the class list")
    return kept


def _event_roll(events: Events, n_classes: int, resolution: float, corrected: bool) -> np.ndarray:
    """Return activity (segment, class) as bool; an event covers every segment that it touches."""
    events = _timed(events, n_classes)
    onset, offset = events.onset * 1 / resolution, events.offset * 1 / resolution
    if corrected:
        onset, offset = np.round(onset, 9), np.round(offset, 9)
    first, last = np.floor(onset).astype(int), np.ceil(offset).astype(int)
    n_segments = int(last.max(initial=0))
    # An event that ends before it begins has no segment, as in sed_eval.
    first = np.minimum(first, n_segments)
    edges = np.zeros((n_segments + 1, n_classes), int)
    np.add.at(edges, (first, events.label), 1)
    np.add.at(edges, (np.maximum(last, first), events.label), -1)
    return np.asarray(edges.cumsum(axis=0)[:-1] > 0)


def _near(
    reference: Events,
    prediction: Events,
    collar: float,
    offset_share: float,
    offset: bool,
    corrected: bool,
) -> np.ndarray:
    """Return whether onset and offset are within their tolerances, (reference, prediction)."""
    slack = 1e-9 if corrected else 0.0
    near = np.abs(reference.onset[:, None] - prediction.onset[None, :]) <= collar + slack
    if not offset:
        return np.asarray(near)
    tolerance = np.maximum(collar, offset_share * (reference.offset - reference.onset))[:, None]
    return np.asarray(
        near & (np.abs(reference.offset[:, None] - prediction.offset[None, :]) <= tolerance + slack)
    )


def _greedy(near: np.ndarray) -> int:
    """Count the pairs that form when each row takes the first free column."""
    free = np.ones(near.shape[1], bool)
    pairs = 0
    for row in near:
        candidates = np.flatnonzero(row & free)
        if len(candidates):
            free[candidates[0]] = False
            pairs += 1
    return pairs


def _formulas(counts: Counts, zero_if_silent: bool, corrected: bool) -> Table:
    """Compute the scores of every class, (..., class)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = counts.tp / counts.prediction, counts.tp / counts.reference
        if zero_if_silent:
            precision = np.where(counts.prediction == 0, 0.0, precision)
        f_score = 2 * precision * recall / (precision + recall + EPS)
        if zero_if_silent:
            absent = np.where(counts.reference == 0, np.nan, 0.0) if corrected else 0.0
            f_score = np.where(counts.prediction == 0, absent, f_score)
        reference = counts.reference + EPS
        if corrected:
            reference = np.where(counts.reference == 0, np.nan, counts.reference)
        deletion, insertion = counts.fn / reference, counts.fp / reference
    return {
        "F": f_score,
        "precision": precision,
        "recall": recall,
        "ER": deletion + insertion,
        "substitution_rate": np.zeros_like(deletion),
        "deletion_rate": deletion,
        "insertion_rate": insertion,
    }


def _with_substitutions(whole: Table, counts: Counts) -> Table:
    reference = counts.reference.sum(axis=-1)
    table = {name: value[..., 0] for name, value in whole.items()}
    rates = {
        "substitution_rate": counts.substitutions / (reference + EPS),
        "deletion_rate": counts.deletions / (reference + EPS),
        "insertion_rate": counts.insertions / (reference + EPS),
    }
    return table | rates | {"ER": np.asarray(sum(rates.values()))}
