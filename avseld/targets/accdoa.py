"""ACCDOA: one vector a class, its length the activity (K. Shimada et al., ICASSP 2021)."""

import numpy as np
import torch
from torch import Tensor

from avseld.base.rates import LABEL_HOP
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.targets.decoding import mean_of_groups, rows
from avseld.targets.raster_sed import rounding_of, sounding, spans, taken


class ACCDOA:
    """Encode, loss and decode of ACCDOA, one source a class.

    As in the DCASE baselines of 2021 to 2023 (`DCASE baselines` spec, sections 1.4, 1.7 and 1.8).

    Args of the constructor:
        n_classes: classes.
        threshold: a class is active above this vector length.
        bounded: pass the network's vectors through a hyperbolic tangent, as published.
        distance: a fourth number, the distance in metres (ReLU if bounded).
    """

    def __init__(
        self, n_classes: int, threshold: float = 0.5, bounded: bool = True, distance: bool = False
    ) -> None:
        self.n_classes, self.threshold = n_classes, threshold
        self.bounded, self.distance = bounded, distance
        self.label_hop = LABEL_HOP
        self.shapes = {"accdoa": (3 + distance, n_classes)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Target of a window; arguments as for `MultiACCDOA.encode`.

        Of two events of one class at once, the later row is taken.

        Returns:
            accdoa: (frame, axis = x y z [distance], class) float32, zero in silence.

        Raises:
            BadInput: events without times or directions, or without the distance that is asked for.
        """
        onset, offset = spans(events, start, hop, rounding_of(2020))
        which = sounding(onset, offset, events.label, (n_frames, self.n_classes))
        values = unit_vector(events.azimuth, events.elevation)
        if self.distance:
            values = np.column_stack([values, events.distance])
        return {"accdoa": taken(values, which)}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean squared error.

        Args:
            output: accdoa (batch, frame, axis, class).
            target: the same shape.

        Returns:
            loss: a scalar.
        """
        given = output["accdoa"]
        if self.bounded:
            given = torch.cat([given[..., :3, :].tanh(), given[..., 3:, :].relu()], dim=-2)
        return {"loss": (given - target["accdoa"]).square().mean()}

    def assigned(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """What each class is held against, whatever it answers: (batch, frame, axis, class)."""
        return target["accdoa"]

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Events in label frames of 100 ms where the mean vector is longer than the threshold.

        Args:
            output: accdoa (frame, axis, class).
            hop: seconds between frames.

        Returns:
            One row per active class and label frame, ordered by frame and class.
        """
        given = np.asarray(output["accdoa"], np.float64).swapaxes(1, 2)  # (frame, class, axis)
        vector = mean_of_groups(
            np.tanh(given[..., :3]) if self.bounded else given[..., :3], round(LABEL_HOP / hop)
        )
        distance = mean_of_groups(np.maximum(given[..., 3:], 0), round(LABEL_HOP / hop))
        frame, label = np.nonzero(np.linalg.norm(vector, axis=-1) > self.threshold)
        far = distance[frame, label, 0] if self.distance else None
        return rows(frame, label, np.zeros_like(frame), vector[frame, label], LABEL_HOP, far)
