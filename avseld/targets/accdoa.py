"""ACCDOA: one vector per class whose length is the activity.

K. Shimada et al., ACCDOA: activity-coupled Cartesian direction of arrival representation for sound event localization
and detection, ICASSP 2021.
"""

import numpy as np
import torch
from torch import Tensor

from avseld.base.event_batch import EventBatch
from avseld.base.rates import LABEL_HOP
from avseld.decoding.accdoa import AccdoaDecoder
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.targets.batch_frames import active_rows, batch_spans, gather_events, last_active
from avseld.targets.label_frames import active_event, frame_spans, gather_active, rounding_of


class ACCDOA:
    """Encode, loss and decode of ACCDOA, one source per class.

    As in the DCASE baselines: sharathadavanne/seld-dcase2022 @ c8adb1d and seld-dcase2023 @ 24d14c9
    (`cls_feature_class.py`, `seldnet_model.py`, `train_seldnet.py`; docs/sources.md, DCASE baselines).

    Args:
        n_classes: classes.
        threshold: a class is active above this vector length; one, or one of each class.
        bounded: pass the network's vectors through a hyperbolic tangent, as published.
        distance: add a fourth value, the distance in metres (ReLU if bounded).
    """

    def __init__(
        self, n_classes: int, threshold: Thresholds = 0.5, bounded: bool = True, distance: bool = False
    ) -> None:
        per_class(threshold, n_classes)
        self.n_classes, self.threshold = n_classes, threshold
        self.bounded, self.distance = bounded, distance
        self.label_hop = LABEL_HOP
        self.shapes = {"accdoa": (3 + distance, n_classes)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window.

        Of two events of one class at once, the later row is used.

        Args:
            events: the whole recording.
            start: start of the window, seconds.
            n_frames: label frames.
            hop: seconds between label frames.

        Returns:
            accdoa: (frame, axis = x y z [distance], class) float32, zero in silence.

        Raises:
            BadInput: events without times or directions, or without distance where it is required.
        """
        onset, offset = frame_spans(events, start, hop, rounding_of(2020))
        event = active_event(onset, offset, events.label, (n_frames, self.n_classes))
        values = unit_vector(events.azimuth, events.elevation)
        if self.distance:
            values = np.column_stack([values, events.distance])
        return {"accdoa": gather_active(values, event)}

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        onset, offset = batch_spans(events, start, hop, rounding_of(2020))
        last = last_active(active_rows(onset, offset, n_frames), events.label, self.n_classes)
        values = events.directions()
        if self.distance:
            values = torch.cat([values, events.distance[..., None]], dim=-1)
        return {"accdoa": gather_events(values, last)}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the mean squared error.

        Args:
            output: accdoa (batch, frame, axis, class).
            target: the same shape.

        Returns:
            loss: a scalar.
        """
        prediction = output["accdoa"]
        if self.bounded:
            prediction = torch.cat([prediction[..., :3, :].tanh(), prediction[..., 3:, :].relu()], dim=-2)
        return {"loss": (prediction - target["accdoa"]).square().mean()}

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Return the length of the vector of each class, 1 at most (batch, frame, class)."""
        return self._vectors(output).norm(dim=2).clamp(max=1)

    def direction_values(self, output: dict[str, Tensor]) -> Tensor:
        """Return the vector of each class (batch, frame, 3 * class)."""
        return self._vectors(output).flatten(2)

    def _vectors(self, output: dict[str, Tensor]) -> Tensor:
        """Return vectors (batch, frame, axis, class) without the distance."""
        vector = output["accdoa"][..., :3, :]
        return vector.tanh() if self.bounded else vector

    def assigned(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """Return the reference that each class is compared with: (batch, frame, axis, class)."""
        return target["accdoa"]

    @property
    def decoder(self) -> AccdoaDecoder:
        """What decodes, without torch."""
        return AccdoaDecoder(self.threshold, self.bounded, self.distance)

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `AccdoaDecoder.decode`."""
        return self.decoder.decode(output, hop)
