"""Decoding of activity and direction as separate heads; see `avseld.targets.sed_doa`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.decoding.frames import mean_of_groups, rows, sigmoid
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events
from avseld.io.geometry import unit_vector


@dataclass(frozen=True)
class AxesReader:
    """How a representation of directions is read."""

    bounded: bool
    """whether the network's output goes through a hyperbolic tangent"""
    read: Callable[[np.ndarray, float], np.ndarray]
    """(values (..., axis), elevation scale) -> vectors (..., 3)"""


def _read_angles(value: np.ndarray, stretch: float) -> np.ndarray:
    """Convert radians (..., axis) back to unit vectors (..., 3)."""
    return unit_vector(np.degrees(value[..., 0]), np.clip(np.degrees(value[..., 1]) / stretch, -90, 90))


READERS = {
    "xyz": AxesReader(True, lambda value, _: value),
    "linear_xyz": AxesReader(False, lambda value, _: value),
    "xy": AxesReader(True, lambda value, _: np.concatenate([value, np.zeros_like(value[..., :1])], axis=-1)),
    "angles": AxesReader(False, _read_angles),
}
"""representation of directions -> how it is read"""


@dataclass(frozen=True)
class SedDoaDecoder:
    """Decodes activity and direction heads.

    Args:
        axes: a key of `READERS`.
        stretch: factor on the elevation as an angle.
        threshold: a class is active above this probability; one, or one of each class.
        label_hop: seconds between decoded frames; None keeps the network's.
    """

    axes: str = "xyz"
    stretch: float = 1.0
    threshold: Thresholds = 0.5
    label_hop: float | None = LABEL_HOP

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode events of one label frame each where a class is active.

        Args:
            output: sed (frame, class) logits, doa (frame, axis, class).
            hop: seconds between frames.

        Returns:
            One row per active class and label frame, ordered by frame and class; elevation 0 for axes xy.
        """
        label_hop = hop if self.label_hop is None else self.label_hop
        group = round(label_hop / hop)
        probability = mean_of_groups(sigmoid(output["sed"]), group)
        prediction = np.asarray(output["doa"], np.float64).swapaxes(1, 2)  # (frame, class, axis)
        axes = READERS[self.axes]
        vector = axes.read(np.tanh(prediction) if axes.bounded else prediction, self.stretch)
        vector = mean_of_groups(vector, group)
        frame, label = np.nonzero(probability > per_class(self.threshold, probability.shape[1]))
        return rows(
            frame, label, np.zeros_like(frame), vector[frame, label], label_hop,
            confidence=probability[frame, label],
        )  # fmt: skip
