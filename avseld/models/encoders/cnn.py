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
        self.conv1, self.bn1 = _conv(n_features, width), BatchNorm(width)
        self.conv2, self.bn2 = _conv(width, width), BatchNorm(width)
        self.conv3, self.bn3 = _conv(width, width), BatchNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // 16, width)."""
        layers = (self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)
        for (conv, norm), pool in zip(layers, self.pooling, strict=True):
            x = conv_norm_pool(x, conv, norm, pool)
        return x.mean(dim=3).transpose(1, 2)


def _conv(n_inputs: int, n_outputs: int) -> nn.Conv2d:
    return nn.Conv2d(n_inputs, n_outputs, 3, padding=1, bias=False)
