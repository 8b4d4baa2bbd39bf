"""Matching of predicted and annotated energy maps: records, from which every score is computed (DCASE2026 Task 3)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from avseld.metrics.imaging.drawing import TINY

FLAT = 1e-12
"""standard deviation below which pictures have no correlation"""
UNMATCHED = -1.0
"""overlap of a prediction without a reference"""


@dataclass(frozen=True)
class Drawn:
    """A sound of one frame, drawn.

    Args:
        frame: of 100 ms.
        label: class.
        picture: (row, column), 0 to 1.
        score: confidence; NaN for a label.
    """

    frame: int
    label: int
    picture: np.ndarray
    score: float = float("nan")


@dataclass(frozen=True)
class Records:
    """Predictions of some recordings, each beside what it was matched with.

    Args:
        recording: (prediction,) index of the recording.
        label: (prediction,) class.
        score: (prediction,) confidence.
        overlap: (prediction,) soft IoU with the reference it was matched with; -1 without one.
        correlation: (prediction,) Pearson's r with it; NaN where there is none or it is not defined.
        n_references: (recording, class).
        n_doubled: (recording,) references that are drawn as another one of their frame and class, as the official
            generator of labels writes sounds at the seam.
    """

    recording: np.ndarray
    label: np.ndarray
    score: np.ndarray
    overlap: np.ndarray
    correlation: np.ndarray
    n_references: np.ndarray
    n_doubled: np.ndarray

    @property
    def n_predictions(self) -> np.ndarray:
        """(class,) predictions."""
        return np.bincount(self.label, minlength=self.n_references.shape[1])

    def without(self, recording: int) -> "Records":
        """Leave a recording out."""
        kept = self.recording != recording
        return Records(
            self.recording[kept],
            self.label[kept],
            self.score[kept],
            self.overlap[kept],
            self.correlation[kept],
            np.delete(self.n_references, recording, axis=0),
            np.delete(self.n_doubled, recording),
        )


def match(references: Iterable[Drawn], predictions: Iterable[Drawn], n_classes: int) -> Records:
    """Match the sounds of one recording, frame by frame and class by class.

    The assignment has the largest sum of soft IoU, without a threshold: as many pairs as there are references or
    predictions, whichever are fewer.

    Args:
        references: of the recording.
        predictions: of the recording.
        n_classes: classes.
    """
    cells: Mapping[tuple[int, int], tuple[list[Drawn], list[Drawn]]] = defaultdict(lambda: ([], []))
    for side, sounds in enumerate((references, predictions)):
        for sound in sounds:
            cells[sound.frame, sound.label][side].append(sound)
    n_references = np.zeros((1, n_classes), int)
    rows: list[tuple[int, float, float, float]] = []
    n_doubled = 0
    for (_, label), (annotated, predicted) in sorted(cells.items(), key=lambda cell: cell[0]):
        n_references[0, label] += len(annotated)
        n_doubled += _count_doubled(annotated)
        rows += _match_cell(label, annotated, predicted)
    label_of, score, overlap, correlation = np.array(rows, float).reshape(-1, 4).T
    recording = np.zeros(len(rows), int)
    return Records(
        recording, label_of.astype(int), score, overlap, correlation, n_references, np.array([n_doubled])
    )


def _count_doubled(sounds: Sequence[Drawn]) -> int:
    return sum(
        any(np.array_equal(sound.picture, other.picture) for other in sounds[:place])
        for place, sound in enumerate(sounds)
    )


def _match_cell(
    label: int, annotated: Sequence[Drawn], predicted: Sequence[Drawn]
) -> list[tuple[int, float, float, float]]:
    """Match the sounds of one class in one frame: class, score, overlap and correlation of each prediction."""
    if not predicted:
        return []
    overlaps = np.array([[soft_iou(r.picture, p.picture) for p in predicted] for r in annotated])
    partner = {}
    if annotated:
        ours, theirs = linear_sum_assignment(overlaps, maximize=True)
        partner = dict(zip(theirs.tolist(), ours.tolist(), strict=True))
    rows = []
    for place, prediction in enumerate(predicted):
        overlap, correlation = UNMATCHED, float("nan")
        if place in partner:
            overlap = float(overlaps[partner[place], place])
            correlation = pearson(annotated[partner[place]].picture, prediction.picture)
        rows.append((label, prediction.score, overlap, correlation))
    return rows


def soft_iou(one: np.ndarray, other: np.ndarray) -> float:
    """Compute the sum of the smaller values over the sum of the larger ones of two pictures; 0 of two empty ones."""
    union = float(np.maximum(one, other).sum())
    return float(np.minimum(one, other).sum()) / union if union >= TINY else 0.0


def pearson(reference: np.ndarray, prediction: np.ndarray) -> float:
    """Correlate two pictures over the pixels of the reference; NaN for fewer than two pixels, or a flat picture."""
    inside = reference > 0
    one, other = reference[inside], prediction[inside]
    if len(one) < 2 or one.std() < FLAT or other.std() < FLAT:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def concatenate_records(parts: Sequence[Records]) -> Records:
    """Join the records of recordings, which are numbered in their order."""
    firsts = np.cumsum([0, *(len(part.n_references) for part in parts)])
    recording = np.concatenate([part.recording + first for part, first in zip(parts, firsts, strict=False)])
    names = ("label", "score", "overlap", "correlation", "n_references", "n_doubled")
    return Records(recording, *(np.concatenate([getattr(part, name) for part in parts]) for name in names))
