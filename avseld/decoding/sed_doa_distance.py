"""Decoding of activity, direction and distance as separate heads; see `avseld.targets.sed_doa_distance`."""

from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.decoding.frames import mean_of_groups, rows, sigmoid
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events


@dataclass(frozen=True)
class SedDoaDistanceDecoder:
    """Decodes activity, direction and distance.

    Args:
        directions: False without a direction head.
        threshold: a class is active above this probability; one, or one of each class.
    """

    directions: bool = True
    threshold: Thresholds = 0.5

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode events of one label frame of 100 ms each where a class is active.

        Args:
            output: sed (frame, class) logits, doa (frame, axis, class), distance (frame, class).
            hop: seconds between frames.

        Returns:
            One row per active class and label frame, ordered by frame and class; without directions their angles are
            unknown.
        """
        group = round(LABEL_HOP / hop)
        probability = mean_of_groups(sigmoid(output["sed"]), group)
        distance = mean_of_groups(np.maximum(np.asarray(output["distance"], np.float64), 0), group)
        vector = np.full((*probability.shape, 3), np.nan)
        if self.directions:
            vector = mean_of_groups(np.tanh(np.asarray(output["doa"], np.float64)).swapaxes(1, 2), group)
        frame, label = np.nonzero(probability > per_class(self.threshold, probability.shape[1]))
        return rows(
            frame, label, np.zeros_like(frame), vector[frame, label], LABEL_HOP, distance[frame, label],
            confidence=probability[frame, label],
        )  # fmt: skip
