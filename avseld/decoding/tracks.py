"""Decoding of track-wise output; see `avseld.targets.tracks`."""

from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.decoding.frames import mean_of_groups, rows, sigmoid
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events


@dataclass(frozen=True)
class TracksDecoder:
    """Decodes tracks with one event each.

    Args:
        threshold: a track is active where the probability of its best class is above; one, or one of each class.
    """

    threshold: Thresholds = 0.5

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode events in label frames of 100 ms: each track's most probable class, where it passes the threshold.

        Probabilities and vectors of a track are averaged over a label frame; steps of a network that are whole label
        frames, as in EINV2 and PSELDNets, are not changed by that.

        Args:
            output: sed (frame, track, class) logits, doa (frame, track, axis).
            hop: seconds between frames.

        Returns:
            One row per active track and label frame, ordered by frame, class and track.
        """
        group = round(LABEL_HOP / hop)
        probability = mean_of_groups(sigmoid(output["sed"]), group)
        vector = mean_of_groups(np.tanh(np.asarray(output["doa"], np.float64)), group)
        best = probability.argmax(axis=-1)
        threshold = per_class(self.threshold, probability.shape[-1])
        frame, track = np.nonzero(probability.max(axis=-1) > threshold[best])
        order = np.lexsort((track, best[frame, track], frame))
        frame, track = frame[order], track[order]
        chosen, sure = best[frame, track], probability.max(axis=-1)[frame, track]
        return rows(frame, chosen, track, vector[frame, track], LABEL_HOP, confidence=sure)
