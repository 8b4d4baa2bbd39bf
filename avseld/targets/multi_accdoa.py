"""Multi-ACCDOA: three (x, y, z) tracks per class, trained with ADPIT (Shimada et al., ICASSP 2022)."""

import numpy as np
from torch import Tensor

from avseld.base.rates import LABEL_HOP
from avseld.io.events import Events
from avseld.io.geometry import angle_between, direction, unit_vector
from avseld.targets.adpit import adpit, best_order, in_order
from avseld.targets.raster import slots


class MultiACCDOA:
    """Encode, loss and decode of Multi-ACCDOA without distance.

    Args of the constructor:
        n_classes: classes.
        threshold: a track is active above this mean vector length.
        unify_deg: active tracks of one class closer than this are merged, degrees.
        legacy: angles averaged as plain numbers and window starts truncated, as published.
    """

    n_tracks = 3

    def __init__(
        self, n_classes: int, threshold: float = 0.3, unify_deg: float = 15.0, legacy: bool = False
    ) -> None:
        self.n_classes, self.threshold, self.unify_deg, self.legacy = n_classes, threshold, unify_deg, legacy
        self.shapes = {"accdoa": (self.n_tracks, 3, n_classes)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Target of a window.

        Args:
            events: the whole recording.
            start: seconds.
            n_frames: label frames.
            hop: seconds between label frames.

        Returns:
            accdoa: (frame, dummy track = 6, axis, class) float32.
        """
        return {"accdoa": slots(events, start, n_frames, hop, self.n_classes, self.legacy)}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean squared error to the best of the allowed track orders, chosen per frame and class.

        Args:
            output: accdoa (batch, frame, track = 3, axis, class).
            target: accdoa (batch, frame, dummy track = 6, axis, class).

        Returns:
            loss: a scalar.
        """
        return {"loss": adpit(output["accdoa"], target["accdoa"])[0].mean()}

    def assigned(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """What each track is held against: the candidate of the least error, (batch, frame, track, axis, class)."""
        given, wanted = output["accdoa"], target["accdoa"]
        return in_order(wanted, best_order(given, wanted))

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Events in label frames of 100 ms.

        A track is active where its mean vector length (each frame's at most 1) passes the threshold; its direction
        is that of the mean vector. Active tracks of a class within the unification angle become one; so do all
        three when two pairs of them are that close. `Sony audio-visual SELD` spec, section 10.

        Args:
            output: accdoa (frame, track = 3, axis, class).
            hop: seconds between frames.

        Returns:
            One row per active source and label frame, ordered by frame, class, track.
        """
        activity, mean = self._mean_vectors(output["accdoa"], round(LABEL_HOP / hop))
        weight, vector = self._unify(activity, mean, activity > self.threshold)
        frame, label, track = np.nonzero(weight > 0)
        emitted = vector[frame, label, track]
        azimuth, elevation = emitted.T if self.legacy else direction(emitted)
        nothing = np.full(len(frame), np.nan)
        return Events(frame * LABEL_HOP, (frame + 1) * LABEL_HOP, label, track, azimuth, elevation, nothing)

    def _mean_vectors(self, output: np.ndarray, group: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean activity (frame, class, track) and activity-weighted mean (frame, class, track, axis).

        As published, the mean is one of azimuth and elevation instead: (..., 2) in degrees.
        """
        output = np.asarray(output, np.float64).transpose(0, 3, 1, 2)  # (frame, class, track, axis)
        short = -len(output) % group
        output = np.concatenate([output, np.zeros((short, *output.shape[1:]))]).reshape(
            -1, group, *output.shape[1:]
        )
        length = np.linalg.norm(output, axis=-1)
        activity = np.minimum(length, 1.0)
        heard = np.full(len(output), group)
        heard[-1:] -= short
        mean_activity = activity.sum(axis=1) / heard[:, None, None]
        total = np.maximum(activity.sum(axis=1), 1e-12)[..., None]
        if self.legacy:
            angles = np.stack(direction(output), axis=-1)
            return mean_activity, (angles * activity[..., None]).sum(axis=1) / total
        scale = activity / np.maximum(length, 1e-12)
        return mean_activity, (output * scale[..., None]).sum(axis=1) / total

    def _unify(
        self, activity: np.ndarray, mean: np.ndarray, active: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Merge close tracks: weights (frame, class, track), zero where nothing is emitted, and their means."""
        unit = unit_vector(mean[..., 0], mean[..., 1]) if self.legacy else mean
        pairs = ((0, 1), (1, 2), (0, 2))
        close = np.stack(
            [
                (angle_between(unit[..., a, :], unit[..., b, :]) < self.unify_deg)
                & active[..., a]
                & active[..., b]
                for a, b in pairs
            ]
        )
        weight = np.where(active, activity, 0.0)
        # The legacy means are angles; others are averaged as unit vectors, so that length does not count twice.
        value = (
            mean if self.legacy else mean / np.maximum(np.linalg.norm(mean, axis=-1, keepdims=True), 1e-12)
        )
        all_three = close.sum(axis=0) >= 2
        groups = [((close[i] & ~all_three), pair) for i, pair in enumerate(pairs)] + [(all_three, (0, 1, 2))]
        weight, value = weight.copy(), value.copy()
        for where, tracks in groups:
            chosen = weight[where][:, list(tracks)]
            merged = (chosen[..., None] * value[where][:, list(tracks)]).sum(axis=1) / np.maximum(
                chosen.sum(axis=1), 1e-12
            )[:, None]
            first, *others = tracks
            value[where, first] = merged
            weight[where, first] = chosen.sum(axis=1)
            for other in others:
                weight[where, other] = 0.0
        return weight, value
