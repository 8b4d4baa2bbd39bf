"""Decoding of activity, azimuth and elevation; see `avseld.targets.two_stage`."""

from dataclasses import dataclass

import numpy as np

from avseld.decoding.frames import sigmoid
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events
from avseld.io.geometry import wrap

LOWEST_DEG, HIGHEST_DEG = (-180, -40), (170, 40)
"""azimuth and elevation to which the official loader of 2019 clips, degrees"""


@dataclass(frozen=True)
class TwoStageDecoder:
    """Decodes activity, azimuth and elevation heads, one source per class.

    Args:
        directions: False without directions.
        threshold: a class is active above this probability; one, or one of each class.
        label_hop: seconds between decoded frames.
        grid_deg: round directions to multiples of it; 0 does not round.
        legacy: directions are clipped instead of wrapped, as published.
    """

    directions: bool = True
    threshold: Thresholds = 0.3
    label_hop: float = 0.02
    grid_deg: float = 0.0
    legacy: bool = False

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode events of one label frame each, with the direction of each active class.

        A label frame uses the nearest frame of the network (`nearest_frame`); nothing is averaged.

        Args:
            output: sed (frame, class) logits, doa (frame, axis, class) radians.
            hop: seconds between frames.

        Returns:
            One row per active class and label frame, ordered by frame and class.
        """
        chosen = nearest_frame(len(output["sed"]), hop, self.label_hop)
        threshold = per_class(self.threshold, output["sed"].shape[1])
        probability = sigmoid(output["sed"][chosen])
        frame, label = np.nonzero(probability > threshold)
        azimuth = elevation = np.full(len(frame), np.nan)
        if self.directions:
            degrees = np.degrees(np.asarray(output["doa"], np.float64)[chosen])[frame, :, label]
            azimuth, elevation = self._in_range(degrees).T
        unknown = np.full(len(frame), np.nan)
        return Events(
            frame * self.label_hop,
            (frame + 1) * self.label_hop,
            label,
            np.zeros_like(frame),
            azimuth,
            elevation,
            unknown,
            confidence=probability[frame, label],
        )

    def _in_range(self, degrees: np.ndarray) -> np.ndarray:
        """Round directions (row, axis) in degrees to the grid and bring them into their range."""
        if self.grid_deg:
            degrees = np.round(degrees / self.grid_deg) * self.grid_deg
        if self.legacy:
            return np.clip(degrees, LOWEST_DEG, HIGHEST_DEG)
        return np.stack([wrap(degrees[:, 0]), np.clip(degrees[:, 1], -90, 90)], axis=1)


def nearest_frame(n_frames: int, hop: float, label_hop: float) -> np.ndarray:
    """Find the frame that is nearest to each label frame; ties go to the even frame, as in the published code.

    Args:
        n_frames: frames of the network.
        hop: seconds between them.
        label_hop: seconds between label frames.

    Returns:
        (label frame,) index of a frame; n_frames * hop / label_hop of them, rounded.
    """
    ratio = hop / label_hop
    frame = np.round(np.round(np.arange(round(ratio * n_frames)) / ratio, 9)).astype(int)
    return np.minimum(frame, n_frames - 1)
