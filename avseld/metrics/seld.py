"""Counts of joint localization and detection, DCASE 2020 to 2025.

Three ways of counting (A. Mesaros et al., WASPAA 2019; A. Politis et al., TASLP 2021; challenge pages):

* `blocks` (2020): one-second blocks; a class counts once per block, regardless of its number of sources.
* `segments` (2021 to 2023): one-second segments; each source of a segment counts.
* `frames` (2024, 2025): every frame of 100 ms counts, with distance and, in 2025, visibility.

By default everything is counted as the official scorer of the year does, including its defects, so that results
compare with published ones. The scorers are `metrics/SELD_evaluation_metrics.py` of sharathadavanne/seld-dcase2020
(384ad9b), -dcase2021 (f8e09db), -dcase2022 (c8adb1d) and -dcase2023 (24d14c9), the file of the same name of
partha2409/DCASE2024_seld_baseline (0b07887), and `metrics.py` of partha2409/DCASE2025_seld_baseline (42a48b6).
`corrected=True` counts by the definition instead:

* 2020: the distance of a block is a sum over sources, and the fourth number is an F-score. Corrected: their
  mean, and the recall.
* 2021 to 2023: where reference and prediction share a segment but no frame, the predictions are counted as
  misses and no false alarm is. Corrected: all references are missed, all predictions are false alarms.
* 2021 to 2023: a source is identified by its position in the list of its frame, which changes when another
  source ends; an unmatched source beside a matched one of its class is neither hit nor missed. Corrected: a
  source is identified by its source number, and an unmatched one is missed.
* 2021 to 2023: the last annotated frame is dropped if its index is a multiple of 10; 2024 and 2025: always.
  Corrected: it is scored.
* 2021 to 2025: predictions after the last annotated segment (frame), and in recordings without any event,
  are ignored. Corrected: they are false alarms.
* 2024: the angle of equal directions is 0.0008 degrees. Corrected: it is 0.
* 2022 to 2025: classes without reference enter the macro average with F 0, LE 180 and LR 0. Corrected: they
  are left out.

Effect on a real system (54 recordings of the STARSS23 test set, macro average, official -> corrected):

| | ER | F | LE, DOAE | LR | SELD score |
|---|---|---|---|---|---|
| 2022, 2023 | .6231 -> .6054 | .2789 -> .2724 | 28.45 -> 29.09 | .4856 -> .4812 | .5042 -> .5034 |
| 2024 | .6211 -> .6218 | .2671 -> .2667 | 26.68 -> 26.67 | .4267 -> .4265 | .5189 -> .5192 |
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.metrics.cells import CellGrid, FrameRows, Pairs, frame_rows, match_cells, sort_into_cells
from avseld.metrics.counts import Counts
from avseld.metrics.rules import Rule


@dataclass(frozen=True)
class ScoringOptions:
    """Choices within the rule of a year."""

    n_classes: int
    corrected: bool = False
    distance: bool = True
    """whether distances are scored (2024 and 2025)"""
    onscreen: bool = False
    """whether a true positive must have the right visibility (2025: F20 on/off)"""


def count(
    references: Sequence[Events],
    predictions: Sequence[Events],
    rule: Rule,
    options: ScoringOptions,
    by_overlap: bool = False,
) -> Counts:
    """Count many recordings at once.

    Args:
        references: one table per recording.
        predictions: in the same order.
        rule: the challenge year.
        options: choices within the year.
        by_overlap: group the counts by the number of simultaneous reference events instead of by recording.

    Returns:
        Counts of shape (recording, class), or (overlap, class) from overlap 0 on.

    Raises:
        BadInput: events without time or direction, classes out of range, or columns missing that the options
            need.
    """
    tables = [frame_rows(recordings, rule.hop) for recordings in (references, predictions)]
    stop = _scored_frames(tables[0][1], tables[0][2], len(references), rule, options.corrected)
    grid = CellGrid(
        1 + max((int(frame.max()) for *_, frame in tables if len(frame)), default=0), options.n_classes
    )
    grid = CellGrid(-(-grid.n_frames // rule.frames_per_block) * rule.frames_per_block, options.n_classes)
    reference, prediction = (
        sort_into_cells(*_before(events, recording, frame, stop), grid) for events, recording, frame in tables
    )
    pairs = match_cells(reference, prediction, "exact" if _polar(rule) and options.corrected else rule.angle)
    groups = GROUPINGS[rule.counting](reference, prediction, pairs, grid, rule, options)
    moment, recording = groups.key // grid.n_classes, groups.key // (grid.n_frames * grid.n_classes)
    bucket, n_buckets = recording, len(references)
    if by_overlap:
        bucket = _overlap(reference, moment, grid, rule.frames_per_block)
        n_buckets = int(bucket.max(initial=0)) + 1
    return _sum_groups(groups, moment, groups.key % grid.n_classes, bucket, n_buckets, options.n_classes)


@dataclass(frozen=True)
class CellCounts:
    """Counts of the occupied cells (class and frame, or class and segment), ascending; all arrays (cell,)."""

    key: np.ndarray
    reference: np.ndarray
    prediction: np.ndarray
    tp: np.ndarray
    far: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    matched: np.ndarray
    angle: np.ndarray
    distance: np.ndarray | None = None
    relative: np.ndarray | None = None
    onscreen: np.ndarray | None = None
    far_is_miss: bool = False
    """whether a match beyond the threshold counts as a miss (2020) or as a false alarm"""


def _polar(rule: Rule) -> bool:
    return rule.angle != "folded"


def _scored_frames(
    recording: np.ndarray, frame: np.ndarray, n_recordings: int, rule: Rule, corrected: bool
) -> np.ndarray:
    """Return, per recording, the first frame that is not scored."""
    if corrected or rule.counting == "blocks":
        return np.full(n_recordings, np.iinfo(np.int64).max)
    last = np.zeros(n_recordings, int)
    np.maximum.at(last, recording, frame)
    return -(-last // rule.frames_per_block) * rule.frames_per_block


def _before(
    events: Events, recording: np.ndarray, frame: np.ndarray, stop: np.ndarray
) -> tuple[Events, np.ndarray, np.ndarray]:
    kept = frame < stop[recording]
    return (events, recording, frame) if kept.all() else (events.select(kept), recording[kept], frame[kept])


def _frames(
    reference: FrameRows,
    prediction: FrameRows,
    pairs: Pairs,
    grid: CellGrid,
    rule: Rule,
    options: ScoringOptions,
) -> CellCounts:
    """Count cells of one frame and one class (2024 and 2025)."""
    key = np.union1d(reference.cell, prediction.cell)
    n, m = _sizes_at(key, reference.cell, reference.size), _sizes_at(key, prediction.cell, prediction.size)
    where, size = np.searchsorted(key, reference.key[pairs.reference]), len(key)
    distance, relative, onscreen = _differences(reference, prediction, pairs, rule, options)
    wrong = (pairs.angle > rule.threshold_deg) | (relative > rule.relative_threshold)
    if options.onscreen:
        if np.isnan(onscreen).any():
            raise BadInput("on/off-screen is required but not annotated; add the column onscreen")
        wrong |= onscreen == 0
    matched = np.bincount(where, minlength=size)
    far = np.bincount(where, wrong, size).astype(int)
    return CellCounts(
        key,
        n,
        m,
        tp=matched - far,
        far=far,
        fp=np.maximum(0, m - n),
        fn=np.maximum(0, n - m),
        matched=matched,
        angle=np.bincount(where, pairs.angle, size),
        distance=np.bincount(where, distance, size),
        relative=np.bincount(where, relative, size),
        onscreen=np.bincount(where, onscreen, size),
    )


def _differences(
    reference: FrameRows, prediction: FrameRows, pairs: Pairs, rule: Rule, options: ScoringOptions
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return distance error, relative distance error and correct visibility per pair; NaN if not scored."""
    first, second = reference.events.select(pairs.reference), prediction.events.select(pairs.prediction)
    onscreen = np.where(np.isnan(first.onscreen + second.onscreen), np.nan, first.onscreen == second.onscreen)
    if not options.distance:
        nothing = np.full(len(first), np.nan)
        return nothing, nothing, onscreen
    if np.isnan(first.distance).any() or np.isnan(second.distance).any():
        raise BadInput("a distance is missing; score without distances (--distance_unit none)")
    # Rounded, so that 57 cm, stored as 0.57 m, are 57 cm again.
    true, predicted = (np.round(d * rule.units_per_metre, 9) for d in (first.distance, second.distance))
    error = np.abs(true - predicted)
    return error, error / (true + np.finfo(float).eps), onscreen


def _segments(
    reference: FrameRows,
    prediction: FrameRows,
    pairs: Pairs,
    grid: CellGrid,
    rule: Rule,
    options: ScoringOptions,
) -> CellCounts:
    """Count cells of one second and one class, source by source (2021 to 2023)."""
    blocks = [grid.coarse(rows.cell, rule.frames_per_block) for rows in (reference, prediction)]
    key = np.unique(np.concatenate(blocks))
    n, m = (
        _maximum_at(key, block, rows.size)
        for block, rows in zip(blocks, (reference, prediction), strict=True)
    )
    rows_key = grid.coarse(reference.key, rule.frames_per_block)
    source = _sources(reference, rows_key, options.corrected)
    if options.corrected:
        first = np.unique(source, return_index=True)[1]
        n = np.bincount(np.searchsorted(key, rows_key[first]), minlength=len(key))
    tracks, inverse, times = np.unique(source[pairs.reference], return_inverse=True, return_counts=True)
    mean = np.bincount(inverse, pairs.angle, len(tracks)) / times
    example = np.zeros(len(tracks), int)
    example[inverse] = pairs.reference
    where, size = np.searchsorted(key, rows_key[example]), len(key)
    matched = np.bincount(where, minlength=size)
    far = np.bincount(where, mean > rule.threshold_deg, size).astype(int)
    disjoint = (n > 0) & (m > 0) & (matched == 0)
    if options.corrected:
        fn, fp = n - matched, np.maximum(0, m - matched)
    else:
        fn, fp = np.where(disjoint, m, np.maximum(0, n - m)), np.where(disjoint, 0, np.maximum(0, m - n))
    return CellCounts(key, n, m, matched - far, far, fp, fn, matched, angle=np.bincount(where, mean, size))


def _sources(reference: FrameRows, rows_key: np.ndarray, corrected: bool) -> np.ndarray:
    """Number the source of each row: by its position in its frame, or, corrected, by its source number."""
    identity = reference.position
    if corrected:
        identity = np.unique(reference.events.source, return_inverse=True)[1]
    return rows_key * (1 + int(identity.max(initial=0))) + identity


def _blocks(
    reference: FrameRows,
    prediction: FrameRows,
    pairs: Pairs,
    grid: CellGrid,
    rule: Rule,
    options: ScoringOptions,
) -> CellCounts:
    """Count cells of one second and one class, each once (2020)."""
    blocks = [grid.coarse(rows.cell, rule.frames_per_block) for rows in (reference, prediction)]
    key = np.unique(np.concatenate(blocks))
    n, m = (np.isin(key, block).astype(int) for block in blocks)
    cells = reference.key[pairs.reference]
    where, size = np.searchsorted(key, grid.coarse(cells, rule.frames_per_block)), len(key)
    first = np.r_[True, cells[1:] != cells[:-1]] if len(cells) else np.zeros(0, bool)
    shared = np.bincount(where, None if options.corrected else first, size)
    matched = shared > 0
    angle = np.bincount(where, pairs.angle, size) / np.maximum(shared, 1)
    close = matched & (angle <= rule.threshold_deg)
    return CellCounts(
        key,
        n,
        m,
        tp=close.astype(int),
        far=(matched & ~close).astype(int),
        fp=((m > 0) & (n == 0)).astype(int),
        fn=((n > 0) & ~matched).astype(int),
        matched=matched.astype(int),
        angle=np.where(matched, angle, 0),
        far_is_miss=True,
    )


SUMMED = (
    *("reference", "prediction", "tp", "far", "fp", "fn", "matched"),
    *("angle", "distance", "relative", "onscreen"),
)
GROUPINGS = {"frames": _frames, "segments": _segments, "blocks": _blocks}


def _sizes_at(key: np.ndarray, cell: np.ndarray, value: np.ndarray) -> np.ndarray:
    out = np.zeros(len(key), int)
    out[np.searchsorted(key, cell)] = value
    return out


def _maximum_at(key: np.ndarray, block: np.ndarray, size: np.ndarray) -> np.ndarray:
    out = np.zeros(len(key), int)
    np.maximum.at(out, np.searchsorted(key, block), size)
    return out


def _overlap(reference: FrameRows, moment: np.ndarray, grid: CellGrid, frames_per_block: int) -> np.ndarray:
    """Return the largest number of simultaneous reference events in the frame or segment of each cell."""
    instants, together = np.unique(reference.key // grid.n_classes, return_counts=True)
    instants = grid.coarse(instants * grid.n_classes, frames_per_block) // grid.n_classes
    moments = np.unique(np.concatenate([moment, instants]))
    return _maximum_at(moments, instants, together)[np.searchsorted(moments, moment)]


def _sum_groups(
    groups: CellCounts,
    moment: np.ndarray,
    label: np.ndarray,
    bucket: np.ndarray,
    n_buckets: int,
    n_classes: int,
) -> Counts:
    """Sum by bucket and class; substitutions, deletions and insertions are formed per frame or segment first."""
    slot = bucket * n_classes + label
    sums = {
        name: np.bincount(slot, getattr(groups, name), n_buckets * n_classes).reshape(n_buckets, n_classes)
        for name in SUMMED
        if getattr(groups, name) is not None
    }
    start = np.flatnonzero(np.r_[True, moment[1:] != moment[:-1]]) if len(moment) else np.zeros(0, int)
    misses = groups.fn + groups.far if groups.far_is_miss else groups.fn
    alarms = groups.fp if groups.far_is_miss else groups.fp + groups.far
    if len(start):
        misses, alarms = np.add.reduceat(misses, start), np.add.reduceat(alarms, start)
    of_moment = bucket[start]
    errors = {
        "substitutions": np.minimum(misses, alarms),
        "deletions": np.maximum(0, misses - alarms),
        "insertions": np.maximum(0, alarms - misses),
    }
    sums |= {name: np.bincount(of_moment, value, n_buckets) for name, value in errors.items()}
    return Counts.zeros((n_buckets,), n_classes, **sums)
