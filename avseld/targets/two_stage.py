"""Activity, and azimuth and elevation where the reference is active: the output format of the two-stage system.

Y. Cao et al., Polyphonic sound event detection and localization using a two-stage strategy, DCASE Workshop 2019.
Labels, losses and decoding: yinkalario/Two-Stage-Polyphonic-Sound-Event-Detection-and-Localization @ a8703d2
(`utils/data_generator.py`, `loss.py`, `main.py`; docs/sources.md, Two-stage system).
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.base.event_batch import EventBatch
from avseld.decoding.frames import sigmoid
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.decoding.two_stage import TwoStageDecoder
from avseld.io.events import Events
from avseld.targets.batch_frames import active_rows, divide, first_frames, gather_events, last_active
from avseld.targets.label_frames import (
    TOLERANCE_FRAMES,
    active_event,
    first_tick,
    gather_active,
    require_times,
)
from avseld.targets.losses import unit_vectors, wrap_azimuth

DOA_SHARE = {"sed": 0.0, "doa": 1.0, "joint": 0.2}
"""stage -> share of the direction in the loss; the rest is the activity's"""

DECAY = {"factor": 0.9, "every": 2000, "after": 30000}
"""published step decay of the learning rate: multiplied by the factor every 2,000 steps after step 30,000"""

CERTAIN_LOGIT = 20.0
"""of an event of the reference: a probability beyond every threshold"""


class TwoStageTarget:
    """Encode, loss and decode of activity, azimuth and elevation heads, one source per class.

    Args:
        n_classes: classes.
        stage: sed trains activity; doa trains directions where the reference is active; joint both, 0.8 to 0.2.
        error: absolute (mean absolute difference) or square (root mean square).
        frames_per_output: frames that share one output of the network; the loss leaves out the frames after the last
            whole group.
        threshold: a class is active above this probability; one, or one of each class.
        label_hop: seconds between decoded frames.
        grid_deg: round directions to multiples of it, as published for a corpus on such a grid; 0 does not round.
        legacy: azimuths 2 pi apart count as different, and directions are clipped instead of wrapped, as published.

    Raises:
        BadInput: an unknown stage or error.
    """

    def __init__(
        self,
        n_classes: int,
        stage: str = "doa",
        error: str = "absolute",
        frames_per_output: int = 16,
        threshold: Thresholds = 0.3,
        label_hop: float = 0.02,
        grid_deg: float = 0.0,
        legacy: bool = False,
    ) -> None:
        if stage not in DOA_SHARE:
            raise BadInput(f"stage: '{stage}' is none of {', '.join(DOA_SHARE)}")
        if error not in ("absolute", "square"):
            raise BadInput(f"error: '{error}' is none of absolute, square")
        self.n_classes, self.stage, self.squared = n_classes, stage, error == "square"
        self.frames_per_output = frames_per_output
        per_class(threshold, n_classes)
        self.threshold, self.label_hop, self.grid_deg, self.legacy = threshold, label_hop, grid_deg, legacy
        self.task = "sed" if stage == "sed" else "seld"
        self.shapes = {"sed": (n_classes,), "doa": (2, n_classes)}
        self.with_activity = self._with_activity if stage == "doa" else None

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window; onset and offset are both rounded down, the frame of the offset is silent.

        Args:
            events: the whole recording; of two events of one class at once, the later row is used.
            start: start of the window, seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            sed: (frame, class) 0 or 1, and except in stage sed also doa: (frame, axis = azimuth elevation, class) in
            radians, 0 in silence; float32.

        Raises:
            BadInput: events without times or without directions.
        """
        require_times(events)
        first = first_tick(start, hop)
        onset, offset = (
            np.floor(time / hop + TOLERANCE_FRAMES).astype(int) - first
            for time in (events.onset, events.offset)
        )
        event = active_event(onset, offset, events.label, (n_frames, self.n_classes))
        target = {"sed": (event >= 0).astype(np.float32)}
        if self.stage != "sed":
            radians = np.radians(np.stack([events.azimuth, events.elevation], axis=-1))
            target["doa"] = gather_active(radians, event)
        return target

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        first = first_frames(start, hop)
        onset, offset = (
            (divide(time, hop) + TOLERANCE_FRAMES).floor() - first for time in (events.onset, events.offset)
        )
        last = last_active(active_rows(onset, offset, n_frames), events.label, self.n_classes)
        target = {"sed": (last > 0).float()}
        if self.stage != "sed":
            radians = torch.stack([events.azimuth, events.elevation], dim=-1).deg2rad()
            target["doa"] = gather_events(radians, last)
        return target

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the cross-entropy of the activity and the error of azimuth and elevation in active frames.

        Args:
            output: sed (batch, frame, class) logits and doa (batch, frame, axis, class) radians, those that the stage
                trains.
            target: as from `encode`, with a batch axis.

        Returns:
            loss, and its parts sed and doa without weights: scalars. Without active frames doa is 0.
        """
        group, n_frames = self.frames_per_output, target["sed"].shape[1]
        n_frames = n_frames // group * group or n_frames
        share, active = DOA_SHARE[self.stage], target["sed"][:, :n_frames]
        losses: dict[str, Tensor] = {}
        if share < 1:
            logit = output["sed"][:, :n_frames]
            losses["sed"] = functional.binary_cross_entropy_with_logits(logit, active)
        if share > 0:
            difference = output["doa"][:, :n_frames] - target["doa"][:, :n_frames]
            losses["doa"] = self._direction_loss(difference, active)
        weights = {"sed": 1 - share, "doa": share}
        return {"loss": sum(weights[name] * loss for name, loss in losses.items()), **losses}  # type: ignore[dict-item]

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Return the probability of each class (batch, frame, class)."""
        return output["sed"].sigmoid()

    def direction_values(self, output: dict[str, Tensor]) -> Tensor:
        """Return x, y and z of the direction of every class, also in silence (batch, frame, 3 * class).

        Raises:
            BadInput: the stage that knows no directions.
        """
        if self.stage == "sed":
            raise BadInput("two_stage has no directions in stage sed; give a run of stage doa or joint")
        return torch.cat(unit_vectors(output["doa"]), dim=-1)

    @property
    def decoder(self) -> TwoStageDecoder:
        """What decodes, without torch."""
        return TwoStageDecoder(
            self.stage != "sed", self.threshold, self.label_hop, self.grid_deg, self.legacy
        )

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `TwoStageDecoder.decode`."""
        return self.decoder.decode(output, hop)

    def ranked(
        self, output: dict[str, np.ndarray], target: dict[str, np.ndarray]
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Select reference and probability of each class, for average precision.

        Args:
            output: as for `decode`.
            target: as from `encode`, of the same frames.

        Returns:
            sed: reference and probability, both (output of the network, class). Under legacy 1 where an event is
            detected and 0 elsewhere takes the place of the probability, as published.
        """
        step = self.frames_per_output
        probability = sigmoid(output["sed"][::step])
        if self.legacy:
            probability = (probability > per_class(self.threshold, self.n_classes)).astype(float)
        return {"sed": (target["sed"][::step], probability)}

    def _with_activity(self, output: dict[str, Tensor], labels: dict[str, np.ndarray]) -> dict[str, Tensor]:
        """Put the activity of the reference in place of the network's, as the published log of the DOA stage does.

        Args:
            output: sed (frame, class) logits and doa (frame, axis, class).
            labels: as from `encode`, of the same frames.

        Returns:
            The output with certain logits.
        """
        certain = torch.from_numpy(np.where(labels["sed"] > 0, CERTAIN_LOGIT, -CERTAIN_LOGIT))
        return {**output, "sed": certain.to(output["doa"])}

    def _direction_loss(self, difference: Tensor, active: Tensor) -> Tensor:
        """Reduce differences (batch, frame, axis, class) to a scalar, the sum over azimuth and elevation."""
        if not self.legacy:
            difference = wrap_azimuth(difference)
        count = active.sum().clamp(min=1)
        if not self.squared:
            return (difference.abs() * active.unsqueeze(2)).sum() / count
        mean = (difference.square() * active.unsqueeze(2)).sum(dim=(0, 1, 3)) / count
        return mean.clamp(min=1e-12).sqrt().sum()
