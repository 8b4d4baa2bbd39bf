"""Front-back confusions and errors on the cone of confusion, of pairs of reference and prediction.

Two ears, or a stereo pair, tell how far to the side a sound is; sounds on a cone around the axis through both ears
differ little. So directions are taken apart in interaural-polar coordinates (M. Morimoto and H. Aokata, Localization
cues of sound sources in the upper hemisphere, 1984): the lateral angle is that between the direction and the median
plane, the polar angle goes round the interaural axis, 0 in front, 90 above, 180 behind. A prediction is a front-back
confusion if it is closer to the mirror image of the reference behind the frontal plane than to the reference
(F. Wightman and D. Kistler, Headphone simulation of free-field listening II, 1989), which is the same as lying on
the other side of that plane. The polar angle means little near the axis, so polar errors are those of references within
30 degrees of the median plane (J. Middlebrooks, Virtual localization improved by scaling nonindividualized external-ear
transfer functions in frequency, 1999; `localizationerror` of the Auditory Modeling Toolbox).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.base.sphere import unit_vector
from avseld.io.events import Events
from avseld.io.geometry import angle_between
from avseld.metrics.cells import CellGrid, frame_rows, match_cells, sort_into_cells
from avseld.metrics.confidence import interval_of

MAX_LATERAL_DEG = 30.0
"""largest lateral angle of a reference whose polar error counts"""
FAR_DEG = 20.0
"""angle from the frontal plane beyond which a prediction within the 20 degrees of the DCASE scores is no confusion"""
ROUNDING = 1e-9
"""error of coordinates in floating point: cos 90 degrees is 6e-17"""

SCORES_OF_CONES = (
    "LE_unfolded",
    "LE_folded",
    "confusions",
    "confusions_far",
    "lateral_error",
    "polar_error",
    "polar_error_folded",
)
"""scores of pairs, see `avseld.metrics.definitions`"""
OF_FOLDED = ("LE_folded", "lateral_error")
"""those that references mirrored to the front still have"""


@dataclass(frozen=True, eq=False)
class ConeSums:
    """Sums over the pairs of recordings, and numbers of pairs in them.

    Args:
        total: (recording, class, score) sums of angles in degrees, and of confusions, in the order of
            `SCORES_OF_CONES`.
        number: (recording, class, score) pairs that count for each.
    """

    total: np.ndarray
    number: np.ndarray


@dataclass(frozen=True)
class ConeScores:
    """Scores of pairs; NaN where there are none.

    Args:
        average: macro or micro.
        pairs: pairs of a frame of 100 ms.
        unfolded: whether the references tell front from back.
        values: by name, of `SCORES_OF_CONES`.
        classwise: by name, each (class,).
        interval: 95 % intervals by name, low and high; empty for a single recording.
    """

    average: str
    pairs: int
    unfolded: bool
    values: Mapping[str, float]
    classwise: Mapping[str, list[float]]
    interval: Mapping[str, list[float]]

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON takes: null for NaN."""
        return {
            "average": self.average,
            "pairs": self.pairs,
            "unfolded": self.unfolded,
            **{name: _plain(value) for name, value in self.values.items()},
            "classwise": {name: [_plain(each) for each in row] for name, row in self.classwise.items()},
            "interval": {name: [_plain(each) for each in row] for name, row in self.interval.items()},
        }


def count_cones(
    references: Sequence[Events], predictions: Sequence[Events], n_classes: int, planar: bool = False
) -> ConeSums:
    """Assign predictions to references of their class, frame by frame of 100 ms, and sum the errors of the pairs.

    Args:
        references: one table for each recording.
        predictions: in the same order.
        n_classes: number of classes.
        planar: assign by azimuths mirrored to the front, as DCASE 2025 does for stereo, and by great-circle angles
            otherwise; the folded error is that of these azimuths.

    Raises:
        BadInput: an event without time or direction, or a class out of range.
    """
    tables = [frame_rows(side, LABEL_HOP) for side in (references, predictions)]
    n_frames = 1 + max((int(frame.max()) for *_, frame in tables if len(frame)), default=0)
    grid = CellGrid(n_frames, n_classes)
    reference, prediction = (sort_into_cells(*table, grid) for table in tables)
    pairs = match_cells(reference, prediction, "folded" if planar else "exact")
    true, predicted = (
        reference.events.select(pairs.reference),
        prediction.events.select(pairs.prediction),
    )
    errors = errors_of(true, predicted, planar)
    slot = reference.recording[pairs.reference] * n_classes + true.label
    size, shape = len(references) * n_classes, (len(references), n_classes)
    counted = ~np.isnan(errors)
    sums = [
        [np.bincount(slot, weight, size).reshape(shape) for weight in rows]
        for rows in (np.where(counted, errors, 0.0), counted.astype(float))
    ]
    return ConeSums(*(np.stack(each, axis=-1) for each in sums))


def errors_of(reference: Events, prediction: Events, planar: bool = False) -> np.ndarray:
    """Compute the errors of pairs.

    Args:
        reference: a row for each pair.
        prediction: a row for each pair.
        planar: compute the folded error from azimuths alone.

    Returns:
        (score, pair) in the order of `SCORES_OF_CONES`: degrees, confusions as 0 and 1; NaN where a pair counts not.
    """
    true, predicted = (unit_vector(side.azimuth, side.elevation) for side in (reference, prediction))
    flat = [
        unit_vector(side.azimuth, np.zeros(len(side)) if planar else side.elevation)
        for side in (reference, prediction)
    ]
    depth = np.where(np.abs(true[:, 0]) < ROUNDING, 0.0, true[:, 0])
    confused = np.where(depth == 0, np.nan, depth * predicted[:, 0] < -(ROUNDING**2))
    far = np.abs(depth) > np.sin(np.radians(FAR_DEG))
    lateral = [lateral_angle(side) for side in (true, predicted)]
    central = np.abs(lateral[0]) <= MAX_LATERAL_DEG
    return np.stack(
        [
            angle_between(true, predicted),
            angle_between(*(to_front(side) for side in flat)),
            confused,
            np.where(far, confused, np.nan),
            np.abs(lateral[0] - lateral[1]),
            np.where(central, _turn(polar_angle(true), polar_angle(predicted)), np.nan),
            np.where(central, _turn(polar_angle(to_front(true)), polar_angle(to_front(predicted))), np.nan),
        ]
    )


def to_front(vector: np.ndarray) -> np.ndarray:
    """Mirror vectors (..., 3) behind the frontal plane to the front."""
    return vector * np.where(vector[..., :1] < 0, [-1.0, 1.0, 1.0], 1.0)


def lateral_angle(vector: np.ndarray) -> np.ndarray:
    """Compute the angle of unit vectors (..., 3) from the median plane, degrees, positive to the left."""
    return np.degrees(np.arctan2(vector[..., 1], np.hypot(vector[..., 0], vector[..., 2])))


def polar_angle(vector: np.ndarray) -> np.ndarray:
    """Compute the angle of vectors (..., 3) round the interaural axis: 0 front, 90 above, 180 behind, degrees."""
    return np.degrees(np.arctan2(vector[..., 2], vector[..., 0]))


def _turn(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.abs((first - second + 180.0) % 360.0 - 180.0)


def cone_scores(sums: ConeSums, average: str = "macro", unfolded: bool = True) -> ConeScores:
    """Compute scores with their jackknife intervals over recordings.

    Args:
        sums: of `count_cones`.
        average: mean over classes (macro) or over pairs (micro).
        unfolded: whether the references tell front from back; without, only the errors that need no rear are left.
    """
    chosen = [SCORES_OF_CONES.index(name) for name in (SCORES_OF_CONES if unfolded else OF_FOLDED)]
    names = [SCORES_OF_CONES[index] for index in chosen]
    sums = replace(sums, total=sums.total[..., chosen], number=sums.number[..., chosen])
    total, number = sums.total.sum(axis=0), sums.number.sum(axis=0)
    point = _average(total, number, average)
    interval = np.zeros((0, 2))
    if len(sums.total) > 1:
        interval = interval_of(point, _average(total - sums.total, number - sums.number, average))
    with np.errstate(invalid="ignore"):
        classwise = total / number
    return ConeScores(
        average,
        int(number[:, names.index("LE_folded")].sum()),
        unfolded,
        dict(zip(names, point.tolist(), strict=True)),
        dict(zip(names, classwise.T.tolist(), strict=True)),
        dict(zip(names, interval.tolist(), strict=False)),
    )


def _average(total: np.ndarray, number: np.ndarray, average: str) -> np.ndarray:
    """Average (..., class, score) over the classes that have pairs, or over all pairs."""
    if average == "micro":
        total, number = total.sum(axis=-2, keepdims=True), number.sum(axis=-2, keepdims=True)
    with np.errstate(invalid="ignore"):
        mean = total / number
        return np.nansum(mean, axis=-2) / (number > 0).sum(axis=-2)


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else value
