"""Depthwise-separable convolutions (A. Howard et al., MobileNets, arXiv 1704.04861, section 3.1)."""

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.blocks import BatchNorm


class SeparableBlock(nn.Module):
    """3 x 3 convolution of each channel, 1 x 1 convolution across channels, each normalized and rectified; pooling.

    Args:
        n_inputs: channels.
        n_outputs: channels.
        pooling: (frames, bins) that become one.
    """

    def __init__(self, n_inputs: int, n_outputs: int, pooling: tuple[int, int]) -> None:
        super().__init__()
        self.pooling = pooling
        self.depthwise = nn.Conv2d(n_inputs, n_inputs, 3, padding=1, groups=n_inputs, bias=False)
        self.norm1 = BatchNorm(n_inputs)
        self.pointwise = nn.Conv2d(n_inputs, n_outputs, 1, bias=False)
        self.norm2 = BatchNorm(n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, frame, bin) -> (batch, output channel, frame // pooling, bin // pooling)."""
        x = functional.relu(self.norm1(self.depthwise(x)))
        x = functional.relu(self.norm2(self.pointwise(x)))
        return functional.max_pool2d(x, self.pooling)


class SeparableCNN(nn.Module):
    """A full 3 x 3 convolution of the features, then one separable block for each pooling; bins are averaged.

    Args:
        n_features: channels of the features.
        n_bins: bins of the features.
        width: channels.
        frame_pooling: frames that become one, for each block; by default 10 frames become a step.
        bin_pooling: bins that become one, for each block.

    Raises:
        BadInput: poolings of different number, or bins that do not suffice.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        width: int = 64,
        frame_pooling: Sequence[int] = (5, 2, 1),
        bin_pooling: Sequence[int] = (4, 4, 2),
    ) -> None:
        super().__init__()
        if len(frame_pooling) != len(bin_pooling):
            raise BadInput("encoder: frame_pooling and bin_pooling need one number for each block")
        if n_bins < math.prod(bin_pooling):
            raise BadInput(f"encoder: {n_bins} bins are too few; give at least {math.prod(bin_pooling)}")
        self.frames_per_step, self.n_outputs = math.prod(frame_pooling), width
        self.conv = nn.Conv2d(n_features, width, 3, padding=1, bias=False)
        self.norm = BatchNorm(width)
        poolings = zip(frame_pooling, bin_pooling, strict=True)
        self.blocks = nn.Sequential(*(SeparableBlock(width, width, pooling) for pooling in poolings))

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // frames_per_step, width)."""
        x = self.blocks(functional.relu(self.norm(self.conv(x))))
        return x.mean(dim=3).transpose(1, 2)
