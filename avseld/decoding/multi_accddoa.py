"""Decoding of Multi-ACCDDOA; see `avseld.targets.multi_accddoa`."""

from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.decoding.frames import mean_of_groups, merge_close_tracks, rows, sigmoid
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events

PAIRS = ((0, 1), (1, 2), (2, 0))
"""pairs of tracks in the published order; a merged pair takes the place of its first track"""


@dataclass(frozen=True)
class MultiAccddoaDecoder:
    """Decodes three vectors per class with their distances and, optionally, whether they are on screen.

    Args:
        threshold: a track is active above this vector length; one, or one of each class.
        unify_deg: active tracks of one class closer than this are merged, degrees.
        planar: x and y only.
        onscreen: the last value of a track is the logit of being on screen.
        bounded: pass vectors through a hyperbolic tangent.
        legacy: on-screen truncated to an integer, and taken from the first of merged tracks, as published.
    """

    threshold: Thresholds = 0.5
    unify_deg: float = 15.0
    planar: bool = False
    onscreen: bool = False
    bounded: bool = False
    legacy: bool = False

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode events in label frames of 100 ms.

        A track is active where its mean vector is longer than the threshold. Active tracks of a class within the
        unification angle become one, the mean of their vectors and distances; so do all three when two pairs of them
        are that close.

        Args:
            output: accddoa (frame, track = 3, axis, class).
            hop: seconds between frames.

        Returns:
            One row per active source and label frame, ordered by frame, class, track.
        """
        prediction = np.asarray(output["accddoa"], np.float64).transpose(
            0, 3, 1, 2
        )  # (frame, class, track, axis)
        n_axes = 2 if self.planar else 3
        vector, distance, logit = np.split(prediction, [n_axes, n_axes + 1], axis=-1)
        vector = np.pad(np.tanh(vector) if self.bounded else vector, [(0, 0)] * 3 + [(0, 3 - n_axes)])
        value = np.concatenate([vector, np.maximum(distance, 0), sigmoid(logit)], axis=-1)
        value = mean_of_groups(value, round(LABEL_HOP / hop))
        threshold = per_class(self.threshold, prediction.shape[1])[:, None]
        length = np.linalg.norm(value[..., :3], axis=-1)
        active = length > threshold
        merged, left = merge_close_tracks(value, active, PAIRS, value[..., :3], self.unify_deg)
        if self.legacy:
            merged[..., 4:] = value[..., 4:]
        frame, label, track = np.nonzero(left)
        chosen = merged[frame, label, track]
        return rows(
            frame, label, track, chosen[:, :3], LABEL_HOP, chosen[:, 3], self._onscreen(chosen),
            length[frame, label, track],
        )  # fmt: skip

    def _onscreen(self, chosen: np.ndarray) -> np.ndarray | None:
        """Read on-screen (row,), 0 or 1, from values (row, axis)."""
        if not self.onscreen:
            return None
        return np.floor(chosen[:, 4]) if self.legacy else (chosen[:, 4] > 0.5).astype(float)
