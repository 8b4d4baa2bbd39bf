"""Activity and direction as separate heads, one source per class: the output format of SELDnet 2018, 2019 and 2020.

S. Adavanne et al., Sound event localization and detection of overlapping sources using convolutional recurrent neural
networks, IEEE JSTSP 2018. Labels, losses and their defects: sharathadavanne/seld-net @ 51efb7b, seld-dcase2019 @
e88c62b and seld-dcase2020 @ 384ad9b (`cls_feature_class.py`, `keras_model.py`; docs/sources.md, SELDnet).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.base.event_batch import EventBatch
from avseld.base.rates import LABEL_HOP
from avseld.decoding.sed_doa import READERS, SedDoaDecoder
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.targets.batch_frames import active_rows, batch_spans, gather_events, last_active
from avseld.targets.label_frames import active_event, frame_spans, gather_active, rounding_of
from avseld.targets.losses import unit_vectors, wrap_azimuth

LOWEST_DEG, HIGHEST_DEG = -60, 50
"""elevations of the published labels of 2018: outside, an event keeps its activity but has no direction"""

DOA_WEIGHTS = {
    "all frames": 50.0,  # seld-net and seld-dcase2019: silence dominates the mean, so each active frame counts little
    "active frames": 5.0,  # as much per active frame as 50 over all frames of a recording that is active for a tenth
    "legacy active frames": 1000.0,  # seld-dcase2020: its loss is a norm divided by a count, far below a mean square
    "active frames, mean of all": 10.0,  # Solution_on_3D_SELD @ e6582e6: 1, beside 0.1 of the activity
}
"""weight of the direction loss by what it is averaged over; that of the activity loss is 1"""


@dataclass(frozen=True)
class Axes:
    """A representation of directions as values that a network regresses; `avseld.decoding.sed_doa` reads it."""

    n: int
    inactive: float
    """reference value in silence, where the loss includes silence"""
    write: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
    """(azimuth, elevation in degrees (row,), elevation scale) -> (row, axis)"""


def _write_angles(azimuth: np.ndarray, elevation: np.ndarray, stretch: float) -> np.ndarray:
    """Convert degrees to radians (row, axis), the elevation times `stretch`."""
    return np.radians(np.stack([azimuth, elevation * stretch], axis=-1))


AXES = {
    "xyz": Axes(3, 0.0, lambda a, e, _: unit_vector(a, e)),
    "linear_xyz": Axes(3, 0.0, lambda a, e, _: unit_vector(a, e)),
    "xy": Axes(2, 0.0, lambda a, e, _: unit_vector(a, 0)[..., :2]),
    "angles": Axes(2, math.pi, _write_angles),
}


class SedDoa:
    """Encode, loss and decode of activity and direction heads.

    The heads are outputs of the network's last linear layer: `sed` before the sigmoid, `doa` before the hyperbolic
    tangent.

    Args:
        n_classes: classes.
        axes: xyz; linear_xyz, without the hyperbolic tangent; xy (azimuth only); or angles, azimuth and elevation in
            radians.
        rounding: 2018, 2019 or 2020, see `ROUNDINGS`.
        masked: train directions only where the reference is active (2020); else everywhere, with the reference 0 as a
            vector and 180 degrees as an angle in silence (2018, 2019).
        averaged: active or all: what the loss of masked directions is averaged over. With all, silence counts as no
            error (yxdong0320/Solution_on_3D_SELD @ e6582e6), so that crowded windows weigh more than others.
        sed_weight: weight of the activity loss.
        doa_weight: weight of the direction loss; None takes it from `DOA_WEIGHTS`.
        stretch: factor on the elevation as an angle; 3.6 in 2019, so that 50 degrees become 180.
        frames_per_output: frames that share one output of the network; the loss uses the first of them.
        threshold: a class is active above this probability; one, or one of each class.
        label_hop: seconds between decoded frames; None keeps the network's.
        legacy: the published labels, which last a frame too long in 2018 and 2019; angles 2 pi apart count as
            different; and in 2020 a mask on the wrong axes and a norm in place of the mean of squares.

    Raises:
        BadInput: unknown axes or year, another average, or one of all that is not masked.
    """

    def __init__(
        self,
        n_classes: int,
        axes: str = "xyz",
        rounding: int = 2020,
        masked: bool = False,
        averaged: str = "active",
        sed_weight: float = 1.0,
        doa_weight: float | None = None,
        stretch: float = 1.0,
        frames_per_output: int = 1,
        threshold: Thresholds = 0.5,
        label_hop: float | None = LABEL_HOP,
        legacy: bool = False,
    ) -> None:
        if axes not in AXES:
            raise BadInput(f"axes: '{axes}' is none of {', '.join(AXES)}")
        if averaged not in ("active", "all"):
            raise BadInput(f"averaged: '{averaged}' is none of active, all")
        if averaged == "all" and not masked:
            raise BadInput("averaged: all is an average of masked directions; give masked true, too")
        self.n_classes, self.axes, self.angular = n_classes, AXES[axes], axes == "angles"
        self.axes_name, self.bounded = axes, READERS[axes].bounded
        self.rounding, self.year = rounding_of(rounding), rounding
        self.masked, self.averaged = masked, averaged
        self.stretch, self.frames_per_output = stretch, frames_per_output
        per_class(threshold, n_classes)
        self.threshold, self.label_hop, self.legacy = threshold, label_hop, legacy
        if doa_weight is None:
            doa_weight = DOA_WEIGHTS[_averaged_over(masked, averaged, legacy)]
        self.sed_weight, self.doa_weight = sed_weight, doa_weight
        self.shapes = {"sed": (n_classes,), "doa": (self.axes.n, n_classes)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Encode the reference of a window.

        Args:
            events: the whole recording; of two events of one class at once, the later row is used.
            start: start of the window, seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            sed: (frame, class) 0 or 1, doa: (frame, axis, class), float32.

        Raises:
            BadInput: events without times or directions.
        """
        onset, offset = frame_spans(events, start, hop, self.rounding, self.legacy)
        shape = (n_frames, self.n_classes)
        late = (self.rounding.late_activity, self.rounding.late_direction) if self.legacy else (0, 0)
        active = active_event(onset, offset + late[0], events.label, shape)
        direction_offset = offset + late[1]
        if self.legacy and self.year == 2018:
            outside = (events.elevation < LOWEST_DEG) | (events.elevation > HIGHEST_DEG)
            direction_offset = np.where(outside, onset, direction_offset)
        directed = active_event(onset, direction_offset, events.label, shape)
        values = self.axes.write(events.azimuth, events.elevation, self.stretch)
        doa = gather_active(values, directed, self.axes.inactive)
        return {"sed": (active >= 0).astype(np.float32), "doa": doa}

    def encode_batch(self, events: EventBatch, start: Tensor, n_frames: int, hop: float) -> dict[str, Tensor]:
        """Encode a batch of windows on its device, as `encode` does each."""
        onset, offset = batch_spans(events, start, hop, self.rounding, self.legacy)
        late = (self.rounding.late_activity, self.rounding.late_direction) if self.legacy else (0, 0)
        active = active_rows(onset, offset + late[0], n_frames)
        direction_offset = offset + late[1]
        if self.legacy and self.year == 2018:
            outside = (events.elevation < LOWEST_DEG) | (events.elevation > HIGHEST_DEG)
            direction_offset = torch.where(outside, onset, direction_offset)
        directed = last_active(active_rows(onset, direction_offset, n_frames), events.label, self.n_classes)
        if self.angular:
            values = torch.stack([events.azimuth, events.elevation * self.stretch], dim=-1).deg2rad()
        else:
            if self.axes.n == 2:
                events = events.turned(events.azimuth, torch.zeros_like(events.elevation))
            values = events.directions()[..., : self.axes.n]
        return {
            "sed": (last_active(active, events.label, self.n_classes) > 0).float(),
            "doa": gather_events(values, directed, self.axes.inactive),
        }

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Compute the cross-entropy of the activity and the squared error of the direction.

        Args:
            output: sed (batch, frame, class) logits, doa (batch, frame, axis, class).
            target: as from `encode`, with a batch axis.

        Returns:
            loss, and its parts sed and doa without weights: scalars. Without active frames a masked doa is 0.
        """
        step = self.frames_per_output
        logit, prediction = output["sed"][:, ::step], self._directions(output["doa"][:, ::step])
        active, reference = target["sed"][:, ::step], target["doa"][:, ::step]
        sed = functional.binary_cross_entropy_with_logits(logit, active)
        doa = self._direction_loss(prediction - reference, active)
        return {"loss": self.sed_weight * sed + self.doa_weight * doa, "sed": sed, "doa": doa}

    def class_activity(self, output: dict[str, Tensor]) -> Tensor:
        """Return the probability of each class (batch, frame, class)."""
        return output["sed"].sigmoid()

    def direction_values(self, output: dict[str, Tensor]) -> Tensor:
        """Return the coordinates of the direction of every class (batch, frame, axis * class)."""
        values = self._directions(output["doa"])
        if not self.angular:
            return values.flatten(2)
        azimuth, elevation = values.unbind(2)
        return torch.cat(unit_vectors(torch.stack([azimuth, elevation / self.stretch], dim=2)), dim=-1)

    @property
    def decoder(self) -> SedDoaDecoder:
        """What decodes, without torch."""
        return SedDoaDecoder(self.axes_name, self.stretch, self.threshold, self.label_hop)

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode a stretch of a recording; see `SedDoaDecoder.decode`."""
        return self.decoder.decode(output, hop)

    def _directions(self, output: Tensor) -> Tensor:
        """Apply the activation of the direction head."""
        return torch.tanh(output) if self.bounded else output

    def _direction_loss(self, error: Tensor, active: Tensor) -> Tensor:
        """Reduce the error (batch, frame, axis, class) to a scalar; `active` is (batch, frame, class)."""
        if self.angular and not self.legacy:
            error = wrap_azimuth(error)
        if not self.masked:
            return error.square().mean()
        mask = (active >= 0.5).to(error)
        if self.averaged == "all":
            return (error * mask.unsqueeze(-2)).square().mean()
        if self.legacy:
            # Published: the mask repeats each class n times in a row, while the directions are ordered axis by axis.
            misaligned = mask.repeat_interleave(self.axes.n, dim=-1).unflatten(
                -1, (self.axes.n, self.n_classes)
            )
            return torch.linalg.vector_norm(error * misaligned) / misaligned.sum().clamp(min=1)
        return (error * mask.unsqueeze(-2)).square().sum() / (self.axes.n * mask.sum()).clamp(min=1)


def _averaged_over(masked: bool, averaged: str, legacy: bool) -> str:
    """Return the key of `DOA_WEIGHTS` for options of `SedDoa`."""
    if not masked:
        return "all frames"
    if averaged == "all":
        return "active frames, mean of all"
    return "legacy active frames" if legacy else "active frames"
