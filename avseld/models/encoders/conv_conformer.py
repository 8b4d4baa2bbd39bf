"""Residual convolution blocks, then conformer blocks along time: the audio network of AV-Conformer and CMAF.

D. Berghi, P. Wu, J. Zhao, W. Wang, P. Jackson, Fusion of audio and visual embeddings for sound event localization and
detection (arXiv 2312.09034, ICASSP 2024); sizes of dberghi/AV-SELD @ 657723d (docs/sources.md, Encoders).
"""

from collections.abc import Sequence

from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.models.attention import SelfAttention
from avseld.models.blocks import BatchNorm
from avseld.models.conformer import ConformerBlock
from avseld.models.convolution import DoubleConvBlock
from avseld.models.folding import conv_norm
from avseld.models.temporal import pooled

FEEDFORWARD = 1024
"""width within the feed-forward networks, whatever that of a step"""
KERNEL = 51
"""steps of the convolutions along time"""


class ResidualBlock(DoubleConvBlock):
    """Two convolutions and average pooling, added to every second frame and bin of the input with as many channels.

    Args:
        n_inputs: channels.
        n_outputs: channels.
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__(n_inputs, n_outputs)
        self.shortcut = nn.Conv2d(n_inputs, n_outputs, 1, bias=False)
        self.bn_shortcut = BatchNorm(n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, frame, bin) -> (batch, output channel, frame // 2, bin // 2)."""
        n_frames, n_bins = (size // 2 * 2 for size in x.shape[2:])
        # As a stride of the convolution, its gradient writes beyond its memory: PyTorch 2.11, CPU, channels last.
        every_second = x[:, :, :n_frames:2, :n_bins:2]
        return super().forward(x) + conv_norm(every_second, self.shortcut, self.bn_shortcut)


def conformer(width: int, n_blocks: int, n_heads: int = 8, dropout: float = 0.1) -> nn.Sequential:
    """Build conformer blocks whose attention has no positions.

    Args:
        width: of a step.
        n_blocks: blocks.
        n_heads: of the attention.
        dropout: everywhere.

    Raises:
        BadInput: heads that do not divide the width.
    """
    return nn.Sequential(
        *(
            ConformerBlock(
                width, feedforward=FEEDFORWARD, kernel=KERNEL, expansion=1, dropout=dropout,
                attention=nn.Sequential(SelfAttention(width, n_heads, dropout=dropout), nn.Dropout(dropout)),
            )
            for _ in range(n_blocks)
        )
    )  # fmt: skip


class ConvConformer(nn.Module):
    """Residual convolution blocks, the mean over bins, conformer blocks, and normalization.

    20,751,360 parameters for 7 features. Windows of any length from a step of 16 frames on.

    Args:
        n_features: channels of the features.
        n_bins: bins of the features, 16 at least.
        widths: channels of each block; the last is the width of a step.
        n_blocks: conformer blocks.
        n_heads: of their attention.
        dropout: of the conformer blocks.

    Raises:
        BadInput: no widths, too few bins, or heads that do not divide the last width.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        widths: Sequence[int] = (64, 128, 256, 512),
        n_blocks: int = 4,
        n_heads: int = 8,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if not widths:
            raise BadInput("widths: []; give the channels of one block at least")
        pooled(n_bins, [2] * len(widths))
        self.frames_per_step, self.n_outputs = 2 ** len(widths), widths[-1]
        inputs = [n_features, *widths[:-1]]
        self.convolutions = nn.Sequential(
            *(ResidualBlock(*each) for each in zip(inputs, widths, strict=True))
        )
        self.blocks = conformer(widths[-1], n_blocks, n_heads, dropout)
        self.norm = nn.LayerNorm(widths[-1])

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // 16, last width)."""
        encoded: Tensor = self.norm(self.blocks(self.convolutions(x).mean(dim=3).transpose(1, 2)))
        return encoded
