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
from avseld.io.events import Events
from avseld.targets.activity import label_lead_frames
from avseld.targets.batch_frames import active_rows, batch_spans, divide, last_active
from avseld.targets.decoding import mean_of_groups, sigmoid
from avseld.targets.label_frames import active_event, frame_spans, rounding_of

STEP_DEG = 5.0
FIRST_DEG = {"azimuth": -180.0, "elevation": -45.0}
N_BINS = {"azimuth": 72, "elevation": 19}


def bin_of(angle: str, degrees: np.ndarray) -> np.ndarray:
    """Find the nearest direction class of an angle; azimuths wrap, elevations are clipped to -45 and 45 degrees.

    Args:
        angle: azimuth or elevation.
        degrees: (row,).

    Returns:
        (row,) int.
    """
    index = np.round((np.asarray(degrees, float) - FIRST_DEG[angle]) / STEP_DEG).astype(int)
    return index % N_BINS[angle] if angle == "azimuth" else np.clip(index, 0, N_BINS[angle] - 1)


def degrees_of(angle: str, index: np.ndarray) -> np.ndarray:
    """Compute the centre of direction classes, degrees.

    Args:
        angle: azimuth or elevation.
        index: (row,) direction class.
    """
    return FIRST_DEG[angle] + STEP_DEG * np.asarray(index)


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

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode active directions, for inspection; the sound class is unknown and written as 0.

        A direction is active where its probability is a local maximum above the threshold. The network does not pair
        azimuths and elevations: every azimuth of a frame gets the most probable elevation.

        Args:
            output: azimuth (frame, 72) and elevation (frame, 19) logits.
            hop: seconds between frames.

        Returns:
            One row per direction and label frame; an angle that has no head is not annotated.
        """
        group = round(LABEL_HOP / hop)
        probability = {angle: mean_of_groups(sigmoid(output[angle]), group) for angle in self.shapes}
        leading = next(iter(self.shapes))
        frame, index = np.nonzero(
            _peaks(probability[leading], leading == "azimuth") & (probability[leading] > self.threshold)
        )
        angles = {angle: np.full(len(frame), np.nan) for angle in N_BINS}
        angles[leading] = degrees_of(leading, index)
        for angle in list(self.shapes)[1:]:
            angles[angle] = degrees_of(angle, probability[angle].argmax(axis=1))[frame]
        source = np.arange(len(frame)) - np.searchsorted(frame, frame)
        unknown = np.full(len(frame), np.nan)
        onset, zero = frame * LABEL_HOP, np.zeros_like(frame)
        offset = (frame + 1) * LABEL_HOP
        return Events(onset, offset, zero, source, angles["azimuth"], angles["elevation"], unknown)


def _peaks(x: np.ndarray, circular: bool) -> np.ndarray:
    """Find local maxima over the bins of (frame, bin): at least the bin before and more than the bin after."""
    if circular:
        return (x >= np.roll(x, 1, axis=1)) & (x > np.roll(x, -1, axis=1))
    padded = np.pad(x, ((0, 0), (1, 1)), constant_values=-1.0)
    return (x >= padded[:, :-2]) & (x > padded[:, 2:])
