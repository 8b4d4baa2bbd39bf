"""Decoding of ACCDOA; see `avseld.targets.accdoa`."""

from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.decoding.frames import mean_of_groups, rows
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events


@dataclass(frozen=True)
class AccdoaDecoder:
    """Decodes vectors of classes, whose length is the activity.

    Args:
        threshold: a class is active above this vector length; one, or one of each class.
        bounded: pass the vectors through a hyperbolic tangent.
        distance: there is a fourth value, the distance in metres.
    """

    threshold: Thresholds = 0.5
    bounded: bool = True
    distance: bool = False

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode events in label frames of 100 ms: a class is active where its mean vector passes the threshold.

        Args:
            output: accdoa (frame, axis, class).
            hop: seconds between frames.

        Returns:
            One row per active class and label frame, ordered by frame and class.
        """
        prediction = np.asarray(output["accdoa"], np.float64).swapaxes(1, 2)  # (frame, class, axis)
        vector, distance = prediction[..., :3], np.maximum(prediction[..., 3:], 0)
        group = round(LABEL_HOP / hop)
        vector = mean_of_groups(np.tanh(vector) if self.bounded else vector, group)
        distance = mean_of_groups(distance, group)
        threshold = per_class(self.threshold, prediction.shape[1])
        length = np.linalg.norm(vector, axis=-1)
        frame, label = np.nonzero(length > threshold)
        metres = distance[frame, label, 0] if self.distance else None
        return rows(
            frame, label, np.zeros_like(frame), vector[frame, label], LABEL_HOP, metres,
            confidence=length[frame, label],
        )  # fmt: skip
