"""The encoder of the sound field for live sound: its convolutions read no frame after a step."""

from collections.abc import Mapping

import torch
from torch import Tensor

from avseld.models.causal import State, with_past
from avseld.models.encoders.sound_field import KERNEL, FieldEncoder

SILENCE = (-10.0, -10.0, -10.0, 0.0, 0.0, 0.0)
"""features of digital silence in every band: levels at the floor of `avseld.features.sound_field`, no intensity"""


class CausalFieldEncoder(FieldEncoder):
    """`FieldEncoder` whose kernels cover a frame and the two before it, in place of one on each side.

    Weights of the one fit the other. Before the first frame there are zeros, as at the ends of any window.

    Args:
        n_features: 6, those of `avseld.features.sound_field.SoundField`.
        n_bins: bands.
        width: scalars of a step.
        frames_per_step: feature frames of a step, a multiple of 5.

    Raises:
        BadInput: other features, or another multiple.
    """

    time_padding = 0

    def scalars_and_vectors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a window: as `FieldEncoder.scalars_and_vectors`; frames that make no whole step are left out."""
        whole = x.shape[2] // self.frames_per_step * self.frames_per_step
        return self.advance(x[:, :, :whole], {})[:2]

    def advance(self, x: Tensor, state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, State]:
        """Encode the next frames of a stream.

        Args:
            x: (batch, 6, frame, band), a whole number of steps.
            state: what the last call returned; empty at the beginning.

        Returns:
            scalars (batch, step, width), vectors (batch, step, n_vectors, 2), and the state.
        """
        scalar, vector = self.bn(x[:, :4]), torch.cat([x[:, 4:5], x[:, 5:6]])
        after: State = {}
        for name, block in (("block1", self.block1), ("block2", self.block2), ("block3", self.block3)):
            scalar, after[f"{name}.scalar"] = with_past(scalar, state.get(f"{name}.scalar"), KERNEL - 1, 2)
            past = state.get(f"{name}.vector")
            vector, kept = with_past(vector, None if past is None else _halves(past), KERNEL - 1, 2)
            after[f"{name}.vector"] = torch.stack(kept.chunk(2), dim=1)
            scalar, vector = block(scalar, vector)
        return *self.steps(scalar, vector), after

    def silence(self, x: Tensor, n_frames: int) -> Tensor:
        """Return the features of digital silence: (batch, 6, n_frames, band) like `x`."""
        return x.new_tensor(SILENCE)[:, None, None].expand(len(x), -1, n_frames, x.shape[3])


def _halves(past: Tensor) -> Tensor:
    """Put x and y of remembered vectors (batch, 2, ...) one after the other, (2 * batch, ...)."""
    return past.transpose(0, 1).flatten(0, 1)
