"""ResNet-Conformer: a residual network over time and frequency, then conformer blocks along time.

Sizes of yxdong0320/Solution_on_3D_SELD @ e6582e6, the audio network of the system that ranked first in Task 3 of DCASE
2024 (arXiv 2501.10755); the network goes back to Q. Wang et al., arXiv 2101.02919.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.blocks import BatchNorm
from avseld.models.conformer import ConformerBlock
from avseld.models.folding import conv_norm
from avseld.models.temporal import pooled

BLOCKS_PER_STAGE = 2
"""as in ResNet-18 (K. He et al., CVPR 2016), whose channels 64, 128, 256 and 512 are 24, 48, 96 and 192 here"""


def initialize(conv: nn.Conv2d) -> None:
    """Draw the kernel of a convolution by its outputs (K. He et al., 2015), as published."""
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")


class BasicBlock(nn.Module):
    """Two convolutions of 3 x 3 frames and bins whose output is added to their input.

    Args:
        n_inputs: channels.
        n_outputs: channels; where they differ, a convolution of 1 x 1 brings the input to them.
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_inputs, n_outputs, 3, padding=1, bias=False)
        self.bn1 = BatchNorm(n_outputs)
        self.conv2 = nn.Conv2d(n_outputs, n_outputs, 3, padding=1, bias=False)
        self.bn2 = BatchNorm(n_outputs)
        self.shortcut: nn.ModuleList | None = None
        if n_inputs != n_outputs:
            self.shortcut = nn.ModuleList(
                [nn.Conv2d(n_inputs, n_outputs, 1, bias=False), BatchNorm(n_outputs)]
            )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, frame, bin) -> (batch, output channel, frame, bin)."""
        kept = x if self.shortcut is None else conv_norm(x, *self.shortcut)
        x = functional.relu(conv_norm(x, self.conv1, self.bn1))
        return functional.relu(kept + conv_norm(x, self.conv2, self.bn2))


class ResNet(nn.Module):
    """Residual network that keeps the frames, or pools them, and pools the bins after each stage but the last.

    Args:
        n_features: channels of the features.
        channels: of each stage.
        bin_pooling: bins that become one after each stage but the last.
        frame_pooling: frames that become one after them.

    Raises:
        BadInput: no channels, or other than one pooling for each stage but the last.
    """

    def __init__(
        self,
        n_features: int,
        channels: Sequence[int] = (24, 48, 96, 192),
        bin_pooling: Sequence[int] = (4, 4, 2),
        frame_pooling: Sequence[int] = (1, 1, 1),
    ) -> None:
        super().__init__()
        if not channels:
            raise BadInput("channels: []; give those of one stage at least")
        for name, pooling in (("bin_pooling", bin_pooling), ("frame_pooling", frame_pooling)):
            if len(pooling) != len(channels) - 1:
                raise BadInput(
                    f"{name}: {len(pooling)} numbers; give {len(channels) - 1}, one after each stage but the last"
                )
        self.poolings = [*zip(frame_pooling, bin_pooling, strict=True), (1, 1)]
        self.conv = nn.Conv2d(n_features, channels[0], 3, padding=1, bias=False)
        self.bn = BatchNorm(channels[0])
        self.stages = nn.ModuleList(
            nn.Sequential(
                BasicBlock(before, after), *(BasicBlock(after, after) for _ in range(BLOCKS_PER_STAGE - 1))
            )
            for before, after in pairwise([channels[0], *channels])
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                initialize(layer)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, feature, frame, bin) -> (batch, last channel, frame // pooling, bin // pooling)."""
        x = functional.relu(conv_norm(x, self.conv, self.bn))
        for stage, pooling in zip(self.stages, self.poolings, strict=True):
            x = stage(x)
            x = x if pooling == (1, 1) else functional.max_pool2d(x, pooling)
        return x


class ResNetConformer(nn.Module):
    """Residual network, linear projection, conformer blocks, and maxima over the frames of a step.

    11,540,216 parameters for 7 features of 64 bins. Windows of any length from a step on: the attention spans all of
    it; frames further apart than `max_offset` count as that far apart.

    Args:
        n_features: channels of the features.
        n_bins: bins of the features, at least the product of `bin_pooling`.
        width: of a step.
        n_blocks: conformer blocks.
        frames_per_step: frames that become one step after the conformer: 5 with a hop of 20 ms, 10 with 10 ms.
        channels: of the four stages of the residual network.
        bin_pooling: bins that become one after each stage but the last.
        frame_pooling: frames that become one there, before the conformer, which then runs on fewer: with [5, 1, 1] a
            fifth of the operations of the conformer; their product divides `frames_per_step`.
        n_heads: of the attention.
        feedforward: width within the feed-forward networks; twice `width` if None.
        kernel: frames of the conformer's convolution.
        expansion: channels of that convolution over `width`.
        dropout: within the conformer; half as much after the projection.
        max_offset: frames apart from which all distances count as the same.

    Raises:
        BadInput: too few bins, poolings of another number or that do not divide a step, heads that do not divide the
            width, or an even kernel.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        width: int = 256,
        n_blocks: int = 8,
        frames_per_step: int = 5,
        channels: Sequence[int] = (24, 48, 96, 192),
        bin_pooling: Sequence[int] = (4, 4, 2),
        frame_pooling: Sequence[int] = (1, 1, 1),
        n_heads: int = 8,
        feedforward: int | None = None,
        kernel: int = 7,
        expansion: int = 2,
        dropout: float = 0.1,
        max_offset: int = 512,
    ) -> None:
        super().__init__()
        before = math.prod(frame_pooling)
        if frames_per_step < 1 or frames_per_step % before:
            raise BadInput(
                f"frame_pooling: {before} frames become one, which does not divide a step of {frames_per_step}"
            )
        self.frames_per_step, self.n_outputs = frames_per_step, width
        self.time_pooling = frames_per_step // before
        self.resnet = ResNet(n_features, channels, bin_pooling, frame_pooling)
        self.mix = nn.Conv2d(channels[-1], width, 1, bias=False)
        initialize(self.mix)
        self.project = nn.Linear(width * pooled(n_bins, bin_pooling), width)
        self.dropout = nn.Dropout(dropout / 2)
        self.blocks = nn.ModuleList(
            ConformerBlock(width, n_heads, feedforward, kernel, expansion, dropout, max_offset)
            for _ in range(n_blocks)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // frames_per_step, width)."""
        x = self.frames(x)
        return functional.max_pool1d(x.transpose(1, 2), self.time_pooling).transpose(1, 2)

    def frames(self, x: Tensor) -> Tensor:
        """Encode without the last pooling: (batch, frame // product of frame_pooling, width)."""
        x = self.mix(self.resnet(x))
        x = self.dropout(self.project(x.permute(0, 2, 1, 3).flatten(2)))  # channel by channel, as published
        for block in self.blocks:
            x = block(x)
        return x
