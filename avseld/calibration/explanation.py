"""The order, the polarity and the turn of an array that explain what is heard from each place.

Many explanations fit equally: channels X and Y of ambisonics exchanged, with one of them inverted, are an array turned
by 90 degrees, and 12 of the 24 orders of the microphones of a tetrahedron are turns of it. The simplest is chosen: an
upright array whose channels have a known order, turned about the vertical; else the order of an upright array that is
turned by at most 45 degrees.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avseld.base.rotation import angle_of, rotation_angles, rotation_matrix
from avseld.calibration.candidates import Candidate, Signs
from avseld.directions.tetrahedra import Order
from avseld.io.geometry import angle_between

MAX_MEAN_MISS_DEG, MAX_MISS_DEG = 12.0, 20.0
"""by which places may be missed, on average and at most: arms are no protractors"""
CLOSE_FIT = 0.85
"""least fit of a candidate relative to the best one"""
CLOSE_MISS_DEG = 6.0
"""by which a candidate may miss more on average than the best one"""
UPRIGHT_DEG = 45.0
"""largest tilt of an array that stands or hangs as it was meant to"""
LEAST_TILT_DEG = 15.0
"""smaller tilts are not told from arms that do not point exactly"""


@dataclass(frozen=True, eq=False)
class Explanation:
    """A candidate and the turn of the array that explains its directions best.

    Args:
        candidate: order and polarity, and the directions in the axes of the array.
        rotation: (3, 3), turns directions in the axes of the array into those of the room.
        misses: (place,) degrees between where each place is heard and where it is.
    """

    candidate: Candidate
    rotation: np.ndarray
    misses: np.ndarray

    @property
    def order(self) -> Order:
        """Index in the recording of each channel of the format."""
        return self.candidate.order

    @property
    def polarity(self) -> Signs:
        """1 or -1 of these channels."""
        return self.candidate.polarity

    @property
    def tilt(self) -> float:
        """Degrees by which the top of the array is off the vertical."""
        return float(angle_between(self.rotation[:, 2], [0, 0, 1]))

    @property
    def yaw(self) -> float:
        """Degrees by which the array is turned to the left."""
        return rotation_angles(self.rotation)[0]


def explain(candidate: Candidate, towards: np.ndarray) -> Explanation:
    """Find the turn of the array that explains a candidate best.

    Args:
        candidate: what is heard.
        towards: (place, 3) unit vectors to the places in the room.
    """
    left, _, right = np.linalg.svd(towards.T @ candidate.directions)
    mirrored = np.linalg.det(left @ right) < 0
    rotation = left @ np.diag([1.0, 1.0, -1.0 if mirrored else 1.0]) @ right
    return Explanation(candidate, rotation, angle_between(candidate.directions @ rotation.T, towards))


def levelled(explanation: Explanation, towards: np.ndarray) -> Explanation:
    """Take a tilt of less than `LEAST_TILT_DEG` for none, if that explains what is heard, too.

    Args:
        explanation: with any turn.
        towards: (place, 3) unit vectors to the places in the room.
    """
    if explanation.tilt >= LEAST_TILT_DEG:
        return explanation
    directions = explanation.candidate.directions
    (x, y), (u, v) = directions[:, :2].T, towards[:, :2].T
    turn = rotation_matrix(float(np.degrees(np.arctan2(np.sum(x * v - y * u), np.sum(x * u + y * v)))))
    misses = angle_between(directions @ turn.T, towards)
    return Explanation(explanation.candidate, turn, misses) if misses.max() <= MAX_MISS_DEG else explanation


def explanations(
    candidates: Sequence[Candidate], towards: np.ndarray, least_fit: float, known: Sequence[Order]
) -> list[Explanation]:
    """List all explanations that fit, the simplest first.

    Args:
        candidates: of one format.
        towards: (place, 3) unit vectors to the places in the room.
        least_fit: below which a candidate explains nothing.
        known: orders that are in use, with which an array may face anywhere; the usual one first.
    """
    found = [explain(each, towards) for each in candidates if each.fit >= least_fit]
    best_fit = max((each.candidate.fit for each in found), default=0.0)
    fitting = [
        each
        for each in found
        if each.candidate.fit >= CLOSE_FIT * best_fit
        and each.misses.mean() <= MAX_MEAN_MISS_DEG
        and each.misses.max() <= MAX_MISS_DEG
    ]
    least = min((each.misses.mean() for each in fitting), default=0.0)
    close = [each for each in fitting if each.misses.mean() <= least + CLOSE_MISS_DEG]
    return sorted(close, key=lambda each: _complexity(each, known))


def _complexity(explanation: Explanation, known: Sequence[Order]) -> tuple[float, ...]:
    """Return a key by which simpler explanations come first."""
    upright = explanation.tilt < UPRIGHT_DEG
    plain = explanation.order in known and all(sign > 0 for sign in explanation.polarity)
    turn = abs(explanation.yaw) if upright else angle_of(explanation.rotation)
    return (
        not upright,
        known.index(explanation.order) if plain else len(known),
        # Turns by 45 degrees in either direction are alike.
        round(turn / 2),
        sum(sign < 0 for sign in explanation.polarity),
        *explanation.order,
    )
