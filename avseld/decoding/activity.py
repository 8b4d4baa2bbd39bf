"""Decoding of activity without direction; see `avseld.targets.activity`."""

from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.decoding.frames import mean_of_groups, sigmoid
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events


@dataclass(frozen=True)
class ActivityDecoder:
    """Decodes one activity head.

    Args:
        threshold: a class is active above this probability; one, or one of each class.
    """

    threshold: Thresholds = 0.3

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode events of one label frame each where a class is active.

        Args:
            output: sed (frame, class) logits.
            hop: seconds between frames.

        Returns:
            One row per active class and label frame, ordered by frame and class, without direction.
        """
        probability = mean_of_groups(sigmoid(output["sed"]), round(LABEL_HOP / hop))
        frame, label = np.nonzero(probability > per_class(self.threshold, probability.shape[1]))
        unknown = np.full(len(frame), np.nan)
        onset = frame * LABEL_HOP
        return Events(onset, (frame + 1) * LABEL_HOP, label, np.zeros_like(frame), unknown, unknown, unknown)
