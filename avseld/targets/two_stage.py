"""Activity, and azimuth and elevation where the reference is active: the two stages of Y. Cao et al., DCASE 2019.

Labels, losses and decoding from the `Two-stage` spec, sections 4, 6 and 8.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.io.geometry import wrap
from avseld.targets.decoding import sigmoid
from avseld.targets.raster import first_tick
from avseld.targets.raster_sed import TOLERANCE, sounding, taken

SHARES = {"sed": 0.0, "doa": 1.0, "joint": 0.2}
"""what part of the loss is the direction's, by stage"""

DECAY = {"factor": 0.9, "every": 2000, "after": 30000}
"""published learning rate: times the factor every so many steps, from the first multiple after a step on"""

LOWEST, HIGHEST = (-180, -40), (170, 40)
"""azimuth and elevation to which the official loader of 2019 clips, degrees"""


class TwoStageTarget:
    """Encode, loss and decode of activity, azimuth and elevation heads, one source a class.

    Args of the constructor:
        n_classes: classes.
        stage: sed learns activity; doa learns directions where the reference is active; joint both, 0.8 to 0.2.
        error: absolute, the mean of absolute differences, or square, the root of the mean of squares.
        held: frames that share one output; frames after the last whole group are not looked at.
        threshold: a class is active above this probability.
        label_hop: seconds between the frames of what is decoded.
        grid_deg: directions are rounded to multiples of it, as published for a corpus on such a grid; 0 leaves them.
        legacy: azimuths 2 pi apart count as different, and directions are clipped instead of wrapped, as published.

    Raises:
        BadInput: an unknown word.
    """

    def __init__(
        self,
        n_classes: int,
        stage: str = "doa",
        error: str = "absolute",
        held: int = 16,
        threshold: float = 0.3,
        label_hop: float = 0.02,
        grid_deg: float = 0.0,
        legacy: bool = False,
    ) -> None:
        if stage not in SHARES:
            raise BadInput(f"stage: '{stage}' is none of {', '.join(SHARES)}")
        if error not in ("absolute", "square"):
            raise BadInput(f"error: '{error}' is none of absolute, square")
        self.n_classes, self.stage, self.squared, self.held = n_classes, stage, error == "square", held
        self.threshold, self.label_hop, self.grid_deg, self.legacy = threshold, label_hop, grid_deg, legacy
        self.task = "sed" if stage == "sed" else "seld"
        self.shapes = {"sed": (n_classes,), "doa": (2, n_classes)}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Target of a window; onset and offset are both rounded down, the frame of the offset is silent.

        Args:
            events: the whole recording; of two events of one class at once, the later row is taken.
            start: seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            sed: (frame, class) 0 or 1, and but for the stage sed doa: (frame, axis = azimuth elevation, class) in
            radians, 0 in silence; float32.

        Raises:
            BadInput: events without times or without directions.
        """
        if np.isnan(events.onset).any() or np.isnan(events.offset).any():
            raise BadInput("labels without times cannot train this target; use tagging for weak labels")
        first = first_tick(start, hop)
        onset, offset = (
            np.floor(time / hop + TOLERANCE).astype(int) - first for time in (events.onset, events.offset)
        )
        which = sounding(onset, offset, events.label, (n_frames, self.n_classes))
        target = {"sed": (which >= 0).astype(np.float32)}
        if self.stage != "sed":
            target["doa"] = taken(np.radians(np.stack([events.azimuth, events.elevation], axis=-1)), which)
        return target

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Cross-entropy of the activity, error of azimuth and elevation where the reference is active.

        Args:
            output: sed (batch, frame, class) logits and doa (batch, frame, axis, class) radians, whichever the
                stage learns.
            target: as from `encode`, with a batch axis.

        Returns:
            loss, and what it is made of, sed and doa: scalars. Without active frames doa is 0.
        """
        n_frames = target["sed"].shape[1] // self.held * self.held or target["sed"].shape[1]
        share, active = SHARES[self.stage], target["sed"][:, :n_frames]
        losses: dict[str, Tensor] = {}
        if share < 1:
            logit = output["sed"][:, :n_frames]
            losses["sed"] = functional.binary_cross_entropy_with_logits(logit, active)
        if share > 0:
            difference = output["doa"][:, :n_frames] - target["doa"][:, :n_frames]
            losses["doa"] = self._distance(difference, active)
        weights = {"sed": 1 - share, "doa": share}
        return {"loss": sum(weights[name] * loss for name, loss in losses.items()), **losses}  # type: ignore[dict-item]

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Events of one label frame each: directions are read where activity is heard.

        Label frames take the nearest frame of the network (`nearest`), nothing is smoothed.

        Args:
            output: sed (frame, class) logits, doa (frame, axis, class) radians.
            hop: seconds between frames.

        Returns:
            One row per active class and label frame, ordered by frame and class; without directions in stage sed.
        """
        chosen = nearest(len(output["sed"]), hop, self.label_hop)
        frame, label = np.nonzero(sigmoid(output["sed"][chosen]) > self.threshold)
        azimuth = elevation = np.full(len(frame), np.nan)
        if self.stage != "sed":
            place = np.degrees(np.asarray(output["doa"], np.float64)[chosen])[frame, :, label]
            azimuth, elevation = self._places(place).T
        nothing = np.full(len(frame), np.nan)
        return Events(
            frame * self.label_hop,
            (frame + 1) * self.label_hop,
            label,
            np.zeros_like(frame),
            azimuth,
            elevation,
            nothing,
        )

    def _distance(self, difference: Tensor, active: Tensor) -> Tensor:
        """Error (batch, frame, axis, class) as one number, azimuth and elevation added."""
        if not self.legacy:
            azimuth = torch.remainder(difference[:, :, :1] + math.pi, 2 * math.pi) - math.pi
            difference = torch.cat([azimuth, difference[:, :, 1:]], dim=2)
        count = active.sum().clamp(min=1)
        if not self.squared:
            return (difference.abs() * active.unsqueeze(2)).sum() / count
        mean = (difference.square() * active.unsqueeze(2)).sum(dim=(0, 1, 3)) / count
        return mean.clamp(min=1e-12).sqrt().sum()

    def _places(self, place: np.ndarray) -> np.ndarray:
        """Directions (row, axis) in degrees as they are told."""
        if self.grid_deg:
            place = np.round(place / self.grid_deg) * self.grid_deg
        if self.legacy:
            return np.clip(place, LOWEST, HIGHEST)
        return np.stack([wrap(place[:, 0]), np.clip(place[:, 1], -90, 90)], axis=1)


def nearest(n_frames: int, hop: float, label_hop: float) -> np.ndarray:
    """Frame that is nearest to each label frame; halves go to the even one (`Two-stage` spec, section 8).

    Args:
        n_frames: frames there are.
        hop: seconds between them.
        label_hop: seconds between label frames.

    Returns:
        (label frame,) index of a frame; as many as fit, rounded.
    """
    ratio = hop / label_hop
    frame = np.round(np.round(np.arange(round(ratio * n_frames)) / ratio, 9)).astype(int)
    return np.minimum(frame, n_frames - 1)
