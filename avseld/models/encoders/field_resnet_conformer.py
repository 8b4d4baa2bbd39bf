"""A ResNet-Conformer over the scalars of a sound field, beside vectors that rotate with it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.models.blocks import BatchNorm
from avseld.models.encoders.resnet_conformer import ResNetConformer
from avseld.models.encoders.sound_field import FieldEncoder

N_SCALAR_FEATURES = 4
"""features of `avseld.features.sound_field.SoundField` that do not change when the scene rotates; x and y follow"""


class FieldResNetConformer(nn.Module):
    """Scalars of every step by `ResNetConformer`, horizontal vectors by `FieldEncoder`.

    The ResNet-Conformer gets the four features that rotation about the vertical axis leaves alone, so that its scalars
    stay while the vectors rotate with the scene; the field encoder's own scalars gate its vectors and are added.

    Args:
        n_features: 6, those of `avseld.features.sound_field.SoundField`.
        n_bins: bands, at least 32.
        width: scalars of a step, and width of the conformer.
        frames_per_step: feature frames of a step, a multiple of 5.
        n_blocks: conformer blocks.
        channels: of the residual network's four stages.
        frame_pooling: frames that become one before the conformer, see `ResNetConformer`.
        dropout: within the conformer.

    Raises:
        BadInput: other features, or another multiple.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        width: int = 128,
        frames_per_step: int = 10,
        n_blocks: int = 4,
        channels: Sequence[int] = (24, 48, 96, 192),
        frame_pooling: Sequence[int] = (5, 1, 1),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.field = FieldEncoder(n_features, n_bins, width, frames_per_step)
        if n_bins < 32:
            raise BadInput(f"features: {n_bins} bands are too few for the ResNet-Conformer; give at least 32")
        self.conformer = ResNetConformer(
            N_SCALAR_FEATURES, n_bins, width, n_blocks, frames_per_step, channels,
            frame_pooling=frame_pooling, dropout=dropout,
        )  # fmt: skip
        self.bn = BatchNorm(N_SCALAR_FEATURES)
        self.frames_per_step = frames_per_step
        self.n_vectors, self.n_outputs = self.field.n_vectors, self.field.n_outputs

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, 6, frame, band) as scalars and x, y of all vectors: (batch, step, n_outputs)."""
        scalars, vectors = self.scalars_and_vectors(x)
        return torch.cat([scalars, vectors.flatten(2)], dim=2)

    def scalars_and_vectors(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode with vectors apart, for networks whose answer rotates with the scene.

        Args:
            x: (batch, 6, frame, band).

        Returns:
            scalars (batch, step, width) and vectors (batch, step, n_vectors, 2).
        """
        scalars, vectors = self.field.scalars_and_vectors(x)
        return scalars + self.conformer(self.bn(x[:, :N_SCALAR_FEATURES])), vectors
