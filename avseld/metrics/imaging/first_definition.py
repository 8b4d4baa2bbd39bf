"""Scores of energy maps by the first definition of DCASE2026 Task 3 (2026-04-02): average precision of masks.

Directions of pixels are mirrored against those of the labels, and a row is 180/179 of a degree high, as in the official
code; both sides are drawn alike, so that no score changes (docs/sources.md, DCASE2026).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import binary_dilation
from scipy.optimize import linear_sum_assignment

from avseld.io.energy_maps import HEIGHT, WIDTH, EnergyMap
from avseld.metrics.imaging.coco import COCO_THRESHOLDS, average_precisions

SIGMA_DEG = 6.0
"""of the Gaussian that a point is drawn as"""
WINDOW_SIGMAS = 4
LEAST_COSINE = 0.087
"""of the elevation, by which the width of a point's window is divided at most: near the poles"""
MASK_LEVEL = 0.1
"""of a map's maximum, from which a pixel belongs to its mask"""
EMPTY = 1e-9
MAX_ANGLE_DEG = 20.0
"""between the strongest points of a pair"""
DILATIONS = 2
LEAST_DISTANCE = 1e-3
"""centimetres; references with a smaller one have no distance error"""


@dataclass(frozen=True)
class MaskScores:
    """Scores of the first definition.

    Args:
        precision: mask mAP, mean over classes and thresholds 0.50, 0.55 to 0.95 of average precision of masks.
        precision_50: the same at 0.50.
        correlation: mean correlation of all pairs.
        distance_error_percent: mean error of all pairs, relative to the reference.
        class_precisions: (class,) NaN for a class without references.
    """

    precision: float
    precision_50: float
    correlation: float
    distance_error_percent: float
    class_precisions: np.ndarray

    def as_dict(self) -> dict[str, Any]:
        """Values that JSON holds; None for NaN."""
        values = {
            "mask_mAP": self.precision,
            "mask_AP50": self.precision_50,
            "pearson": self.correlation,
            "distance_error_percent": self.distance_error_percent,
        }
        classwise = [None if np.isnan(value) else float(value) for value in self.class_precisions]
        whole = {name: None if np.isnan(value) else value for name, value in values.items()}
        return {**whole, "classwise": {"mask_mAP": classwise}}


@dataclass(frozen=True)
class _Sound:
    picture: np.ndarray
    mask: np.ndarray
    strongest: np.ndarray  # unit vector
    distance: float
    score: float


def mask_scores(
    recordings: Iterable[tuple[Sequence[EnergyMap], Sequence[EnergyMap]]], n_classes: int
) -> MaskScores:
    """Score recordings by the first definition.

    Args:
        recordings: references and predictions of each.
        n_classes: classes.
    """
    images: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in range(n_classes)]
    correlations: list[float] = []
    errors: list[float] = []
    n_references = np.zeros(n_classes, int)
    for references, predictions in recordings:
        for label, annotated, predicted in _cells(references, predictions):
            n_references[label] += len(annotated)
            images[label].append(_overlaps(annotated, predicted))
            for reference, prediction in _pairs(annotated, predicted):
                correlations.append(_correlation(reference, prediction))
                if reference.distance > LEAST_DISTANCE:
                    errors.append(100 * abs(reference.distance - prediction.distance) / reference.distance)
    precisions = np.full((n_classes, len(COCO_THRESHOLDS)), np.nan)
    for one in np.flatnonzero(n_references).tolist():
        precisions[one] = average_precisions(images[one], int(n_references[one]))
    known = precisions[n_references > 0]
    return MaskScores(
        float(known.mean()) if len(known) else float("nan"),
        float(known[:, 0].mean()) if len(known) else float("nan"),
        _mean(correlations),
        _mean(errors),
        precisions.mean(axis=1),
    )


def _cells(
    references: Sequence[EnergyMap], predictions: Sequence[EnergyMap]
) -> Iterable[tuple[int, list[_Sound], list[_Sound]]]:
    """Draw the sounds of each frame and class: class, references, predictions."""
    cells: Mapping[tuple[int, int], tuple[list[EnergyMap], list[EnergyMap]]] = defaultdict(lambda: ([], []))
    for side, maps in enumerate((references, predictions)):
        for one in maps:
            cells[one.frame, one.label][side].append(one)
    for (_, label), sides in sorted(cells.items(), key=lambda cell: cell[0]):
        annotated, predicted = (
            [sound for one in side if (sound := _sound(one)) is not None] for side in sides
        )
        yield label, annotated, predicted


def _sound(one: EnergyMap) -> _Sound | None:
    """Draw a sound; None where there is nothing to see."""
    points = np.concatenate(one.polygons) if one.polygons else np.zeros((0, 3))
    picture = draw_points(points)
    top = picture.max()
    if top < EMPTY:
        return None
    x, y = points[np.argmax(points[:, 2]), :2]
    return _Sound(picture, picture >= MASK_LEVEL * top, _unit_vector(x, y), one.distance, one.score)


def draw_points(points: np.ndarray) -> np.ndarray:
    """Add up a Gaussian of 6 degrees of arc for each point.

    Args:
        points: (point, 3): x, y, energy.

    Returns:
        (180, 360) float32.
    """
    azimuth, elevation = _angles(np.arange(WIDTH), np.arange(HEIGHT))
    picture = np.zeros((HEIGHT, WIDTH), np.float32)
    height = int(np.ceil(WINDOW_SIGMAS * SIGMA_DEG * (HEIGHT - 1) / HEIGHT))
    for x, y, energy in points:
        own_azimuth, own_elevation = _angles(x, y)
        width = int(np.ceil(WINDOW_SIGMAS * SIGMA_DEG / max(np.cos(own_elevation), LEAST_COSINE)))
        columns = np.unique(np.arange(round(x) - width, round(x) + width + 1) % WIDTH)
        rows = np.arange(max(0, round(y) - height), min(HEIGHT, round(y) + height + 1))
        # Haversine of the angle between the point and each pixel.
        across = np.sin((azimuth[columns] - own_azimuth) / 2) ** 2
        down = np.sin((elevation[rows] - own_elevation) / 2) ** 2
        haversine = down[:, None] + np.outer(np.cos(elevation[rows]) * np.cos(own_elevation), across)
        gaussian = energy * np.exp(-4 * haversine / (2 * np.deg2rad(SIGMA_DEG) ** 2))
        picture[np.ix_(rows, columns)] += gaussian.astype(np.float32)
    return picture


def _angles(x: Any, y: Any) -> tuple[Any, Any]:
    """Return azimuth and elevation of pixels as the official code has them, radians."""
    return np.deg2rad(360 * x / WIDTH - 180), np.deg2rad(90 - 180 * y / (HEIGHT - 1))


def _unit_vector(x: float, y: float) -> np.ndarray:
    azimuth, elevation = _angles(x, y)
    flat = np.cos(elevation)
    return np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])


def _overlaps(annotated: Sequence[_Sound], predicted: Sequence[_Sound]) -> tuple[np.ndarray, np.ndarray]:
    """Compute the overlaps of masks, (prediction, reference), and the confidence of each prediction."""
    overlaps = np.zeros((len(predicted), len(annotated)))
    for row, prediction in enumerate(predicted):
        for column, reference in enumerate(annotated):
            both = np.count_nonzero(prediction.mask & reference.mask)
            overlaps[row, column] = both / np.count_nonzero(prediction.mask | reference.mask)
    return overlaps, np.array([prediction.score for prediction in predicted])


def _pairs(annotated: Sequence[_Sound], predicted: Sequence[_Sound]) -> Iterable[tuple[_Sound, _Sound]]:
    """Assign the sounds whose strongest points are near one another."""
    if not annotated or not predicted:
        return
    vectors = (np.stack([sound.strongest for sound in side]) for side in (annotated, predicted))
    ours, theirs = vectors
    angle = np.rad2deg(np.arccos(np.clip(ours @ theirs.T, -1, 1)))
    for row, column in zip(*linear_sum_assignment(angle), strict=True):
        if angle[row, column] <= MAX_ANGLE_DEG:
            yield annotated[row], predicted[column]


def _correlation(reference: _Sound, prediction: _Sound) -> float:
    """Correlate two maps over both masks, made a little wider."""
    around = binary_dilation(reference.mask | prediction.mask, iterations=DILATIONS)
    one, other = reference.picture[around], prediction.picture[around]
    if one.std() < EMPTY or other.std() < EMPTY:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
