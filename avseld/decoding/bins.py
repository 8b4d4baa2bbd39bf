"""Directions as classes: their grid, and decoding; see `avseld.targets.bins`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from avseld.base.rates import LABEL_HOP
from avseld.decoding.frames import mean_of_groups, sigmoid
from avseld.io.events import Events

STEP_DEG = 5.0
FIRST_DEG = {"azimuth": -180.0, "elevation": -45.0}
N_BINS = {"azimuth": 72, "elevation": 19}


def bin_of(angle: str, degrees: ArrayLike) -> np.ndarray:
    """Find the nearest direction class of an angle; azimuths wrap, elevations are clipped to -45 and 45 degrees.

    Args:
        angle: azimuth or elevation.
        degrees: (row,).

    Returns:
        (row,) int.
    """
    index = np.round((np.asarray(degrees, float) - FIRST_DEG[angle]) / STEP_DEG).astype(int)
    return index % N_BINS[angle] if angle == "azimuth" else np.clip(index, 0, N_BINS[angle] - 1)


def degrees_of(angle: str, index: ArrayLike) -> np.ndarray:
    """Compute the centre of direction classes, degrees.

    Args:
        angle: azimuth or elevation.
        index: (row,) direction class.
    """
    return FIRST_DEG[angle] + STEP_DEG * np.asarray(index)


@dataclass(frozen=True)
class BinsDecoder:
    """Decodes direction classes, without the sound class.

    Args:
        angles: azimuth, elevation, or both.
        threshold: a direction is active above this probability.
    """

    angles: Sequence[str] = ("azimuth", "elevation")
    threshold: float = 0.3

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode active directions, for inspection; the sound class is unknown and written as 0.

        A direction is active where its probability is a local maximum above the threshold. The network does not pair
        azimuths and elevations: every azimuth of a frame gets the most probable elevation.

        Args:
            output: azimuth (frame, 72) and elevation (frame, 19) logits.
            hop: seconds between frames.

        Returns:
            One row per direction and label frame; an angle that has no head is not annotated.
        """
        group = round(LABEL_HOP / hop)
        probability = {angle: mean_of_groups(sigmoid(output[angle]), group) for angle in self.angles}
        leading, *others = self.angles
        frame, index = np.nonzero(
            _peaks(probability[leading], leading == "azimuth") & (probability[leading] > self.threshold)
        )
        angles = {angle: np.full(len(frame), np.nan) for angle in N_BINS}
        angles[leading] = degrees_of(leading, index)
        for angle in others:
            angles[angle] = degrees_of(angle, probability[angle].argmax(axis=1))[frame]
        source = np.arange(len(frame)) - np.searchsorted(frame, frame)
        unknown = np.full(len(frame), np.nan)
        onset, zero = frame * LABEL_HOP, np.zeros_like(frame)
        offset = (frame + 1) * LABEL_HOP
        return Events(onset, offset, zero, source, angles["azimuth"], angles["elevation"], unknown)


def _peaks(x: np.ndarray, circular: bool) -> np.ndarray:
    """Find local maxima over the bins of (frame, bin): at least the bin before and more than the bin after."""
    if circular:
        return (x >= np.roll(x, 1, axis=1)) & (x > np.roll(x, -1, axis=1))
    padded = np.pad(x, ((0, 0), (1, 1)), constant_values=-1.0)
    return (x >= padded[:, :-2]) & (x > padded[:, 2:])
