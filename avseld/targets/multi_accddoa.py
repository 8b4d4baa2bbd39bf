"""Multi-ACCDDOA: Multi-ACCDOA with the distance of each track and, optionally, whether it is on screen.

D. Krause, A. Politis, A. Mesaros, Sound event detection and localization with distance estimation, EUSIPCO 2024; the
DCASE baselines of 2024 and, for stereo, 2025: partha2409/DCASE2024_seld_baseline @ 0b07887 and
partha2409/DCASE2025_seld_baseline @ 42a48b6 (`loss.py`; docs/sources.md, DCASE baselines).
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.base.event_batch import EventBatch
from avseld.base.rates import LABEL_HOP
from avseld.decoding.multi_accddoa import MultiAccddoaDecoder
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events
from avseld.io.geometry import fold, unit_vector
from avseld.targets.adpit import adpit, in_order
from avseld.targets.batch_frames import batch_slots, fold_batch
from avseld.targets.label_frames import slots


class MultiACCDDOA:
    """Encode, loss and decode of Multi-ACCDDOA.

    Args:
        n_classes: classes.
        threshold: a track is active above this vector length; one, or one of each class.
        unify_deg: active tracks of one class closer than this are merged, degrees.
        planar: x and y only, for stereo; directions behind are folded to the front.
        onscreen: add the logit of being on screen to each track.
        bounded: pass vectors through a hyperbolic tangent and distances through a ReLU (2025); 2024 leaves them linear.
        distance_scale: error of a distance, metres, that weighs as much in the loss as a vector's error of 1; 1 as
            published. Where distances of several metres are hard to tell, they take the loss over from directions.
        legacy: on-screen as published: also trained in silence, truncated to an integer when decoded, and taken from
            the first of merged tracks.
    """

    n_tracks = 3

    def __init__(
        self,
        n_classes: int,
        threshold: Thresholds = 0.5,
        unify_deg: float = 15.0,
        planar: bool = False,
        onscreen: bool = False,
        bounded: bool = False,
        distance_scale: float = 1.0,
        legacy: bool = False,
    ) -> None:
        per_class(threshold, n_classes)
        self.n_classes, self.threshold, self.unify_deg = n_classes, threshold, unify_deg
        self.planar, self.onscreen, self.bounded, self.legacy = planar, onscreen, bounded, legacy
        self.distance_scale = distance_scale
        self.label_hop, self.distance = LABEL_HOP, True
        self.n_axes = 2 if planar else 3
        self.shapes = {"accddoa": (self.n_tracks, self.n_axes + 1 + onscreen, n_classes)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window.

        Args:
            events: the whole recording.
            start: start of the window, seconds.
            n_frames: label frames.
            hop: seconds between label frames.

        Returns:
            accddoa: (frame, dummy track = 6, activity x y [z] distance [onscreen], class) float32; metres.

        Raises:
            BadInput: an event of the window without direction or distance, or without on-screen label where required.
        """
        azimuth, elevation = events.azimuth, events.elevation
        if self.planar:  # stereo is front-back ambiguous; labels of 2025 are already folded
            azimuth, elevation = fold(azimuth), np.zeros_like(elevation)
        vector = unit_vector(azimuth, elevation)
        columns = [np.ones(len(events)), *vector.T[: self.n_axes], events.distance]
        values = np.column_stack([*columns, events.onscreen] if self.onscreen else columns)
        target = slots(events, start, n_frames, hop, self.n_classes, values=values)
        if np.isnan(target).any():
            missing = "direction, distance or on-screen" if self.onscreen else "direction or distance"
            raise BadInput(f"labels without {missing} cannot train multi_accddoa; use multi_accdoa or accdoa")
        return {"accddoa": target}

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        if self.planar:
            events = events.turned(fold_batch(events.azimuth), torch.zeros_like(events.elevation))
        columns = [torch.ones_like(events.distance)[..., None], events.directions()[..., : self.n_axes]]
        columns.append(events.distance[..., None])
        if self.onscreen:
            columns.append(events.onscreen[..., None])
        values = torch.cat(columns, dim=-1)
        return {"accddoa": batch_slots(events, start, n_frames, hop, self.n_classes, values=values)}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the mean squared error of vectors and distances to the best of the allowed track orders.

        The order is chosen by vectors and distances together (`distance_scale` metres weigh as much as a unit vector);
        the cross-entropy of on-screen is added in that order.

        Args:
            output: accddoa (batch, frame, track = 3, axis, class).
            target: accddoa (batch, frame, dummy track = 6, activity and axis, class).

        Returns:
            loss, and with on-screen also accddoa and onscreen: scalars.
        """
        prediction, reference = output["accddoa"], target["accddoa"]
        n_values = self.n_axes + 1
        activity = reference[..., :1, :]
        error, order = adpit(
            self._scaled(self._activated(prediction[..., :n_values, :])),
            self._scaled(activity * reference[..., 1 : 1 + n_values, :]),
        )
        if not self.onscreen:
            return {"loss": error.mean()}
        onscreen = self._onscreen_loss(prediction[..., -1, :], reference, order)
        return {"loss": error.mean() + onscreen, "accddoa": error.mean(), "onscreen": onscreen}

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Return the length of the longest vector of each class, 1 at most (batch, frame, class)."""
        return self._vectors(output).norm(dim=3).amax(dim=2).clamp(max=1)

    def direction_values(self, output: dict[str, Tensor]) -> Tensor:
        """Return the vectors of all tracks and classes (batch, frame, track * axis * class)."""
        return self._vectors(output).flatten(2)

    def _vectors(self, output: dict[str, Tensor]) -> Tensor:
        """Return vectors (batch, frame, track, axis, class) without distance and on-screen."""
        return self._activated(output["accddoa"][..., : self.n_axes + 1, :])[..., :-1, :]

    @property
    def decoder(self) -> MultiAccddoaDecoder:
        """What decodes, without torch."""
        return MultiAccddoaDecoder(
            self.threshold, self.unify_deg, self.planar, self.onscreen, self.bounded, self.legacy
        )

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `MultiAccddoaDecoder.decode`."""
        return self.decoder.decode(output, hop)

    def _activated(self, x: Tensor) -> Tensor:
        """Apply the activations of vectors and distances (..., axis, class)."""
        if not self.bounded:
            return x
        return torch.cat([x[..., :-1, :].tanh(), x[..., -1:, :].relu()], dim=-2)

    def _scaled(self, x: Tensor) -> Tensor:
        """Divide the distances of (..., axis, class) by `distance_scale`."""
        if self.distance_scale == 1:
            return x
        return torch.cat([x[..., :-1, :], x[..., -1:, :] / self.distance_scale], dim=-2)

    def _onscreen_loss(self, logit: Tensor, reference: Tensor, order: Tensor) -> Tensor:
        """Compute the cross-entropy of on-screen (batch, frame, track, class) in the chosen order.

        It is divided by the number of all entries, as the error of the vectors is: a mean over the sounding ones alone
        would outweigh that error some eight times.
        """
        activity = reference[..., :1, :]
        both = in_order(torch.cat([activity, activity * reference[..., -1:, :]], dim=-2), order)
        active, onscreen = both.unbind(dim=3)  # each (batch, frame, track, class)
        error = functional.binary_cross_entropy_with_logits(logit, onscreen, reduction="none")
        return (error if self.legacy else error * active).mean()
