"""Activity, and the position of each class in metres: the output format of MVANet.

Hong-Hengyi/MVANet-SELD @ f5aa15a (arXiv 2411.14153): direction and distance are one vector, whose length is the
distance.
"""

import numpy as np
from torch import Tensor
from torch.nn import functional

from avseld.base.event_batch import EventBatch
from avseld.base.rates import LABEL_HOP
from avseld.decoding.sed_coordinates import SedCoordinatesDecoder
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.targets.batch_frames import active_rows, batch_spans, gather_events, last_active
from avseld.targets.label_frames import active_event, frame_spans, gather_active, rounding_of
from avseld.targets.losses import first_of_steps


class SedCoordinates:
    """Encode, loss and decode of heads for activity and position.

    The heads are outputs of the network's last linear layer: `sed` before the sigmoid, `coordinates` in metres.

    Args:
        n_classes: classes.
        sed_weight: weight of the activity loss.
        coordinates_weight: weight of the squared error of the position, square metres.
        frames_per_output: frames that share one output of the network; the loss uses the first of them.
        threshold: a class is active above this probability; one, or one of each class.
    """

    label_hop = LABEL_HOP
    distance = True

    def __init__(
        self,
        n_classes: int,
        sed_weight: float = 1.0,
        coordinates_weight: float = 2.0,
        frames_per_output: int = 1,
        threshold: Thresholds = 0.5,
    ) -> None:
        per_class(threshold, n_classes)
        self.n_classes, self.threshold, self.frames_per_output = n_classes, threshold, frames_per_output
        self.sed_weight, self.coordinates_weight = sed_weight, coordinates_weight
        self.shapes = {"sed": (n_classes,), "coordinates": (3, n_classes)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window.

        Args:
            events: the whole recording; of two events of one class at once, the later row is used.
            start: start of the window, seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            sed: (frame, class) 0 or 1, coordinates: (frame, axis = x y z, class) metres, 0 in silence; float32.

        Raises:
            BadInput: events without times, directions or distances.
        """
        onset, offset = frame_spans(events, start, hop, rounding_of(2020))
        event = active_event(onset, offset, events.label, (n_frames, self.n_classes))
        position = unit_vector(events.azimuth, events.elevation) * events.distance[:, None]
        return {"sed": (event >= 0).astype(np.float32), "coordinates": gather_active(position, event)}

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        onset, offset = batch_spans(events, start, hop, rounding_of(2020))
        event = last_active(active_rows(onset, offset, n_frames), events.label, self.n_classes)
        position = events.directions() * events.distance[..., None]
        return {"sed": (event > 0).float(), "coordinates": gather_events(position, event)}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the cross-entropy of the activity and the squared error of the positions of active classes.

        Both are means over every class and frame, to which silence adds nothing but activity.

        Args:
            output: sed (batch, frame, class) logits, coordinates (batch, frame, axis, class).
            target: as from `encode`, with a batch axis.

        Returns:
            loss, and its parts sed and coordinates without weights: scalars.
        """
        output, target = (
            {name: first_of_steps(values[name], self.frames_per_output) for name in self.shapes}
            for values in (output, target)
        )
        active = target["sed"]
        sed = functional.binary_cross_entropy_with_logits(output["sed"], active)
        error = output["coordinates"] - target["coordinates"]
        coordinates = (error.square() * active[..., None, :]).mean()
        return {
            "loss": self.sed_weight * sed + self.coordinates_weight * coordinates,
            "sed": sed,
            "coordinates": coordinates,
        }

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Return the probability of each class (batch, frame, class)."""
        return output["sed"].sigmoid()

    def direction_values(self, output: dict[str, Tensor]) -> Tensor:
        """Return the position of every class (batch, frame, axis * class), metres."""
        return output["coordinates"].flatten(2)

    @property
    def decoder(self) -> SedCoordinatesDecoder:
        """What decodes, without torch."""
        return SedCoordinatesDecoder(self.threshold)

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `SedCoordinatesDecoder.decode`."""
        return self.decoder.decode(output, hop)
