"""Conformer blocks whose attention encodes distances by sinusoids, as in Transformer-XL.

A. Gulati et al., Conformer, Interspeech 2020; Z. Dai et al., Transformer-XL, ACL 2019. Sizes, names of the parameters
and the published attention: Jinbo-Hu/PSELDNets @ adb5e39, whose blocks are a widespread public implementation
(docs/sources.md, Encoders). `avseld.models.conformer` has blocks with learned offsets.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.attention import attention
from avseld.models.blocks import BatchNorm

KERNEL = 31
"""steps of the convolution"""
EXPANSION = 4
"""width within the feed-forward networks over that of a step"""
LONGEST_WAVE = 10_000.0
"""of the sinusoids, over 2 pi steps"""


class PositionConformer(nn.Module):
    """Conformer blocks, one after the other; any number of steps.

    Args:
        width: of a step.
        n_blocks: blocks.
        n_heads: of the attention.
        dropout: everywhere.
        legacy: the published attention, see `PositionAttention`.

    Raises:
        BadInput: heads that do not divide the width.
    """

    def __init__(
        self, width: int, n_blocks: int, n_heads: int = 8, dropout: float = 0.1, legacy: bool = False
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Block(width, n_heads, dropout, legacy) for _ in range(n_blocks))
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape."""
        for layer in self.layers:
            x = layer(x)
        return x


class Block(nn.Module):
    """Half a feed-forward network, self-attention, convolution, the other half; all added up, then normalized.

    Args:
        width: of a step.
        n_heads: of the attention.
        dropout: everywhere.
        legacy: see `PositionAttention`.
    """

    def __init__(self, width: int, n_heads: int, dropout: float, legacy: bool) -> None:
        super().__init__()
        self.sequential = nn.Sequential(
            Added(FeedForward(width, dropout), 0.5),
            Added(AttentionModule(width, n_heads, dropout, legacy)),
            Added(ConvolutionModule(width, dropout)),
            Added(FeedForward(width, dropout), 0.5),
            nn.LayerNorm(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape."""
        x = self.sequential(x)
        return x


class Added(nn.Module):
    """A module whose output is added to its input.

    Args:
        module: of the same shape in and out.
        scale: of its output.
    """

    def __init__(self, module: nn.Module, scale: float = 1.0) -> None:
        super().__init__()
        self.module, self.scale = module, scale

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape."""
        return x + self.scale * self.module(x)


class FeedForward(nn.Module):
    """Normalization, linear layer, SiLU and linear layer, each of the two followed by dropout.

    Args:
        width: of a step.
        dropout: share of the values that training sets to zero.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.sequential = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, EXPANSION * width), nn.SiLU(), nn.Dropout(dropout),
            nn.Linear(EXPANSION * width, width), nn.Dropout(dropout),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape."""
        x = self.sequential(x)
        return x


class ConvolutionModule(nn.Module):
    """Normalization, gated convolution of 1, convolution of each channel along time, batch norm, SiLU, another of 1.

    Args:
        width: of a step.
        dropout: share of the output values that training sets to zero.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.sequential = nn.ModuleDict(
            {
                "0": nn.LayerNorm(width),
                "2": Convolution(width, 2 * width, 1),
                "4": Convolution(width, width, KERNEL, groups=width, bias=False),
                "5": BatchNorm(width),
                "7": Convolution(width, width, 1),
            }
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape."""
        layers = self.sequential
        x = layers["0"](x).transpose(1, 2)
        x = layers["4"](functional.glu(layers["2"](x), dim=1))
        x = functional.silu(layers["5"](x[..., None])[..., 0])
        x = layers["7"](x).transpose(1, 2)
        return self.dropout(x)


class Convolution(nn.Module):
    """Convolution along time that keeps the number of steps.

    Args:
        n_inputs: channels.
        n_outputs: channels.
        kernel: steps, an odd number.
        groups: of channels that are related.
        bias: added to the output.
    """

    def __init__(
        self, n_inputs: int, n_outputs: int, kernel: int, groups: int = 1, bias: bool = True
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(n_inputs, n_outputs, kernel, padding=kernel // 2, groups=groups, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, step) -> (batch, output channel, step)."""
        x = self.conv(x)
        return x


class AttentionModule(nn.Module):
    """Normalization, self-attention and dropout.

    Args:
        width: of a step.
        n_heads: of the attention.
        dropout: share of the output values that training sets to zero.
        legacy: see `PositionAttention`.
    """

    def __init__(self, width: int, n_heads: int, dropout: float, legacy: bool) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(width)
        self.attention = PositionAttention(width, n_heads, legacy)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape."""
        return self.dropout(self.attention(self.layer_norm(x)))


class PositionAttention(nn.Module):
    """Self-attention whose scores are those of contents and those of the distance of two steps.

    The score of steps i and j is ((query_i + u) key_j + (query_i + v) code_(i - j)) / sqrt(width of a head), with the
    code of a distance a linear layer of its sinusoids.

    Args:
        width: of a step.
        n_heads: heads, each of width / n_heads.
        legacy: as published, for its weights: distances to later steps have the codes of other distances, and those of
            the following query; codes depend on the number of steps; scores are divided by the root of the width of all
            heads together.

    Raises:
        BadInput: heads that do not divide the width, or an odd width.
    """

    def __init__(self, width: int, n_heads: int, legacy: bool = False) -> None:
        super().__init__()
        if width % n_heads or width % 2:
            raise BadInput(f"n_heads: a width of {width} is no multiple of {n_heads} heads and of 2")
        self.n_heads, self.legacy = n_heads, legacy
        self.query_proj, self.key_proj, self.value_proj, self.out_proj = (
            nn.Linear(width, width) for _ in range(4)
        )
        self.pos_proj = nn.Linear(width, width, bias=False)
        self.u_bias = nn.Parameter(torch.empty(n_heads, width // n_heads))
        self.v_bias = nn.Parameter(torch.empty(n_heads, width // n_heads))
        for bias in (self.u_bias, self.v_bias):
            nn.init.xavier_uniform_(bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape."""
        query, key, value = (
            layer(x).unflatten(2, (self.n_heads, -1)).transpose(1, 2)
            for layer in (self.query_proj, self.key_proj, self.value_proj)
        )  # (batch, head, step, width of a head)
        scale = (x.shape[2] if self.legacy else query.shape[3]) ** -0.5
        by_place = (query + self.v_bias[:, None]) * scale
        bias = self._published(by_place) if self.legacy else self._by_distance(by_place)
        attended = attention(query + self.u_bias[:, None], key, value, bias, scale=scale)
        return self.out_proj(attended.transpose(1, 2).flatten(2))

    def _codes(self, place: Tensor, dtype: torch.dtype) -> Tensor:
        """Encode places or distances (place,) as (head, width of a head, place)."""
        return (
            self.pos_proj(sinusoids(place, self.pos_proj.in_features, dtype))
            .unflatten(1, (self.n_heads, -1))
            .permute(1, 2, 0)
        )

    def _by_distance(self, query: Tensor) -> Tensor:
        """Score the distances: queries (batch, head, step, width) -> (batch, head, step, step).

        Row i of the scores with all distances, the largest first, begins i places too far to the right: with one value
        more in a row than the stride by which it is read, it moves into place.
        """
        n_steps = query.shape[2]
        distance = n_steps - 1 - torch.arange(2 * n_steps, device=query.device)
        scores = (query @ self._codes(distance, query.dtype)).flatten(2)
        stride = 2 * n_steps - 1
        rows = scores[..., n_steps - 1 : n_steps - 1 + n_steps * stride].unflatten(2, (n_steps, stride))
        return rows[..., :n_steps]

    def _published(self, query: Tensor) -> Tensor:
        """Score the places, shifted as published, which is right for earlier steps alone."""
        n_steps = query.shape[2]
        place = torch.arange(n_steps, device=query.device)
        scores = functional.pad(query @ self._codes(place, query.dtype), (1, 0)).flatten(2)
        return scores[..., n_steps:].unflatten(2, (n_steps, n_steps))


def sinusoids(place: Tensor, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Compute sines and cosines of places, in turn, of wavelengths from 2 pi to 10,000 times as long.

    They are computed in single precision at least: 16 bits do not tell apart neighbouring places beyond a few hundred.

    Args:
        place: (place,), whole numbers.
        width: values, an even number.
        dtype: of the result.

    Returns:
        (place, width).
    """
    place = place.to(torch.promote_types(dtype, torch.float32))
    rate = torch.exp(
        torch.arange(0, width, 2, device=place.device, dtype=place.dtype) * (-math.log(LONGEST_WAVE) / width)
    )
    angle = place[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1).to(dtype)
