"""Directions as classes: 72 azimuths and 19 elevations, several at once, of whatever sounds.

T. N. T. Nguyen et al. (arXiv 2011.07859); `General architecture` spec, sections 1, 5 and 9.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.io.events import Events
from avseld.targets.activity import early
from avseld.targets.decoding import mean_of_groups, sigmoid
from avseld.targets.raster_sed import rounding_of, sounding, spans

STEP_DEG = 5.0
FIRST_DEG = {"azimuth": -180.0, "elevation": -45.0}
N_BINS = {"azimuth": 72, "elevation": 19}


def bin_of(angle: str, degrees: np.ndarray) -> np.ndarray:
    """Direction class of an angle: the nearest; azimuths go round, elevations end at -45 and 45 degrees.

    Args:
        angle: azimuth or elevation.
        degrees: (row,).
    """
    index = np.round((np.asarray(degrees, float) - FIRST_DEG[angle]) / STEP_DEG).astype(int)
    return index % N_BINS[angle] if angle == "azimuth" else np.clip(index, 0, N_BINS[angle] - 1)


def degrees_of(angle: str, index: np.ndarray) -> np.ndarray:
    """Middle of a direction class, degrees."""
    return FIRST_DEG[angle] + STEP_DEG * np.asarray(index)


class DirectionBins:
    """Encode, loss and decode of direction classes; which class of sound it is stays open.

    Args of the constructor:
        n_classes: classes of sound; not looked at.
        angles: azimuth, elevation, or both.
        held: frames that share one output; the loss looks at one of them.
        threshold: a direction is heard above this probability.
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
        held: int = 8,
        threshold: float = 0.3,
        legacy: bool = False,
    ) -> None:
        if not angles or not set(angles) <= set(N_BINS):
            raise BadInput(f"angles: {', '.join(angles) or 'none'}; choose azimuth, elevation or both")
        self.held, self.threshold, self.legacy = held, threshold, legacy
        self.shapes = {angle: (N_BINS[angle],) for angle in angles}

    def encode(self, events: Events, start: float, n_frames: int, hop: float) -> dict[str, np.ndarray]:
        """Target of a window.

        Args:
            events: the whole recording.
            start: seconds.
            n_frames: frames.
            hop: seconds between frames.

        Returns:
            azimuth: (frame, 72) and elevation: (frame, 19), 1 where something sounds from there, float32.

        Raises:
            BadInput: events without times or directions.
        """
        onset, offset = spans(events, start, hop, rounding_of(2020))
        if np.isnan(events.azimuth).any() or np.isnan(events.elevation).any():
            raise BadInput("labels without direction cannot train direction classes; choose another target")
        before = early(hop, self.legacy)
        target = {}
        for angle, (n_bins,) in self.shapes.items():
            index = bin_of(angle, getattr(events, angle))
            which = sounding(onset - before, offset - before, index, (n_frames, n_bins))
            target[angle] = (which >= 0).astype(np.float32)
        return target

    def loss(self, output: dict[str, Tensor], target: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean binary cross-entropy of each head, added.

        Args:
            output: azimuth (batch, frame, 72) and elevation (batch, frame, 19) logits.
            target: the same shapes.

        Returns:
            loss, and one for each head: scalars.
        """
        losses = {
            angle: functional.binary_cross_entropy_with_logits(
                output[angle][:, :: self.held], target[angle][:, :: self.held]
            )
            for angle in self.shapes
        }
        return {"loss": sum(losses.values()), **losses}  # type: ignore[dict-item]

    def ranked(
        self, output: dict[str, np.ndarray], target: dict[str, np.ndarray]
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Truth and probability (step, bin) of each angle, for average precision.

        Args:
            output: as for `decode`.
            target: of the same frames.
        """
        return {
            angle: (target[angle][:: self.held], sigmoid(output[angle][:: self.held]))
            for angle in self.shapes
        }

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Directions that are heard, to look at: the classes of sound are unknown and told as 0.

        Directions are peaks among their neighbours. Azimuths and elevations are not paired by the network: each
        azimuth is told with the surest elevation.

        Args:
            output: azimuth (frame, 72) and elevation (frame, 19) logits.
            hop: seconds between frames.

        Returns:
            One row per direction and label frame; an angle that has no head is not annotated.
        """
        group = round(LABEL_HOP / hop)
        said = {angle: mean_of_groups(sigmoid(output[angle]), group) for angle in self.shapes}
        leading = next(iter(self.shapes))
        frame, index = np.nonzero(
            _peaks(said[leading], leading == "azimuth") & (said[leading] > self.threshold)
        )
        angles = {angle: np.full(len(frame), np.nan) for angle in N_BINS}
        angles[leading] = degrees_of(leading, index)
        for angle in list(self.shapes)[1:]:
            angles[angle] = degrees_of(angle, said[angle].argmax(axis=1))[frame]
        source = np.arange(len(frame)) - np.searchsorted(frame, frame)
        nothing = np.full(len(frame), np.nan)
        onset, zero = frame * LABEL_HOP, np.zeros_like(frame)
        offset = (frame + 1) * LABEL_HOP
        return Events(onset, offset, zero, source, angles["azimuth"], angles["elevation"], nothing)


def _peaks(x: np.ndarray, circular: bool) -> np.ndarray:
    """Where (frame, bin) is no less than the bin before and more than the bin after."""
    if circular:
        return (x >= np.roll(x, 1, axis=1)) & (x > np.roll(x, -1, axis=1))
    padded = np.pad(x, ((0, 0), (1, 1)), constant_values=-1.0)
    return (x >= padded[:, :-2]) & (x > padded[:, 2:])
