"""Decoding of Multi-ACCDOA; see `avseld.targets.multi_accdoa`."""

from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.decoding.frames import active_tracks, merge_close_tracks
from avseld.decoding.thresholds import Thresholds
from avseld.io.events import Events
from avseld.io.geometry import direction, unit_vector

PAIRS = ((0, 1), (1, 2), (0, 2))
"""pairs of tracks; a merged pair takes the place of its first track"""


@dataclass(frozen=True)
class MultiAccdoaDecoder:
    """Decodes three vectors per class, without distance.

    Args:
        threshold: a track is active above this mean vector length; one, or one of each class.
        unify_deg: active tracks of one class closer than this are merged, degrees.
        legacy: average angles as plain numbers, as published.
        bounded: pass the vectors through a hyperbolic tangent.
    """

    threshold: Thresholds = 0.3
    unify_deg: float = 15.0
    legacy: bool = False
    bounded: bool = False

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode events in label frames of 100 ms.

        A track is active where its mean vector length (each frame's is at most 1) passes the threshold; its direction
        is that of the mean vector. Active tracks of a class within the unification angle become one; so do all
        three when two pairs of them are that close. As in sony/audio-visual-seld-dcase2023 @ d712445,
        `seld_predictor.py`, except for the mean of angles (docs/sources.md, Sony audio-visual baseline).

        Args:
            output: accdoa (frame, track = 3, axis, class), or activity (label frame, class, track) and vector (label
                frame, class, track, axis): what `avseld.targets.MultiACCDOA.reduce` makes of it.
            hop: seconds between frames.

        Returns:
            One row per active source and label frame, ordered by frame, class, track.
        """
        if "activity" in output:
            activity, mean = output["activity"], output["vector"]
        else:
            activity, mean = self._mean_vectors(output["accdoa"], round(LABEL_HOP / hop))
        frame, label, activity, active, mean = active_tracks(activity, self.threshold, mean)
        if self.legacy:
            values, vectors = mean, unit_vector(mean[..., 0], mean[..., 1])
        else:  # as unit vectors, so that the length does not count twice
            length = np.linalg.norm(mean, axis=-1, keepdims=True)
            values, vectors = mean / np.maximum(length, 1e-12), mean
        values, left = merge_close_tracks(values, active, PAIRS, vectors, self.unify_deg, weight=activity)
        row, track = np.nonzero(left)
        frame, label, chosen = frame[row], label[row], values[row, track]
        azimuth, elevation = chosen.T if self.legacy else direction(chosen)
        unknown = np.full(len(frame), np.nan)
        onset, offset = frame * LABEL_HOP, (frame + 1) * LABEL_HOP
        confidence = activity[row, track]
        return Events(onset, offset, label, track, azimuth, elevation, unknown, confidence=confidence)

    def _mean_vectors(self, output: np.ndarray, group: int) -> tuple[np.ndarray, np.ndarray]:
        """Average activity (label frame, class, track) and, weighted by it, vectors (label frame, class, track, axis).

        Under legacy, azimuth and elevation are averaged instead: (..., 2) in degrees.
        """
        output = np.asarray(output, np.float64).transpose(0, 3, 1, 2)  # (frame, class, track, axis)
        output = np.tanh(output) if self.bounded else output
        short = -len(output) % group
        output = np.concatenate([output, np.zeros((short, *output.shape[1:]))]).reshape(
            -1, group, *output.shape[1:]
        )
        length = np.linalg.norm(output, axis=-1)
        activity = np.minimum(length, 1.0)
        n_frames = np.full(len(output), group)
        n_frames[-1:] -= short
        mean_activity = activity.sum(axis=1) / n_frames[:, None, None]
        total = np.maximum(activity.sum(axis=1), 1e-12)[..., None]
        if self.legacy:
            angles = np.stack(direction(output), axis=-1)
            return mean_activity, (angles * activity[..., None]).sum(axis=1) / total
        scale = activity / np.maximum(length, 1e-12)
        return mean_activity, (output * scale[..., None]).sum(axis=1) / total
