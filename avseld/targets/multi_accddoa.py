"""Multi-ACCDDOA: Multi-ACCDOA with the distance of every track, and if asked for whether it is in the picture.

D. Krause, A. Politis, A. Mesaros, Sound event detection and localization with distance estimation, EUSIPCO 2024; the
DCASE baselines of 2024 and, for stereo, 2025 (`DCASE baselines` spec, sections 2.2 and 3.3 to 3.7).
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.io.events import Events
from avseld.io.geometry import angle_between, fold, unit_vector
from avseld.targets.adpit import adpit, in_order
from avseld.targets.decoding import mean_of_groups, rows, sigmoid
from avseld.targets.raster import slots

PAIRS = ((0, 1), (1, 2), (2, 0))
"""of tracks, in the published order"""


class MultiACCDDOA:
    """Encode, loss and decode of Multi-ACCDDOA.

    Args of the constructor:
        n_classes: classes.
        threshold: a track is active above this vector length.
        unify_deg: active tracks of one class closer than this are merged, degrees.
        planar: x and y only, for stereo; directions behind are those before them.
        onscreen: one more number a track, the logit of being in the picture.
        bounded: pass vectors through a hyperbolic tangent and distances through a ReLU (2025); 2024 takes them as
            they are.
        legacy: on-screen as published: learned in silence, too, cut to a whole number when decoded, and taken from
            the first of merged tracks.
    """

    n_tracks = 3

    def __init__(
        self,
        n_classes: int,
        threshold: float = 0.5,
        unify_deg: float = 15.0,
        planar: bool = False,
        onscreen: bool = False,
        bounded: bool = False,
        legacy: bool = False,
    ) -> None:
        self.n_classes, self.threshold, self.unify_deg = n_classes, threshold, unify_deg
        self.planar, self.onscreen, self.bounded, self.legacy = planar, onscreen, bounded, legacy
        self.label_hop = LABEL_HOP
        self.n_axes = 2 if planar else 3
        self.shapes = {"accddoa": (self.n_tracks, self.n_axes + 1 + onscreen, n_classes)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Target of a window; arguments as for `MultiACCDOA.encode`.

        Returns:
            accddoa: (frame, dummy track = 6, activity x y [z] distance [onscreen], class) float32; metres.

        Raises:
            BadInput: an event of the window without distance, or without the on-screen label that is asked for.
        """
        azimuth, elevation = events.azimuth, events.elevation
        if self.planar:  # two channels cannot tell behind from before; labels of 2025 are folded already
            azimuth, elevation = fold(azimuth), np.zeros_like(elevation)
        vector = unit_vector(azimuth, elevation)
        columns = [np.ones(len(events)), *vector.T[: self.n_axes], events.distance]
        values = np.column_stack([*columns, events.onscreen] if self.onscreen else columns)
        target = slots(events, start, n_frames, hop, self.n_classes, values=values)
        if np.isnan(target).any():
            wanted = "direction, distance or on-screen" if self.onscreen else "direction or distance"
            raise BadInput(f"labels without {wanted} cannot train multi_accddoa; use multi_accdoa or accdoa")
        return {"accddoa": target}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Squared error of vectors and distances to the best of the allowed track orders.

        The order is chosen by vectors and distances together, a metre weighing as much as a unit vector; on-screen
        adds its cross-entropy in that order.

        Args:
            output: accddoa (batch, frame, track = 3, axis, class).
            target: accddoa (batch, frame, dummy track = 6, activity and axis, class).

        Returns:
            loss, and with on-screen also accddoa and onscreen: scalars.
        """
        given, wanted = output["accddoa"], target["accddoa"]
        n_values = self.n_axes + 1
        activity = wanted[..., :1, :]
        error, order = adpit(
            self._activated(given[..., :n_values, :]), activity * wanted[..., 1 : 1 + n_values, :]
        )
        if not self.onscreen:
            return {"loss": error.mean()}
        seen = self._seen_loss(given[..., -1, :], wanted, order)
        return {"loss": error.mean() + seen, "accddoa": error.mean(), "onscreen": seen}

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Events in label frames of 100 ms.

        A track is active where its mean vector is longer than the threshold. Active tracks of a class within the
        unification angle become one, the plain mean of their vectors and distances; so do all three when two pairs
        of them are that close.

        Args:
            output: accddoa (frame, track = 3, axis, class).
            hop: seconds between frames.

        Returns:
            One row per active source and label frame, ordered by frame, class, track.
        """
        given = np.asarray(output["accddoa"], np.float64).transpose(0, 3, 1, 2)  # (frame, class, track, axis)
        vector, distance, logit = np.split(given, [self.n_axes, self.n_axes + 1], axis=-1)
        vector = np.pad(np.tanh(vector) if self.bounded else vector, [(0, 0)] * 3 + [(0, 3 - self.n_axes)])
        value = np.concatenate([vector, np.maximum(distance, 0), sigmoid(logit)], axis=-1)
        value = mean_of_groups(value, round(LABEL_HOP / hop))
        value, emitted = self._unified(value)
        frame, label, track = np.nonzero(emitted)
        chosen = value[frame, label, track]
        return rows(frame, label, track, chosen[:, :3], LABEL_HOP, chosen[:, 3], self._seen(chosen))

    def _activated(self, given: Tensor) -> Tensor:
        """Vectors and distances (..., axis, class) after their activation."""
        if not self.bounded:
            return given
        return torch.cat([given[..., :-1, :].tanh(), given[..., -1:, :].relu()], dim=-2)

    def _seen_loss(self, logit: Tensor, wanted: Tensor, order: Tensor) -> Tensor:
        """Cross-entropy of on-screen (batch, frame, track, class) in the chosen order."""
        activity = wanted[..., :1, :]
        both = in_order(torch.cat([activity, activity * wanted[..., -1:, :]], dim=-2), order)
        active, seen = both.unbind(dim=3)  # each (batch, frame, track, class)
        error = functional.binary_cross_entropy_with_logits(logit, seen, reduction="none")
        return error.mean() if self.legacy else (error * active).sum() / active.sum().clamp(min=1)

    def _unified(self, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (frame, class, track, axis) after merging, and where one is emitted (frame, class, track)."""
        active = np.linalg.norm(value[..., :3], axis=-1) > self.threshold
        close = np.stack(
            [
                (angle_between(value[..., a, :3], value[..., b, :3]) < self.unify_deg)
                & active[..., a]
                & active[..., b]
                for a, b in PAIRS
            ]
        )
        all_three = close.sum(axis=0) >= 2
        result, emitted = value.copy(), active.copy()
        groups = [(close[i] & ~all_three, pair) for i, pair in enumerate(PAIRS)] + [(all_three, (0, 1, 2))]
        for where, (first, *others) in groups:
            mean = value[where][:, [first, *others]].mean(axis=1)
            if self.legacy:
                mean[:, 4:] = value[where, first, 4:]
            result[where, first] = mean
            for other in others:
                emitted[where, other] = False
        return result, emitted

    def _seen(self, chosen: np.ndarray) -> np.ndarray | None:
        """On-screen (row,) 0 or 1 of values (row, axis)."""
        if not self.onscreen:
            return None
        return np.floor(chosen[:, 4]) if self.legacy else (chosen[:, 4] > 0.5).astype(float)
