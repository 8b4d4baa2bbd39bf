"""Activity of classes frame by frame, without direction: what the SED modules of a larger system learn.

`General architecture` spec, sections 4, 5 and 9.
"""

import numpy as np
from torch import Tensor
from torch.nn import functional

from avseld.base.rates import LABEL_HOP
from avseld.io.events import Events
from avseld.targets.decoding import mean_of_groups, sigmoid
from avseld.targets.raster_sed import rounding_of, sounding, spans


def early(hop: float, legacy: bool) -> int:
    """Frames by which labels begin too early as published: half a label frame, so that it lies around its start."""
    return round(LABEL_HOP / 2 / hop) if legacy else 0


class Activity:
    """Encode, loss and decode of one activity head.

    Args of the constructor:
        n_classes: classes.
        held: frames that share one output; the loss looks at one of them.
        threshold: a class is active above this probability.
        legacy: labels half a label frame too early, as published.
    """

    task = "sed"
    label_hop = LABEL_HOP

    def __init__(self, n_classes: int, held: int = 8, threshold: float = 0.3, legacy: bool = False) -> None:
        self.n_classes, self.held, self.threshold, self.legacy = n_classes, held, threshold, legacy
        self.shapes = {"sed": (n_classes,)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Target of a window.

        Args:
            events: the whole recording; directions are not looked at.
            start: seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            sed: (frame, class) 0 or 1, float32.

        Raises:
            BadInput: events without times.
        """
        onset, offset = spans(events, start, hop, rounding_of(2020))
        before = early(hop, self.legacy)
        which = sounding(onset - before, offset - before, events.label, (n_frames, self.n_classes))
        return {"sed": (which >= 0).astype(np.float32)}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean binary cross-entropy.

        Args:
            output: sed (batch, frame, class) logits.
            target: the same shape.

        Returns:
            loss: a scalar.
        """
        given, wanted = output["sed"][:, :: self.held], target["sed"][:, :: self.held]
        return {"loss": functional.binary_cross_entropy_with_logits(given, wanted)}

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Events of one label frame each where a class is active.

        Args:
            output: sed (frame, class) logits.
            hop: seconds between frames.

        Returns:
            One row per active class and label frame, ordered by frame and class, without direction.
        """
        probability = mean_of_groups(sigmoid(output["sed"]), round(LABEL_HOP / hop))
        frame, label = np.nonzero(probability > self.threshold)
        nothing = np.full(len(frame), np.nan)
        onset = frame * LABEL_HOP
        return Events(onset, (frame + 1) * LABEL_HOP, label, np.zeros_like(frame), nothing, nothing, nothing)
