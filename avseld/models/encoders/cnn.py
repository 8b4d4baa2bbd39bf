"""Convolutional encoder of the audio-visual CRNN (K. Shimada et al., STARSS23, arXiv 2306.09126)."""

import math

from torch import Tensor, nn

from avseld.models.blocks import BatchNorm
from avseld.models.fast_cpu import conv_norm_pool


class ConvEncoder(nn.Module):
    """Three convolutions with pooling; the frequency axis is averaged away. Parameter names as published.

    Args:
        n_features: shape of the features; any number of bins from 32 on.
        n_bins: shape of the features; any number of bins from 32 on.
        width: channels.
    """

    pooling = ((4, 4), (2, 4), (2, 2))
    frames_per_step = math.prod(frames for frames, _ in pooling)

    def __init__(self, n_features: int, n_bins: int, width: int = 64) -> None:
        super().__init__()
        self.n_outputs = width
        for number, channels in enumerate((n_features, width, width), start=1):
            setattr(self, f"conv{number}", nn.Conv2d(channels, width, 3, padding=1, bias=False))
            setattr(self, f"bn{number}", BatchNorm(width))

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // 16, width)."""
        for number, pool in enumerate(self.pooling, start=1):
            x = conv_norm_pool(x, getattr(self, f"conv{number}"), getattr(self, f"bn{number}"), pool)
        return x.mean(dim=3).transpose(1, 2)
