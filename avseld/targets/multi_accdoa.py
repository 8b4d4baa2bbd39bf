"""Multi-ACCDOA: three vectors (x, y, z) per class, trained with ADPIT.

K. Shimada et al., Multi-ACCDOA: localizing and detecting overlapping sounds from the same class with auxiliary
duplicating permutation invariant training, ICASSP 2022.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.event_batch import EventBatch
from avseld.base.rates import LABEL_HOP
from avseld.decoding.multi_accdoa import MultiAccdoaDecoder
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events
from avseld.targets.adpit import adpit, best_order, in_order
from avseld.targets.batch_frames import batch_slots
from avseld.targets.label_frames import slots


class MultiACCDOA:
    """Encode, loss and decode of Multi-ACCDOA without distance.

    Args:
        n_classes: classes.
        threshold: a track is active above this mean vector length; one, or one of each class.
        unify_deg: active tracks of one class closer than this are merged, degrees.
        legacy: average angles as plain numbers and truncate window starts, as published.
        bounded: pass the network's vectors through a hyperbolic tangent (PSELDNets); the audio-visual baseline leaves
            them linear.
    """

    n_tracks = 3

    def __init__(
        self,
        n_classes: int,
        threshold: Thresholds = 0.3,
        unify_deg: float = 15.0,
        legacy: bool = False,
        bounded: bool = False,
    ) -> None:
        per_class(threshold, n_classes)
        self.n_classes, self.threshold, self.unify_deg, self.legacy = n_classes, threshold, unify_deg, legacy
        self.bounded = bounded
        self.shapes = {"accdoa": (self.n_tracks, 3, n_classes)}
        self.by_frame = (
            not legacy
        )  # the truncated start of a window is not that of its frames in the recording

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window.

        Args:
            events: the whole recording.
            start: start of the window, seconds.
            n_frames: label frames.
            hop: seconds between label frames.

        Returns:
            accdoa: (frame, dummy track = 6, axis, class) float32.
        """
        return {"accdoa": slots(events, start, n_frames, hop, self.n_classes, self.legacy)}

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        return {"accdoa": batch_slots(events, start, n_frames, hop, self.n_classes, self.legacy)}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the mean squared error to the best of the allowed track orders, chosen per frame and class.

        Args:
            output: accdoa (batch, frame, track = 3, axis, class).
            target: accdoa (batch, frame, dummy track = 6, axis, class).

        Returns:
            loss: a scalar.
        """
        return {"loss": adpit(self._vectors(output), target["accdoa"])[0].mean()}

    def assigned(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """Return the reference that each track is compared with: (batch, frame, track, axis, class)."""
        prediction, reference = self._vectors(output), target["accdoa"]
        return in_order(reference, best_order(prediction, reference))

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Return the length of the longest vector of each class, 1 at most (batch, frame, class)."""
        return self._vectors(output).norm(dim=3).amax(dim=2).clamp(max=1)

    def direction_values(self, output: dict[str, Tensor]) -> Tensor:
        """Return the vectors of all tracks and classes (batch, frame, track * axis * class)."""
        return self._vectors(output).flatten(2)

    def _vectors(self, output: dict[str, Tensor]) -> Tensor:
        """Return the vectors (..., track, axis, class)."""
        return output["accdoa"].tanh() if self.bounded else output["accdoa"]

    @property
    def decoder(self) -> MultiAccdoaDecoder:
        """What decodes, without torch."""
        return MultiAccdoaDecoder(self.threshold, self.unify_deg, self.legacy, self.bounded)

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `MultiAccdoaDecoder.decode`."""
        return self.decoder.decode(output, hop)

    def reduce(self, output: dict[str, Tensor], hop: float) -> dict[str, Tensor]:
        """Average the frames of each label frame on the device of the output, to decode less on the host.

        Args:
            output: accdoa (frame, track = 3, axis, class).
            hop: seconds between frames.

        Returns:
            activity (label frame, class, track) and vector (label frame, class, track, axis), float64, which `decode`
            takes in place of accdoa; the output itself under legacy.
        """
        if self.legacy:
            return output
        group = round(LABEL_HOP / hop)
        vector = self._vectors(output).double().permute(0, 3, 1, 2)
        short = -len(vector) % group
        vector = functional.pad(vector, (0, 0, 0, 0, 0, 0, 0, short)).unflatten(0, (-1, group))
        length = torch.linalg.vector_norm(vector, dim=-1)
        activity = length.clamp(max=1.0)
        n_frames = torch.full((len(vector), 1, 1), group, dtype=torch.float64, device=vector.device)
        n_frames[-1:] -= short
        total = activity.sum(dim=1)
        mean = (vector * (activity / length.clamp(min=1e-12))[..., None]).sum(dim=1)
        return {"activity": total / n_frames, "vector": mean / total.clamp(min=1e-12)[..., None]}
