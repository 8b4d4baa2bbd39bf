"""Separate detection and localization, DCASE 2019.

Segment-based error rate and F over one second (A. Mesaros et al., Metrics for polyphonic sound event
detection, 2016), DOA error by Hungarian assignment and frame recall (S. Adavanne et al., IEEE JSTSP 2018;
arithmetic of `metrics/evaluation_metrics.py` in sharathadavanne/seld-dcase2019).

The official scorer differs from the definition, and `corrected=True` repairs it:

* The last frame of every second is ignored. Corrected: it counts.
* An interval of a label file ends one frame late. Corrected: at its offset.
* The DOA error is divided by the number of all predicted directions, matched or not, so that false alarms lower it.
  Corrected: by the number of matched ones.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from avseld.io.events import Events
from avseld.metrics.cells import CellGrid, frame_rows, match_cells, sort_into_cells
from avseld.metrics.counts import Counts, stack_counts
from avseld.metrics.rules import Rule

N_FRAMES = 3000
"""60 s, the length of every recording of DCASE 2019"""


def count(
    references: Sequence[Events],
    predictions: Sequence[Events],
    rule: Rule,
    n_classes: int,
    n_frames: int = N_FRAMES,
    grid: bool = False,
    corrected: bool = False,
) -> Counts:
    """Count the detections and directions of many recordings.

    Args:
        references: one table per recording.
        predictions: in the same order.
        rule: the rule of 2019.
        n_classes: number of classes.
        n_frames: frames of every recording; silent frames count for the frame recall.
        grid: quantize directions to the 10-degree grid and score several directions per class, as the challenge's
            stand-alone script does; otherwise each class has one direction, as in the baseline's own scores.
        corrected: see the module.

    Returns:
        Counts (recording, class).
    """
    counted = [
        _recording(reference, prediction, rule, n_classes, n_frames, grid, corrected)
        for reference, prediction in zip(references, predictions, strict=True)
    ]
    return stack_counts(counted)


def _recording(
    reference: Events,
    prediction: Events,
    rule: Rule,
    n_classes: int,
    n_frames: int,
    grid: bool,
    corrected: bool,
) -> Counts:
    tables = []
    for events, is_reference in ((reference, True), (prediction, False)):
        table, frame = _frames(events, rule.hop, n_frames, n_classes, corrected)
        if grid:
            azimuth, elevation = quantize(table.azimuth, table.elevation, clip=not is_reference)
            table = replace(table, azimuth=azimuth, elevation=elevation)
        tables.append((table, frame))
    n_frames = max([n_frames, *(int(frame.max()) + 1 for _, frame in tables if len(frame))])
    activity = [_activity(table, frame, n_frames, n_classes) for table, frame in tables]
    errors = segment_counts(activity[0], activity[1], rule.frames_per_block, corrected)
    directions = _directions(tables, n_frames, n_classes, one_per_class=not grid, corrected=corrected)
    return Counts.zeros((), n_classes, **(errors | directions))


def count_frames(
    reference: np.ndarray,
    prediction: np.ndarray,
    reference_direction: np.ndarray,
    prediction_direction: np.ndarray,
    frames_per_second: int = 50,
    corrected: bool = False,
) -> Counts:
    """Count network output and target with one direction per class.

    Args:
        reference: (frame, class) 0/1.
        prediction: (frame, class) 0/1.
        reference_direction: (frame, 2 x class) radians, azimuths then elevations.
        prediction_direction: the same.
        frames_per_second: frames in a one-second segment.
        corrected: see the module.

    Returns:
        Counts (class,), for `avseld.metrics.scores_from_counts` with challenge 2019.
    """
    n_classes = reference.shape[1]
    errors = segment_counts(reference.astype(bool), prediction.astype(bool), frames_per_second, corrected)
    tables = []
    for active, radians in ((reference, reference_direction), (prediction, prediction_direction)):
        frame, label = np.nonzero(active)
        azimuth, elevation = radians[frame, label], radians[frame, n_classes + label]
        nothing = np.zeros(len(frame))
        azimuth, elevation = (np.degrees(np.asarray(angle, float)) for angle in (azimuth, elevation))
        tables.append((Events(frame, frame + 1, label, nothing, azimuth, elevation, nothing), frame))
    directions = _directions(tables, len(reference), n_classes, one_per_class=False, corrected=corrected)
    return Counts.zeros((), n_classes, **(errors | directions))


def segment_counts(
    reference: np.ndarray, prediction: np.ndarray, frames_per_second: int, corrected: bool = False
) -> dict[str, np.ndarray]:
    """Count detections in segments of one second.

    Args:
        reference: (frame, class) bool.
        prediction: (frame, class) bool.
        frames_per_second: frames in a segment; without `corrected`, its last frame is ignored.
        corrected: use every frame.

    Returns:
        Fields of `Counts`: reference, prediction, tp, fp, fn (class,), substitutions, deletions and
        insertions ().
    """
    reference, prediction = (
        _segments(active, frames_per_second, corrected) for active in (reference, prediction)
    )
    tp, fp, fn = reference & prediction, ~reference & prediction, reference & ~prediction
    alarms, misses = fp.sum(axis=1), fn.sum(axis=1)
    return {
        "reference": reference.sum(axis=0),
        "prediction": prediction.sum(axis=0),
        "tp": tp.sum(axis=0),
        "fp": fp.sum(axis=0),
        "fn": fn.sum(axis=0),
        "substitutions": np.minimum(alarms, misses).sum(),
        "deletions": np.maximum(0, misses - alarms).sum(),
        "insertions": np.maximum(0, alarms - misses).sum(),
    }


def quantize(azimuth: np.ndarray, elevation: np.ndarray, clip: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Floor directions to the 10-degree grid of DCASE 2019: 19.9 becomes 10, azimuth 180 becomes 170.

    Args:
        azimuth: degrees.
        elevation: degrees.
        clip: clip to [-180, 170] and [-40, 40] first.
    """
    if clip:
        azimuth, elevation = np.clip(azimuth, -180, 170), np.clip(elevation, -40, 40)
    return np.floor(azimuth / 10) * 10, np.floor(elevation / 10) * 10


def _segments(active: np.ndarray, length: int, corrected: bool) -> np.ndarray:
    n_frames, n_classes = active.shape
    n_segments = -(-n_frames // length)
    padded = np.zeros((n_segments * length, n_classes), bool)
    padded[:n_frames] = active
    blocks = padded.reshape(n_segments, length, n_classes)
    return np.asarray((blocks if corrected else blocks[:, :-1]).any(axis=1))


def _frames(
    events: Events, hop: float, n_frames: int, n_classes: int, corrected: bool
) -> tuple[Events, np.ndarray]:
    if not corrected and len(events):
        events = _as_labels(events, hop, n_frames)
    table, _, frame = frame_rows([events], hop)
    sort_into_cells(
        table, np.zeros(len(frame), int), frame, CellGrid(1 + int(frame.max(initial=0)), n_classes)
    )
    return table, frame


def _as_labels(events: Events, hop: float, n_frames: int) -> Events:
    """Intervals as the label reader of 2019 lays them out: floor(onset) to ceil(offset), both inclusive."""
    interval = events.offset - events.onset > 1.5 * hop
    rate = round(1 / hop)
    first, last = np.floor(events.onset * rate), np.minimum(np.ceil(events.offset * rate) + 1, n_frames)
    return replace(
        events,
        onset=np.where(interval, first * hop, events.onset),
        offset=np.where(interval, last * hop, events.offset),
    )


def _activity(events: Events, frame: np.ndarray, n_frames: int, n_classes: int) -> np.ndarray:
    active = np.zeros((n_frames, n_classes), bool)
    active[frame, events.label] = True
    return active


def _directions(
    tables: Sequence[tuple[Events, np.ndarray]],
    n_frames: int,
    n_classes: int,
    one_per_class: bool,
    corrected: bool,
) -> dict[str, np.ndarray]:
    """Count directions and frames; the directions of a frame are assigned regardless of class."""
    tables = [
        _last_of_cell(events, frame, n_classes) if one_per_class else (events, frame)
        for events, frame in tables
    ]
    numbers = [np.bincount(frame, minlength=n_frames) for _, frame in tables]
    grid = CellGrid(n_frames, 1)
    reference, prediction = (
        sort_into_cells(_unlabelled(events), np.zeros(len(frame), int), frame, grid)
        for events, frame in tables
    )
    pairs = match_cells(reference, prediction, "exact" if corrected else "polar")
    # The assignment has no classes: its sums go to class 0.
    angle, matched = np.zeros(n_classes), np.zeros(n_classes)
    angle[0] = pairs.angle.sum()
    matched[0] = len(pairs.angle) if corrected else len(tables[1][1])
    return {
        "angle": angle,
        "matched": matched,
        "frames": np.asarray(n_frames),
        "equal_frames": np.sum(numbers[0] == numbers[1]),
    }


def _unlabelled(events: Events) -> Events:
    return replace(events, label=np.zeros(len(events), int))


def _last_of_cell(events: Events, frame: np.ndarray, n_classes: int) -> tuple[Events, np.ndarray]:
    """Keep one direction per class and frame: the last row."""
    key = frame * n_classes + events.label
    _, backwards = np.unique(key[::-1], return_index=True)
    kept = np.sort(len(key) - 1 - backwards)
    return events.select(kept), frame[kept]
