"""Convolutions that are equivariant to rotation about the vertical axis: scalars stay, horizontal vectors rotate.

Kernels that are shared by the two components of a vector, have no bias, and are gated by scalars are equivariant;
scalar channels see vectors only through their norm. The construction is that of vector neurons and of tensor field
networks of order 1 (C. Deng et al., ICCV 2021; N. Thomas et al., arXiv 1802.08219), about one axis.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.blocks import BatchNorm

KERNEL = 3
"""frames and bands of a convolution"""
TINY = 1e-6
"""added to squared lengths, so that the gradient of the square root is finite at zero"""


def length(x: Tensor, dim: int) -> Tensor:
    """Compute the length of vectors, with a finite gradient at zero."""
    return (x.square().sum(dim=dim) + TINY).sqrt()


class FieldBlock(nn.Module):
    """3 x 3 convolution of scalars and vectors, normalization, rectifier or gate, and pooling.

    Args:
        n_scalars: channels in.
        n_vectors: channels in.
        scalars: channels out.
        vectors: channels out.
        pooling: (frames, bands) that become one: the largest scalar, the mean vector.
        time_padding: frames of zeros before and after; 0 if the caller puts two frames before the others.
    """

    def __init__(
        self,
        n_scalars: int,
        n_vectors: int,
        scalars: int,
        vectors: int,
        pooling: tuple[int, int],
        time_padding: int = 1,
    ) -> None:
        super().__init__()
        self.scalars, self.pooling = scalars, pooling
        padding = (time_padding, 1)
        self.conv = nn.Conv2d(n_scalars + n_vectors, scalars + vectors, KERNEL, padding=padding, bias=False)
        self.bn = BatchNorm(scalars + vectors)
        self.turning = nn.Conv2d(n_vectors, vectors, KERNEL, padding=padding, bias=False)
        nn.init.kaiming_normal_(self.turning.weight, nonlinearity="linear")

    def forward(self, scalar: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve.

        Args:
            scalar: (batch, channel, frame, band).
            vector: (2 * batch, channel, frame, band), all x, then all y.

        Returns:
            The same with the channels out, (frame, band) over the pooling; two frames less without padding.
        """
        x, y = vector.chunk(2)
        known = self.bn(self.conv(torch.cat([scalar, (x.square() + y.square() + TINY).sqrt()], dim=1)))
        gate = torch.sigmoid(known[:, self.scalars :])
        turned = self.turning(vector) * torch.cat([gate, gate])
        held = functional.relu(known[:, : self.scalars])
        return functional.max_pool2d(held, self.pooling), functional.avg_pool2d(turned, self.pooling)


class FieldEncoder(nn.Module):
    """Scalars and horizontal vectors of every step of a sound field; vectors rotate with it, scalars do not.

    Args:
        n_features: 6, those of `avseld.features.sound_field.SoundField`.
        n_bins: bands.
        width: scalars of a step.
        frames_per_step: feature frames of a step, a multiple of 5.

    Raises:
        BadInput: other features, or another multiple.
    """

    bands_per_output = 16
    time_padding = 1
    """see `FieldBlock`"""

    def __init__(self, n_features: int, n_bins: int, width: int = 128, frames_per_step: int = 10) -> None:
        super().__init__()
        if n_features != 6 or n_bins < self.bands_per_output:
            raise BadInput(
                "features: this encoder takes the sound field, at least 16 bands; choose --features.name sound_field"
            )
        if frames_per_step < 5 or frames_per_step % 5:
            raise BadInput(f"model.options.frames_per_step: {frames_per_step} is no multiple of 5")
        self.frames_per_step = frames_per_step
        self.bn = BatchNorm(4)
        self.block1 = FieldBlock(4, 1, 32, 16, (5, 4), self.time_padding)
        self.block2 = FieldBlock(32, 16, 64, 24, (frames_per_step // 5, 4), self.time_padding)
        self.block3 = FieldBlock(64, 24, 96, 32, (1, 1), self.time_padding)
        bands = n_bins // self.bands_per_output
        self.n_vectors = 32 * bands
        self.n_outputs = width + 2 * self.n_vectors
        self.embed = nn.Linear(96 * bands, width)

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
        scalar, vector = self.bn(x[:, :4]), torch.cat([x[:, 4:5], x[:, 5:6]])
        for block in (self.block1, self.block2, self.block3):
            scalar, vector = block(scalar, vector)
        return self.steps(scalar, vector)

    def steps(self, scalar: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Join the bands of every step.

        Args:
            scalar: (batch, 96, step, band) of the last block.
            vector: (2 * batch, 32, step, band).

        Returns:
            As `scalars_and_vectors`.
        """
        scalars = functional.relu(self.embed(scalar.transpose(1, 2).flatten(2)))
        return scalars, torch.stack(vector.transpose(1, 2).flatten(2).chunk(2), dim=-1)
