"""Directions as classes: 72 azimuths and 19 elevations, several at once, independent of the sound class.

T. N. T. Nguyen et al., A general network architecture for sound event localization and detection, arXiv 2011.07859; the
published code holds no direction network: docs/sources.md, General architecture, has what is settled here.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.base.event_batch import EventBatch
from avseld.base.rates import LABEL_HOP
from avseld.decoding.bins import FIRST_DEG, N_BINS, STEP_DEG, BinsDecoder, bin_of
from avseld.decoding.frames import sigmoid
from avseld.io.events import Events
from avseld.targets.activity import label_lead_frames
from avseld.targets.batch_frames import active_rows, batch_spans, divide, last_active
from avseld.targets.label_frames import active_event, frame_spans, rounding_of


class DirectionBins:
    """Encode, loss and decode of direction classes, without the sound class.

    Args:
        n_classes: sound classes; not used.
        angles: azimuth, elevation, or both.
        frames_per_output: frames that share one output of the network; the loss uses the first of them.
        threshold: a direction is active above this probability.
        legacy: labels half a label frame too early, as published.

    Raises:
        BadInput: another angle, or none.
    """

    task = "directions"
    label_hop = LABEL_HOP

    def __init__(
        self,
        n_classes: int,
        angles: Sequence[str] = ("azimuth", "elevation"),
        frames_per_output: int = 8,
        threshold: float = 0.3,
        legacy: bool = False,
    ) -> None:
        if not angles or not set(angles) <= set(N_BINS):
            raise BadInput(f"angles: {', '.join(angles) or 'none'}; choose azimuth, elevation or both")
        self.frames_per_output, self.threshold, self.legacy = frames_per_output, threshold, legacy
        self.shapes = {angle: (N_BINS[angle],) for angle in angles}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window.

        Args:
            events: the whole recording.
            start: start of the window, seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            azimuth: (frame, 72) and elevation: (frame, 19), 1 where an event is active in that direction, float32.

        Raises:
            BadInput: events without times or directions.
        """
        onset, offset = frame_spans(events, start, hop, rounding_of(2020))
        if np.isnan(events.azimuth).any() or np.isnan(events.elevation).any():
            raise BadInput("labels without direction cannot train direction classes; choose another target")
        lead = label_lead_frames(hop, self.legacy)
        target = {}
        for angle, (n_bins,) in self.shapes.items():
            index = bin_of(angle, getattr(events, angle))
            event = active_event(onset - lead, offset - lead, index, (n_frames, n_bins))
            target[angle] = (event >= 0).astype(np.float32)
        return target

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        onset, offset = batch_spans(events, start, hop, rounding_of(2020))
        lead = label_lead_frames(hop, self.legacy)
        active = active_rows(onset - lead, offset - lead, n_frames)
        target = {}
        for angle, (n_bins,) in self.shapes.items():
            index = divide(getattr(events, angle) - FIRST_DEG[angle], STEP_DEG).round().long()
            index = index % n_bins if angle == "azimuth" else index.clamp(0, n_bins - 1)
            target[angle] = (last_active(active, index, n_bins) > 0).float()
        return target

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the sum over the heads of their mean binary cross-entropy.

        Args:
            output: azimuth (batch, frame, 72) and elevation (batch, frame, 19) logits.
            target: the same shapes.

        Returns:
            loss, and that of each head by its name: scalars.
        """
        losses = {
            angle: functional.binary_cross_entropy_with_logits(
                output[angle][:, :: self.frames_per_output], target[angle][:, :: self.frames_per_output]
            )
            for angle in self.shapes
        }
        return {"loss": sum(losses.values()), **losses}  # type: ignore[dict-item]

    def ranked(
        self, output: dict[str, np.ndarray], target: dict[str, np.ndarray]
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Select reference and probability of each angle, for average precision.

        Args:
            output: as for `decode`.
            target: as from `encode`, of the same frames.

        Returns:
            angle -> reference and probability, both (output of the network, bin).
        """
        return {
            angle: (
                target[angle][:: self.frames_per_output],
                sigmoid(output[angle][:: self.frames_per_output]),
            )
            for angle in self.shapes
        }

    def direction_values(self, output: dict[str, Tensor]) -> Tensor:
        """Return the probability of each direction class, azimuths before elevations (batch, frame, bin)."""
        return torch.cat([output[angle].sigmoid() for angle in self.shapes], dim=-1)

    @property
    def decoder(self) -> BinsDecoder:
        """What decodes, without torch."""
        return BinsDecoder(tuple(self.shapes), self.threshold)

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `BinsDecoder.decode`."""
        return self.decoder.decode(output, hop)
