"""Activity of each class in each frame, without direction: the target of the SED networks of the general architecture.

T. N. T. Nguyen et al., A general network architecture for sound event localization and detection using transfer
learning and recurrent neural network, arXiv 2011.07859, and its repository @ 03b3aac (`dataset/database.py`;
docs/sources.md, General architecture).
"""

import numpy as np
from torch import Tensor
from torch.nn import functional

from avseld.base.event_batch import EventBatch
from avseld.base.rates import LABEL_HOP
from avseld.decoding.activity import ActivityDecoder
from avseld.decoding.frames import sigmoid
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events
from avseld.targets.batch_frames import active_rows, batch_spans, last_active
from avseld.targets.label_frames import active_event, frame_spans, rounding_of


def label_lead_frames(hop: float, legacy: bool) -> int:
    """Compute by how many frames labels are too early: half a label frame under legacy, as published, else 0.

    The published code centres a label frame on its start time in place of starting it there.

    Args:
        hop: seconds between frames.
        legacy: the published labels.
    """
    return round(LABEL_HOP / 2 / hop) if legacy else 0


class Activity:
    """Encode, loss and decode of one activity head.

    Args:
        n_classes: classes.
        frames_per_output: frames that share one output of the network; the loss uses the first of them.
        threshold: a class is active above this probability; one, or one of each class.
        legacy: labels half a label frame too early, as published.
    """

    task = "sed"
    label_hop = LABEL_HOP

    def __init__(
        self, n_classes: int, frames_per_output: int = 8, threshold: Thresholds = 0.3, legacy: bool = False
    ) -> None:
        self.n_classes, self.frames_per_output = n_classes, frames_per_output
        per_class(threshold, n_classes)
        self.threshold, self.legacy = threshold, legacy
        self.shapes = {"sed": (n_classes,)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window.

        Args:
            events: the whole recording; directions are ignored.
            start: start of the window, seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            sed: (frame, class) 0 or 1, float32.

        Raises:
            BadInput: events without times.
        """
        onset, offset = frame_spans(events, start, hop, rounding_of(2020))
        lead = label_lead_frames(hop, self.legacy)
        event = active_event(onset - lead, offset - lead, events.label, (n_frames, self.n_classes))
        return {"sed": (event >= 0).astype(np.float32)}

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        onset, offset = batch_spans(events, start, hop, rounding_of(2020))
        lead = label_lead_frames(hop, self.legacy)
        active = active_rows(onset - lead, offset - lead, n_frames)
        return {"sed": (last_active(active, events.label, self.n_classes) > 0).float()}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the mean binary cross-entropy.

        Args:
            output: sed (batch, frame, class) logits.
            target: the same shape.

        Returns:
            loss: a scalar.
        """
        step = self.frames_per_output
        loss = functional.binary_cross_entropy_with_logits(output["sed"][:, ::step], target["sed"][:, ::step])
        return {"loss": loss}

    def ranked(
        self, output: dict[str, np.ndarray], target: dict[str, np.ndarray]
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Select reference and probability of each class, for average precision.

        Args:
            output: as for `decode`.
            target: as from `encode`, of the same frames.

        Returns:
            sed: reference and probability, both (output of the network, class).
        """
        step = self.frames_per_output
        return {"sed": (target["sed"][::step], sigmoid(output["sed"][::step]))}

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Return the probability of each class (batch, frame, class)."""
        return output["sed"].sigmoid()

    @property
    def decoder(self) -> ActivityDecoder:
        """What decodes, without torch."""
        return ActivityDecoder(self.threshold)

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `ActivityDecoder.decode`."""
        return self.decoder.decode(output, hop)
