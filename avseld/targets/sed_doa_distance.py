"""Activity, direction and distance as separate heads, one source per class, or activity and distance alone.

The output formats of yxdong0320/Solution_on_3D_SELD @ e6582e6 (arXiv 2501.10755), the system that ranked first in Task
3 of DCASE 2024 with directions from one network and distances from another.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.base.event_batch import EventBatch
from avseld.base.rates import LABEL_HOP
from avseld.decoding.sed_doa_distance import SedDoaDistanceDecoder
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.targets.batch_frames import active_rows, batch_spans, gather_events, last_active
from avseld.targets.label_frames import active_event, frame_spans, gather_active, rounding_of
from avseld.targets.losses import first_of_steps

SHORTEST_M = 0.1
"""least distance that a relative error is divided by"""

LEGACY_ADDED_M = 1e-8
"""added to the distance that a published relative error is divided by; one label of 0 m is then all of the loss"""

DISTANCE_ERRORS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "mse": lambda given, known, divisor: (given - known).square(),
    "mspe": lambda given, known, divisor: ((given - known) / divisor).square(),
    "mape": lambda given, known, divisor: (given - known).abs() / divisor,
}
"""errors of distances in metres: squared, squared relative, absolute relative"""


class SedDoaDistance:
    """Encode, loss and decode of heads for activity, direction and distance.

    The heads are outputs of the network's last linear layer: `sed` before the sigmoid, `doa` before the hyperbolic
    tangent, `distance` before the ReLU.

    Args:
        n_classes: classes.
        directions: False leaves the direction head out: activity and distance alone.
        distance_error: mse, squared metres; mspe or mape, squared or absolute error over the distance.
        sed_weight: weight of the activity loss.
        doa_weight: weight of the direction loss.
        distance_weight: weight of the distance loss; None: 0.5, or 1 without directions.
        frames_per_output: frames that share one output of the network; the loss uses the first of them.
        threshold: a class is active above this probability; one, or one of each class.
        legacy: divide mspe and mape by the distance + 1e-8 m, as published; else by at least 0.1 m.

    Raises:
        BadInput: an unknown error.
    """

    label_hop = LABEL_HOP
    distance = True

    def __init__(
        self,
        n_classes: int,
        directions: bool = True,
        distance_error: str = "mse",
        sed_weight: float = 0.1,
        doa_weight: float = 1.0,
        distance_weight: float | None = None,
        frames_per_output: int = 1,
        threshold: Thresholds = 0.5,
        legacy: bool = False,
    ) -> None:
        if distance_error not in DISTANCE_ERRORS:
            raise BadInput(f"distance_error: '{distance_error}' is none of {', '.join(DISTANCE_ERRORS)}")
        per_class(threshold, n_classes)
        self.n_classes, self.threshold, self.frames_per_output = n_classes, threshold, frames_per_output
        self.distance_error, self.legacy = DISTANCE_ERRORS[distance_error], legacy
        self.sed_weight, self.doa_weight = sed_weight, doa_weight
        self.distance_weight = (0.5 if directions else 1.0) if distance_weight is None else distance_weight
        self.directions, self.task = directions, "seld" if directions else "sed"
        self.shapes: dict[str, tuple[int, ...]] = {"sed": (n_classes,)}
        self.shapes |= ({"doa": (3, n_classes)} if directions else {}) | {"distance": (n_classes,)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window.

        Args:
            events: the whole recording; of two events of one class at once, the later row is used.
            start: start of the window, seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            sed: (frame, class) 0 or 1, doa: (frame, axis = x y z, class) and distance: (frame, class) metres, both 0
            in silence; float32.

        Raises:
            BadInput: events without times, distances or, where they are needed, directions.
        """
        onset, offset = frame_spans(events, start, hop, rounding_of(2020))
        event = active_event(onset, offset, events.label, (n_frames, self.n_classes))
        label = {"sed": (event >= 0).astype(np.float32)}
        if self.directions:
            label["doa"] = gather_active(unit_vector(events.azimuth, events.elevation), event)
        return label | {"distance": gather_active(events.distance[:, None], event)[:, 0]}

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        onset, offset = batch_spans(events, start, hop, rounding_of(2020))
        event = last_active(active_rows(onset, offset, n_frames), events.label, self.n_classes)
        label = {"sed": (event > 0).float()}
        if self.directions:
            label["doa"] = gather_events(events.directions(), event)
        return label | {"distance": gather_events(events.distance[..., None], event)[:, :, 0]}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the cross-entropy of the activity and the errors of directions and distances of active classes.

        All are means over every class and frame, to which silence adds nothing but activity.

        Args:
            output: sed (batch, frame, class) logits, doa (batch, frame, axis, class), distance (batch, frame, class).
            target: as from `encode`, with a batch axis.

        Returns:
            loss, and its parts sed, doa and distance without weights: scalars.
        """
        output, target = (
            {name: first_of_steps(values[name], self.frames_per_output) for name in self.shapes}
            for values in (output, target)
        )
        active = target["sed"]
        parts = {"sed": functional.binary_cross_entropy_with_logits(output["sed"], active)}
        loss = self.sed_weight * parts["sed"]
        if self.directions:
            error = (output["doa"].tanh() - target["doa"]).square()
            parts["doa"] = (error * active[..., None, :]).mean()
            loss = loss + self.doa_weight * parts["doa"]
        known = target["distance"]
        divisor = known + LEGACY_ADDED_M if self.legacy else known.clamp(min=SHORTEST_M)
        error = self.distance_error(output["distance"].relu(), known, divisor)
        parts["distance"] = (error * active).mean()
        return {"loss": loss + self.distance_weight * parts["distance"], **parts}

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Return the probability of each class (batch, frame, class)."""
        return output["sed"].sigmoid()

    def direction_values(self, output: dict[str, Tensor]) -> Tensor:
        """Return direction and distance of every class (batch, frame, value); distances alone without directions."""
        values = [output["doa"].tanh().flatten(2)] if self.directions else []
        return torch.cat([*values, output["distance"].relu()], dim=2)

    @property
    def decoder(self) -> SedDoaDistanceDecoder:
        """What decodes, without torch."""
        return SedDoaDistanceDecoder(self.directions, self.threshold)

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `SedDoaDistanceDecoder.decode`."""
        return self.decoder.decode(output, hop)
