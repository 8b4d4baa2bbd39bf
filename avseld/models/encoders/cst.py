"""CST-former: attention among channels, along frequency and along time in turn, on a map of frames and bins.

Y. Shul and J.-W. Choi, CST-Former: transformer with channel-spectro-temporal attention for sound event localization and
detection (arXiv 2312.12821, ICASSP 2024). Sizes and order of the layers: yusunnny/CST-former @ 2cb442d, of which tasks
33, 32, 31 and 21 are `ule`, `dca`, `dst`, and `dst` without `local` (docs/sources.md, Encoders).
"""

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.attention import SelfAttention
from avseld.models.blocks import BatchNorm, ConvBlock
from avseld.models.folding import conv_norm
from avseld.models.temporal import pooled

LATE_POOLING = ((1, 1), (1, 2), (5, 2))
EARLY_POOLING = ((5, 2), (1, 2), (1, 1))
"""(frames, bins) that become one after each convolution: frames late as published for `ule` and `dst`, early for `dca`,
whose convolutions run on each feature by itself, and for attention alone"""
VARIANTS = ("ule", "dca", "dst")
EXPANSION = 4
"""channels of the convolutions after attention over those of the map"""


class CSTFormer(nn.Module):
    """Convolutions, layers of channel, spectral and temporal attention, and a linear layer.

    Windows of any length from a step on. Unfolded patches that reach beyond the last frame or bin are filled with
    zeros, and what attention writes there is cut off.

    With the 13 classes of Multi-ACCDOA and 7 features of 64 bins, one linear layer as head: `ule` 391,733 parameters,
    `dca` 1,268,597, `dst` 374,517; `dst` without `local` for ACCDOA 289,319.

    Args:
        n_features: channels of the features.
        n_bins: bins of the features.
        variant: which attention relates channels. `ule` (unfolded local embedding): among the channels of the map, for
            each patch of frames and bins; `dca` (divided channel attention): among the features, which the convolutions
            encode one by one; `dst` (divided spectro-temporal attention): none.
        width: channels of the map.
        n_layers: layers of attention.
        n_heads: heads of each attention.
        pooling: (frames, bins) that become one after each of three convolutions; None for the published ones.
        patch: frames and bins of a patch of `ule`.
        local: convolutions before and after the attention of a layer.
        n_outputs: values of a step.
        dropout: after convolutions and attention, twice as much after the convolutions that follow attention.
        legacy: as published, `dca` takes values in the order (feature, bin) for (bin, feature), and reversely.

    Raises:
        BadInput: an unknown word, sizes that are none, too few bins, or heads that do not divide the width or the
            values of a patch.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        variant: str = "ule",
        width: int = 64,
        n_layers: int = 2,
        n_heads: int = 8,
        pooling: Sequence[Sequence[int]] | None = None,
        patch: Sequence[int] = (10, 4),
        local: bool = True,
        n_outputs: int = 128,
        dropout: float = 0.05,
        legacy: bool = False,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise BadInput(f"variant: '{variant}' is none of {', '.join(VARIANTS)}")
        if pooling is None:
            pooling = LATE_POOLING if variant != "dca" and local else EARLY_POOLING
        if not pooling or not all(map(_is_size, pooling)):
            raise BadInput(
                f"pooling: {list(pooling)}; give pairs of positive whole numbers, frames and bins, one for each "
                "convolution"
            )
        if not _is_size(patch):
            raise BadInput(f"patch: {patch}; give two positive whole numbers, frames and bins")
        self.by_feature = variant == "dca"
        sizes = [(frames, bins) for frames, bins in pooling]
        self.frames_per_step, self.n_outputs = math.prod(frames for frames, _ in sizes), n_outputs
        inputs = [1 if self.by_feature else n_features] + [width] * (len(sizes) - 1)
        layers: list[nn.Module] = []
        for before, size in zip(inputs, sizes, strict=True):
            layers += [ConvBlock(before, width, None if size == (1, 1) else size), nn.Dropout2d(dropout)]
        self.convolutions = nn.Sequential(*layers)
        left = pooled(n_bins, [bins for _, bins in sizes])
        n_groups = n_features if self.by_feature else 1
        self.layers = nn.ModuleList(
            CSTLayer(
                width, n_groups, left, n_heads, dropout, local,
                _channel_attention(variant, width, n_heads, (patch[0], patch[1])),
                misread=legacy and self.by_feature,
            )
            for _ in range(n_layers)
        )  # fmt: skip
        self.project = nn.Linear(n_groups * left * width, n_outputs)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            elif isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // frames_per_step, n_outputs)."""
        batch = len(x)
        if self.by_feature:
            x = x.flatten(0, 1)[:, None]
        x = self.convolutions(x)
        x = x.permute(0, 2, 3, 1).unflatten(0, (batch, -1))  # (batch, group, frame, bin, channel)
        for layer in self.layers:
            x = layer(x)
        return self.project(x.transpose(1, 2).flatten(2))


class CSTLayer(nn.Module):
    """One layer: convolution, then attention among channels, bins and frames in turn, then convolutions.

    Args:
        width: channels.
        n_groups: maps that share the layer: one for each feature of `dca`, else one.
        n_bins: of a map.
        n_heads: of the attention.
        dropout: after each attention; twice as much after the convolutions.
        local: the convolutions.
        channel: attention among channels, or None.
        misread: add what attention among channels gives in the order (bin, feature) to a map in the order (feature,
            bin), and relate the bins of that map in the wrong order, too, as published.
    """

    def __init__(
        self,
        width: int,
        n_groups: int,
        n_bins: int,
        n_heads: int,
        dropout: float,
        local: bool,
        channel: nn.Module | None,
        misread: bool = False,
    ) -> None:
        super().__init__()
        self.misread = misread
        self.perceive = nn.Conv2d(width, width, 3, padding=1, groups=width) if local else None
        size = n_groups * n_bins * width
        self.channel, self.channel_norm = channel, None if channel is None else nn.LayerNorm(size)
        self.spectral, self.spectral_norm = SelfAttention(width, n_heads), nn.LayerNorm(size)
        self.temporal, self.temporal_norm = SelfAttention(width, n_heads), nn.LayerNorm(size)
        self.dropout = nn.Dropout(dropout)
        self.feedforward = InvertedResidual(width, EXPANSION * width, 2 * dropout) if local else None

    def forward(self, x: Tensor) -> Tensor:
        """(batch, group, frame, bin, channel) -> the same shape."""
        if self.perceive is not None:
            x = x + _on_maps(self.perceive, x)
        x = self.attend(x)
        return x if self.feedforward is None else x + _on_maps(self.feedforward, x)

    def attend(self, x: Tensor) -> Tensor:
        """Attention among channels, bins and frames in turn, each added to its input and normalized."""
        if self.channel is not None and self.channel_norm is not None:
            change = self.channel(x)
            x = self._added(x, by_feature(change) if self.misread else change, self.channel_norm)
        over_bins = by_feature(self.spectral(by_bin(x))) if self.misread else self.spectral(x)
        x = self._added(x, over_bins, self.spectral_norm)
        over_time = self.temporal(x.transpose(2, 3)).transpose(2, 3)
        return self._added(x, over_time, self.temporal_norm)

    def _added(self, x: Tensor, change: Tensor, norm: nn.Module) -> Tensor:
        """Add a change to (batch, group, frame, bin, channel), and normalize over all but batch and frame."""
        x = self.dropout(x + change).transpose(1, 2)
        return norm(x.flatten(2)).view(x.shape).transpose(1, 2)


class UnfoldedAttention(nn.Module):
    """Attention among the channels of a map, whose tokens are the values of a channel in a patch.

    Args:
        n_heads: of the attention; it divides the values of a patch.
        patch: its frames and bins.

    Raises:
        BadInput: heads that do not divide the values of a patch.
    """

    def __init__(self, n_heads: int, patch: tuple[int, int]) -> None:
        super().__init__()
        self.patch = patch
        self.attention = SelfAttention(patch[0] * patch[1], n_heads)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, group, frame, bin, channel) -> the same shape."""
        n_frames, n_bins = x.shape[2:4]
        frames, bins = self.patch
        x = functional.pad(x, (0, 0, 0, -n_bins % bins, 0, -n_frames % frames))
        x = x.unflatten(3, (-1, bins)).unflatten(2, (-1, frames))
        # (batch, group, row of patches, patch, channel, frame, bin), of which the last two are a token
        x = x.permute(0, 1, 2, 4, 6, 3, 5)
        x = self.attention(x.flatten(5)).unflatten(5, self.patch).permute(0, 1, 2, 5, 3, 6, 4)
        return x.flatten(4, 5).flatten(2, 3)[:, :, :n_frames, :n_bins]


class DividedAttention(nn.Module):
    """Attention among the features for each frame and bin, whose tokens are the channels of a feature's map.

    Args:
        width: channels.
        n_heads: of the attention.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, n_heads)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, feature, frame, bin, channel) -> the same shape."""
        return self.attention(x.permute(0, 2, 3, 1, 4)).permute(0, 3, 1, 2, 4)


class InvertedResidual(nn.Module):
    """Convolutions after attention: 1 x 1 to more channels, 3 x 3 within each, added, and 1 x 1 back.

    Args:
        width: channels.
        hidden: channels in between.
        dropout: of the result.
    """

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.expand, self.expand_bn = nn.Conv2d(width, hidden, 1), BatchNorm(hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.depthwise_bn = BatchNorm(hidden)
        self.contract, self.contract_bn = nn.Conv2d(hidden, width, 1), BatchNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, frame, bin) -> the same shape."""
        x = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = self.expand_bn(functional.gelu(self.expand(x)))
        x = x + self.depthwise_bn(functional.gelu(self.depthwise(x)))
        return self.dropout(conv_norm(x, self.contract, self.contract_bn))


def _is_size(size: object) -> bool:
    """Check that a value holds two positive whole numbers."""
    return isinstance(size, Sequence) and len(size) == 2 and all(isinstance(n, int) and n >= 1 for n in size)


def by_bin(x: Tensor) -> Tensor:
    """Take the values of each frame of (batch, feature, frame, bin, channel) for those of (bin, feature)."""
    batch, feature, frame, bin, channel = x.shape
    return x.transpose(1, 2).reshape(batch, frame, bin, feature, channel).permute(0, 3, 1, 2, 4)


def by_feature(x: Tensor) -> Tensor:
    """Take the values of (bin, feature) of each frame for those of (feature, bin): the inverse of `by_bin`."""
    batch, feature, frame, bin, channel = x.shape
    return x.permute(0, 2, 3, 1, 4).reshape(batch, frame, feature, bin, channel).transpose(1, 2)


def _channel_attention(variant: str, width: int, n_heads: int, patch: tuple[int, int]) -> nn.Module | None:
    if variant == "ule":
        return UnfoldedAttention(n_heads, patch)
    return DividedAttention(width, n_heads) if variant == "dca" else None


def _on_maps(layer: nn.Module, x: Tensor) -> Tensor:
    """Run a layer of maps (map, channel, frame, bin) on (batch, group, frame, bin, channel)."""
    maps = layer(x.flatten(0, 1).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return maps.unflatten(0, x.shape[:2])
