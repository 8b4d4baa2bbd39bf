"""Transformer encoders of audio."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.attention import attention
from avseld.models.blocks import BatchNorm


class Block(nn.Module):
    """Pre-norm transformer block: self-attention, then two linear layers, as in MRSAudio/MRSAudio_Main @ e6427da.

    Args:
        width: of a token.
        n_heads: of the attention.
    """

    def __init__(self, width: int = 128, n_heads: int = 4) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        for layer in (self.qkv, self.proj, self.fc1, self.fc2):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, token, width) -> the same shape."""
        batch, token, width = x.shape
        rows = self.qkv(self.norm1(x)).reshape(batch, token, 3, self.n_heads, width // self.n_heads)
        query, key, value = rows.permute(2, 0, 3, 1, 4)
        attended = attention(query, key, value)
        x = x + self.proj(attended.transpose(1, 2).reshape(batch, token, width))
        return x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))


class PublishedTransformer(nn.Module):
    """The published transformer encoder: tokens are frequency bins, so that the time axis is lost.

    MRSAudio/MRSAudio_Main @ e6427da, `net/net_seld.py`. The eight steps of its output are eight groups of bins, each
    described by pooled time (docs/sources.md, Networks). 396,059 parameters for 3 features. Windows of 128 frames and
    257 bins only.

    Args:
        n_features: channels of the features.
        n_bins: bins of the features, 257; checked when it runs.
    """

    n_frames, n_bins, n_outputs = 128, 257, 64
    frames_per_step = 16

    def __init__(self, n_features: int, n_bins: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_features, 1, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList([Block(self.n_frames), Block(self.n_frames)])
        self.bn = BatchNorm(self.n_frames)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, feature, frame, bin) -> (batch, 8, 64).

        Raises:
            BadInput: another window or another number of bins.
        """
        if tuple(x.shape[2:]) != (self.n_frames, self.n_bins):
            raise BadInput(
                f"the published transformer takes {self.n_frames} frames of {self.n_bins} bins, not "
                f"{x.shape[2]} of {x.shape[3]}; leave legacy out, or take windows of 1.27 s"
            )
        x = (
            torch.relu(self.bn(self.conv(x).transpose(1, 2))).squeeze(2).transpose(1, 2)
        )  # (batch, bin, frame)
        x = self.blocks[0](_pooled(x, 4, 1))
        x = self.blocks[1](_pooled(x, 4, 1))
        # Published: (batch, bins / 2, frames / 2) read as (batch, step, width).
        return _pooled(x, 2, 2)


class TimeTransformer(nn.Module):
    """A transformer encoder whose tokens are time frames: convolutions make them, attention relates them.

    A token covers 4 frames; four tokens become one step. Positions are encoded by sines, so that windows of any length
    can be run.

    Args:
        n_features: channels of the features.
        n_bins: bins of the features.
        width: of a step.
        token: width of a token.
        n_blocks: transformer blocks.
    """

    frames_per_step = 16

    def __init__(
        self, n_features: int, n_bins: int, width: int = 64, token: int = 128, n_blocks: int = 2
    ) -> None:
        super().__init__()
        self.n_outputs = width
        self.stem = nn.Sequential(
            nn.Conv2d(n_features, 16, 3, padding=1, bias=False),
            BatchNorm(16),
            nn.ReLU(),
            nn.MaxPool2d((2, 4)),
            nn.Conv2d(16, 32, 3, padding=1, bias=False),
            BatchNorm(32),
            nn.ReLU(),
            nn.MaxPool2d((2, 8)),
        )
        if n_bins < 32:
            raise BadInput(f"features: {n_bins} bins are too few for the transformer; give at least 32")
        self.embed = nn.Linear(32 * (n_bins // 4 // 8), token)
        self.blocks = nn.ModuleList(Block(token) for _ in range(n_blocks))
        self.norm = nn.LayerNorm(token)
        self.out = nn.Linear(token, width)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, feature, frame, bin) -> (batch, frame // 16, width)."""
        x = self.embed(self.stem(x).transpose(1, 2).flatten(2))  # (batch, token, width)
        x = x + positions(x.shape[1], x.shape[2]).to(x)
        for block in self.blocks:
            x = block(x)
        x = functional.avg_pool1d(self.norm(x).transpose(1, 2), 4).transpose(1, 2)
        return self.out(x)


def positions(n: int, width: int) -> Tensor:
    """Encode positions by sines and cosines: (n, width) (A. Vaswani et al., NeurIPS 2017)."""
    place = torch.arange(n)[:, None]
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    return torch.stack([torch.sin(place * rate), torch.cos(place * rate)], dim=2).flatten(1)


def _pooled(x: Tensor, rows: int, columns: int) -> Tensor:
    return functional.max_pool2d(x[:, None], (rows, columns))[:, 0]
