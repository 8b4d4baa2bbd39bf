"""Activity and direction as separate heads, one source a class: the output of SELDnet 2018, 2019 and 2020.

S. Adavanne et al., IEEE JSTSP 2018; labels, losses and their defects from the `SELDnet` spec, sections 3, 6 and 7.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.targets.decoding import mean_of_groups, rows, sigmoid
from avseld.targets.raster_sed import rounding_of, sounding, spans, taken

# Of 2018, published as "bad angles": beyond, an event keeps its activity but has no direction.
LOWEST_DEG, HIGHEST_DEG = -60, 50


@dataclass(frozen=True)
class Axes:
    """A way to write directions: as numbers that the network learns."""

    n: int
    bounded: bool
    """whether the network's output goes through a hyperbolic tangent"""
    inactive: float
    """in silence, where the loss looks at silence"""
    write: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
    """azimuth, elevation in degrees (row,) and the stretch of elevation -> (row, axis)"""
    read: Callable[[np.ndarray, float], np.ndarray]
    """(..., axis) -> vectors (..., 3)"""


def _write_angles(azimuth: np.ndarray, elevation: np.ndarray, stretch: float) -> np.ndarray:
    return np.radians(np.stack([azimuth, elevation * stretch], axis=-1))


def _read_angles(value: np.ndarray, stretch: float) -> np.ndarray:
    return unit_vector(np.degrees(value[..., 0]), np.clip(np.degrees(value[..., 1]) / stretch, -90, 90))


AXES = {
    "xyz": Axes(3, True, 0.0, lambda a, e, _: unit_vector(a, e), lambda value, _: value),
    "linear_xyz": Axes(3, False, 0.0, lambda a, e, _: unit_vector(a, e), lambda value, _: value),
    "xy": Axes(
        2,
        True,
        0.0,
        lambda a, e, _: unit_vector(a, 0)[..., :2],
        lambda value, _: np.concatenate([value, np.zeros_like(value[..., :1])], axis=-1),
    ),
    "angles": Axes(2, False, math.pi, _write_angles, _read_angles),
}


class SedDoa:
    """Encode, loss and decode of activity and direction heads.

    The heads are what the network's last layer gives: `sed` before the sigmoid, `doa` before the hyperbolic tangent.

    Args of the constructor:
        n_classes: classes.
        axes: xyz; linear_xyz, without the hyperbolic tangent; xy (azimuth only); or angles, azimuth and elevation in
            radians.
        rounding: 2018, 2019 or 2020, see `ROUNDINGS`.
        masked: look at directions only where the reference is active (2020); else everywhere, silence being 0 as a
            vector and 180 degrees as an angle (2018, 2019).
        sed_weight: of the activity loss.
        doa_weight: of the direction loss; None takes 50 for all frames, 5 for active ones (as much for an active
            frame as 50 in a recording of ten per cent activity), and the 1000 of 2020 under legacy.
        stretch: of the elevation as an angle; 3.6 in 2019, so that 50 degrees become 180.
        held: frames that share one output; the loss looks at one of them.
        threshold: a class is active above this probability.
        label_hop: seconds between the frames of what is decoded; None keeps the network's own.
        legacy: the published labels, which last a frame too long in 2018 and 2019; angles 2 pi apart taken as
            different; and in 2020 a mask laid on the wrong axes and a norm in place of the mean of squares.

    Raises:
        BadInput: unknown axes or year.
    """

    def __init__(
        self,
        n_classes: int,
        axes: str = "xyz",
        rounding: int = 2020,
        masked: bool = False,
        sed_weight: float = 1.0,
        doa_weight: float | None = None,
        stretch: float = 1.0,
        held: int = 1,
        threshold: float = 0.5,
        label_hop: float | None = LABEL_HOP,
        legacy: bool = False,
    ) -> None:
        if axes not in AXES:
            raise BadInput(f"axes: '{axes}' is none of {', '.join(AXES)}")
        self.n_classes, self.axes, self.angular = n_classes, AXES[axes], axes == "angles"
        self.rounding, self.year = rounding_of(rounding), rounding
        self.masked, self.stretch, self.held = masked, stretch, held
        self.threshold, self.label_hop, self.legacy = threshold, label_hop, legacy
        usual = 50.0 if not masked else 1000.0 if legacy else 5.0
        self.sed_weight, self.doa_weight = sed_weight, usual if doa_weight is None else doa_weight
        self.shapes = {"sed": (n_classes,), "doa": (self.axes.n, n_classes)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Target of a window.

        Args:
            events: the whole recording; of two events of one class at once, the later row is taken.
            start: seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            sed: (frame, class) 0 or 1, doa: (frame, axis, class), float32.

        Raises:
            BadInput: events without times or directions.
        """
        onset, offset = spans(events, start, hop, self.rounding, self.legacy)
        shape = (n_frames, self.n_classes)
        late = (self.rounding.late_activity, self.rounding.late_direction) if self.legacy else (0, 0)
        active = sounding(onset, offset + late[0], events.label, shape)
        where = offset + late[1]
        if self.legacy and self.year == 2018:
            beyond = (events.elevation < LOWEST_DEG) | (events.elevation > HIGHEST_DEG)
            where = np.where(beyond, onset, where)
        directed = sounding(onset, where, events.label, shape)
        values = self.axes.write(events.azimuth, events.elevation, self.stretch)
        return {"sed": (active >= 0).astype(np.float32), "doa": taken(values, directed, self.axes.inactive)}

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross-entropy of the activity and squared error of the direction.

        Args:
            output: sed (batch, frame, class) logits, doa (batch, frame, axis, class).
            target: as from `encode`, with a batch axis.

        Returns:
            loss, sed and doa (not weighted): scalars. Without active frames a masked doa is 0.
        """
        logit, place = output["sed"][:, :: self.held], self._directions(output["doa"][:, :: self.held])
        active, wanted = target["sed"][:, :: self.held], target["doa"][:, :: self.held]
        sed = functional.binary_cross_entropy_with_logits(logit, active)
        doa = self._distance(place - wanted, active)
        return {"loss": self.sed_weight * sed + self.doa_weight * doa, "sed": sed, "doa": doa}

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Events of one label frame each where a class is active.

        Args:
            output: sed (frame, class) logits, doa (frame, axis, class).
            hop: seconds between frames.

        Returns:
            One row per active class and label frame, ordered by frame and class; elevation 0 for axes xy.
        """
        label_hop = hop if self.label_hop is None else self.label_hop
        group = round(label_hop / hop)
        probability = mean_of_groups(sigmoid(output["sed"]), group)
        place = np.asarray(output["doa"], np.float64).swapaxes(1, 2)  # (frame, class, axis)
        vector = self.axes.read(np.tanh(place) if self.axes.bounded else place, self.stretch)
        vector = mean_of_groups(vector, group)
        frame, label = np.nonzero(probability > self.threshold)
        return rows(frame, label, np.zeros_like(frame), vector[frame, label], label_hop)

    def _directions(self, output: Tensor) -> Tensor:
        return torch.tanh(output) if self.axes.bounded else output

    def _distance(self, error: Tensor, active: Tensor) -> Tensor:
        """Error (batch, frame, axis, class) as one number."""
        if self.angular and not self.legacy:
            azimuth = torch.remainder(error[..., :1, :] + math.pi, 2 * math.pi) - math.pi
            error = torch.cat([azimuth, error[..., 1:, :]], dim=-2)
        if not self.masked:
            return error.square().mean()
        mask = (active >= 0.5).to(error)
        if self.legacy:
            # Published: the mask repeats every class next to itself, while the directions lie axis by axis.
            askew = mask.repeat_interleave(self.axes.n, dim=-1).unflatten(-1, (self.axes.n, self.n_classes))
            return torch.linalg.vector_norm(error * askew) / askew.sum().clamp(min=1)
        return (error * mask.unsqueeze(-2)).square().sum() / (self.axes.n * mask.sum()).clamp(min=1)
