"""Decoding of activity and position; see `avseld.targets.sed_coordinates`."""

from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.decoding.frames import mean_of_groups, rows, sigmoid
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events


@dataclass(frozen=True)
class SedCoordinatesDecoder:
    """Decodes activity and position.

    Args:
        threshold: a class is active above this probability; one, or one of each class.
    """

    threshold: Thresholds = 0.5

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode events of one label frame of 100 ms each where a class is active.

        Args:
            output: sed (frame, class) logits, coordinates (frame, axis, class).
            hop: seconds between frames.

        Returns:
            One row per active class and label frame, ordered by frame and class.
        """
        group = round(LABEL_HOP / hop)
        probability = mean_of_groups(sigmoid(output["sed"]), group)
        position = mean_of_groups(np.asarray(output["coordinates"], np.float64).swapaxes(1, 2), group)
        frame, label = np.nonzero(probability > per_class(self.threshold, probability.shape[1]))
        chosen = position[frame, label]
        return rows(
            frame, label, np.zeros_like(frame), chosen, LABEL_HOP, np.linalg.norm(chosen, axis=-1),
            confidence=probability[frame, label],
        )  # fmt: skip
