"""Detection and localization as SELDnet was scored in 2018: one direction for each class, compared class by class.

S. Adavanne et al., Sound event localization and detection of overlapping sources using convolutional recurrent neural
networks, IEEE JSTSP 2018; arithmetic of `evaluation_metrics.py` in sharathadavanne/seld-net. It differs from the
definition, and `corrected=True` repairs it:

* The DOA error is the angle of the mean chord between unit vectors. Corrected: the mean angle.
* The last frame of every second is ignored, and a part of a second at the end counts for F alone. Corrected: all count.
* The activity of a label lasts one frame longer than its direction. Corrected: both end at the offset.

Files have directions of predicted events alone. The published code also takes what the network regressed for classes
that it did not detect: here the DOA error is that of the cells (class and frame) that are active in reference and
prediction, and the others lower F and frame recall.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from avseld.io.events import Events
from avseld.io.geometry import angle_between, unit_vector
from avseld.metrics.cells import CellGrid, frame_rows, sort_into_cells
from avseld.metrics.counts import Counts, stack_counts
from avseld.metrics.doa2019 import segment_counts
from avseld.metrics.formulas import EPS
from avseld.metrics.rules import Rule

SECONDS = 30.0
"""length of every recording of TUT Sound Events 2018"""
N_FRAMES = 5166
"""frames of such a recording"""


def count(
    references: Sequence[Events],
    predictions: Sequence[Events],
    rule: Rule,
    n_classes: int,
    n_frames: int = N_FRAMES,
    corrected: bool = False,
) -> Counts:
    """Count the detections and directions of many recordings.

    Args:
        references: one table per recording.
        predictions: in the same order.
        rule: the rule of 2018.
        n_classes: number of classes.
        n_frames: frames of every recording; silent frames count for the frame recall.
        corrected: see the module.

    Returns:
        Counts (recording, class); `angle` has sums of chords, or of degrees if corrected.
    """
    counted = [
        _recording(reference, prediction, rule, n_classes, n_frames, corrected)
        for reference, prediction in zip(references, predictions, strict=True)
    ]
    return stack_counts(counted)


def _recording(
    reference: Events, prediction: Events, rule: Rule, n_classes: int, n_frames: int, corrected: bool
) -> Counts:
    (active, vector), (predicted, guess) = (
        _rolls(events, rule.hop, n_classes, n_frames, corrected) for events in (reference, prediction)
    )
    length = max(len(active), len(predicted))
    active, vector, predicted, guess = (_longer(roll, length) for roll in (active, vector, predicted, guess))
    counts = detections(active, predicted, rule.frames_per_block, corrected)
    both = vector.any(axis=-1) & guess.any(axis=-1)
    errors = np.zeros((length, n_classes))
    errors[both] = (
        angle_between(vector[both], guess[both])
        if corrected
        else np.linalg.norm(vector[both] - guess[both], axis=-1)
    )
    return Counts.zeros(
        (),
        n_classes,
        **counts,
        angle=errors.sum(axis=0),
        matched=both.sum(axis=0),
        frames=np.asarray(length),
        equal_frames=np.sum(active.sum(axis=1) == predicted.sum(axis=1)),
    )


def detections(
    reference: np.ndarray, prediction: np.ndarray, frames_per_second: int, corrected: bool
) -> dict[str, np.ndarray]:
    """Count detections in segments of one second, whole ones alone for the error rate.

    Args:
        reference: (frame, class) bool.
        prediction: (frame, class) bool.
        frames_per_second: frames in a segment.
        corrected: take every segment and frame.

    Returns:
        Fields of `Counts`.
    """
    whole = len(reference) if corrected else len(reference) // frames_per_second * frames_per_second
    rate = segment_counts(reference[:whole], prediction[:whole], frames_per_second, corrected)
    wrong = {name: rate[name] for name in ("substitutions", "deletions", "insertions")}
    both = segment_counts(reference, prediction, frames_per_second, corrected)
    return both | wrong | {"whole_reference": rate["reference"].sum()}


def _rolls(
    events: Events, hop: float, n_classes: int, n_frames: int, corrected: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Lay events out as the label arrays of 2018; of two events of a class at once, the last one is used.

    Returns:
        Activity (frame, class), and unit vectors (frame, class, axis), 0 where a class has no direction.
    """
    longer = np.zeros(len(events), bool)
    if not corrected and len(events):
        longer = interval = events.offset - events.onset > 1.5 * hop
        last = np.ceil(events.offset / hop)
        if events.offset.max() <= SECONDS + hop:
            last = np.minimum(last, N_FRAMES)
        events = replace(
            events,
            onset=np.where(interval, np.floor(events.onset / hop) * hop, events.onset),
            offset=np.where(interval, last * hop, events.offset),
        )
    table, _, frame = frame_rows([events], hop)
    length = max(n_frames, int(frame.max(initial=-1)) + 1)
    sort_into_cells(table, np.zeros(len(frame), int), frame, CellGrid(length, n_classes))
    active, vector = np.zeros((length, n_classes), bool), np.zeros((length, n_classes, 3))
    active[frame, table.label] = True
    vector[frame, table.label] = unit_vector(table.azimuth, table.elevation)
    after, label = np.round(events.offset / hop).astype(int)[longer], events.label[longer]
    active[after[after < length], label[after < length]] = True
    return active, vector


def _longer(roll: np.ndarray, length: int) -> np.ndarray:
    padding = [(0, length - len(roll)), *((0, 0) for _ in roll.shape[1:])]
    return np.pad(roll, padding)


def legacy_2018(
    reference: np.ndarray,
    prediction: np.ndarray,
    reference_vector: np.ndarray,
    prediction_vector: np.ndarray,
    frames_per_second: int = 172,
    corrected: bool = False,
) -> dict[str, float]:
    """Compute the scores of SELDnet as published in 2018 from the arrays of a network.

    Predicted vectors are not normalized, and count wherever the reference is active.

    Args:
        reference: (frame, class) 0/1.
        prediction: (frame, class) 0/1.
        reference_vector: (frame, 3 x class) or (frame, 2 x class): all x, all y, all z.
        prediction_vector: the same.
        frames_per_second: frames in a one-second segment.
        corrected: the repaired arithmetic.

    Returns:
        ER, F, count_accuracy, doa_error (degrees), chord_reference, chord_prediction, frame_recall and
        seld_score.
    """
    reference, prediction = np.asarray(reference, bool), np.asarray(prediction, bool)
    counts = detections(reference, prediction, frames_per_second, corrected)
    wrong = counts["substitutions"] + counts["deletions"] + counts["insertions"]
    chord = _chords(reference, reference_vector, prediction_vector, corrected)
    same = reference.sum(axis=1) == prediction.sum(axis=1)
    scores = {
        "ER": float(wrong / counts["whole_reference"]) if counts["whole_reference"] else float("nan"),
        "F": _f_score(counts),
        "count_accuracy": _count_accuracy(reference.sum(axis=1), prediction.sum(axis=1), corrected),
        "doa_error": chord[1],
        "chord_reference": chord[0],
        "chord_prediction": _chords(prediction, reference_vector, prediction_vector, corrected)[0],
        "frame_recall": float(same.mean()),
    }
    errors = [scores["ER"], 1 - scores["F"], scores["doa_error"] / 180, 1 - scores["frame_recall"]]
    return scores | {"seld_score": float(np.mean(errors))}


def _f_score(counts: dict[str, np.ndarray]) -> float:
    hits = counts["tp"].sum()
    precision, recall = hits / (counts["prediction"].sum() + EPS), hits / (counts["reference"].sum() + EPS)
    return float(2 * precision * recall / (precision + recall + EPS))


def _chords(
    active: np.ndarray, reference: np.ndarray, prediction: np.ndarray, corrected: bool
) -> tuple[float, float]:
    """Return the mean chord of the active cells and its angle in degrees, NaN for chords above 2."""
    n_frames, n_classes = active.shape
    reference, prediction = (
        np.asarray(vectors, float).reshape(n_frames, -1, n_classes).transpose(0, 2, 1)[active]
        for vectors in (reference, prediction)
    )
    if not len(reference):
        return float("nan"), float("nan")
    chord = float(np.linalg.norm(reference - prediction, axis=-1).mean())
    if corrected:
        if reference.shape[-1] == 2:
            reference, prediction = (np.pad(v, ((0, 0), (0, 1))) for v in (reference, prediction))
        return chord, float(angle_between(reference, prediction).mean())
    return chord, float(np.degrees(2 * np.arcsin(chord / 2))) if chord <= 2 else float("nan")


def _count_accuracy(reference: np.ndarray, prediction: np.ndarray, corrected: bool) -> float:
    """Average, over numbers of sources, the share of frames with that number; the published one omits the largest."""
    most = int(reference.max(initial=0))
    shares = [
        float((prediction[reference == number] == number).mean())
        for number in range(most + 1 if corrected else most)
        if (reference == number).any()
    ]
    return float(np.mean(shares)) if shares else float("nan")
