"""EINV2: two branches of convolutions that exchange channels, then transformers for each track and branch.

Y. Cao et al., An improved event-independent network for polyphonic sound event localization and detection (arXiv
2010.13092, ICASSP 2021). Sizes, names of the parameters and initialization: yinkalario/EIN-SELD @ 9f42da2.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.attention import SelfAttention
from avseld.models.blocks import BatchNorm, check_shape, hold_heads
from avseld.models.convolution import initialize
from avseld.models.cross_stitch import cross_stitch, stitch_weight
from avseld.models.folding import conv_norm

BRANCHES = ("sed", "doa")
POOLING = ((2, 2), (2, 2), (1, 2), (1, 2))
"""(frames, bins) that become one after each block"""
NORM_DEVIATION = 0.02
"""of the scales of batch normalization around 1, at the start"""


class EINV2(nn.Module):
    """Track-wise network of two branches, for the target `tracks`.

    26,218,978 parameters for two tracks, 14 classes and 7 features. Windows of any length from 4 frames on; the last
    frames that fill no step hold the last one.

    Args:
        n_features: channels of the features.
        n_bins: bins of the features, 16 at least.
        shapes: sed (track, class) and doa (track, 3), as of the target `tracks`.
        sed_features: the first features, which the activity branch takes: the log-mels of the channels. The direction
            branch takes all.
        widths: channels of the four blocks.
        n_layers: layers of each transformer.
        n_heads: heads of their attention.
        feedforward: width within their feed-forward networks.
        dropout: of the transformers.

    Raises:
        BadInput: heads of another target, fewer features, other than four blocks, or heads that do not divide the last
            width.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        sed_features: int = 4,
        widths: Sequence[int] = (64, 128, 256, 512),
        n_layers: int = 2,
        n_heads: int = 8,
        feedforward: int = 1024,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if set(shapes) != set(BRANCHES) or len(shapes["sed"]) != 2 or shapes["doa"] != (shapes["sed"][0], 3):
            raise BadInput("target: einv2 predicts one event a track; choose tracks")
        if not 1 <= sed_features <= n_features:
            raise BadInput(f"sed_features: {sed_features} of {n_features} features; give 1 to {n_features}")
        if len(widths) != len(POOLING):
            raise BadInput(f"widths: {len(widths)} numbers; give {len(POOLING)}, one for each block")
        self.n_tracks, self.sed_features = shapes["sed"][0], sed_features
        self.frames_per_step, self.bins_per_step = 4, 16
        for branch, n_inputs in zip(BRANCHES, (sed_features, n_features), strict=True):
            for number, (before, after) in enumerate(zip([n_inputs, *widths], widths, strict=False), start=1):
                setattr(self, f"{branch}_conv_block{number}", conv_block(before, after, POOLING[number - 1]))
        self.stitch = nn.ParameterList(stitch_weight(width) for width in widths[:-1])
        for track in range(1, self.n_tracks + 1):
            for branch, n_outputs in zip(BRANCHES, (shapes["sed"][1], 3), strict=True):
                transformer = Transformer(widths[-1], n_layers, n_heads, feedforward, dropout)
                setattr(self, f"{branch}_trans_track{track}", transformer)
                head = nn.Linear(widths[-1], n_outputs)
                initialize(head)
                setattr(self, f"fc_{branch}_track{track}", head)

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows.

        Args:
            x: (batch, feature, frame, bin).
            visual: ignored.

        Returns:
            sed (batch, frame, track, class) logits and doa (batch, frame, track, axis) before the hyperbolic tangent;
            constant over a step of 4 frames.

        Raises:
            BadInput: fewer than 4 frames or 16 bins.
        """
        return hold_heads(self.steps(x), self.frames_per_step, x.shape[2])

    def steps(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the heads (batch, step, track, value), one step for 4 frames."""
        check_shape(x, self.frames_per_step, self.bins_per_step)
        sed, doa = x[:, : self.sed_features], x
        for number in range(1, len(POOLING) + 1):
            sed, doa = (
                self.get_submodule(f"{branch}_conv_block{number}")(each)
                for branch, each in zip(BRANCHES, (sed, doa), strict=True)
            )
            if number <= len(self.stitch):
                sed, doa = cross_stitch(sed, doa, self.stitch[number - 1])
        heads = {}
        for branch, encoded in zip(BRANCHES, (sed, doa), strict=True):
            encoded = encoded.mean(dim=3).transpose(1, 2)  # (batch, step, channel)
            tracks = [
                self.get_submodule(f"fc_{branch}_track{track}")(
                    self.get_submodule(f"{branch}_trans_track{track}")(encoded)
                )
                for track in range(1, self.n_tracks + 1)
            ]
            heads[branch] = torch.stack(tracks, dim=2)
        return heads


class DoubleConv(nn.Module):
    """Two convolutions of 3 x 3 frames and bins, each normalized and rectified.

    Args:
        n_inputs: channels.
        n_outputs: channels.
    """

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before in (n_inputs, n_outputs):
            layers += [
                nn.Conv2d(before, n_outputs, 3, padding=1, bias=False), BatchNorm(n_outputs), nn.ReLU(),
            ]  # fmt: skip
        self.double_conv = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, frame, bin) -> (batch, output channel, frame, bin)."""
        layers = list(self.double_conv)
        for conv, norm, rectify in (layers[:3], layers[3:]):
            assert isinstance(conv, nn.Conv2d)
            x = rectify(conv_norm(x, conv, norm))
        return x


def conv_block(n_inputs: int, n_outputs: int, pooling: tuple[int, int]) -> nn.Sequential:
    """Build two convolutions and average pooling, initialized as published."""
    block = nn.Sequential(DoubleConv(n_inputs, n_outputs), nn.AvgPool2d(pooling))
    initialize(block, NORM_DEVIATION)
    return block


class Transformer(nn.Module):
    """Transformer encoder that normalizes after each addition, without positions; parameters named as PyTorch's.

    Args:
        width: of a step.
        n_layers: layers.
        n_heads: heads of the attention.
        feedforward: width within the feed-forward network.
        dropout: of attention weights, and after attention and both linear layers.
    """

    def __init__(self, width: int, n_layers: int, n_heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TransformerLayer(width, n_heads, feedforward, dropout) for _ in range(n_layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape."""
        for layer in self.layers:
            x = layer(x)
        return x


class TransformerLayer(nn.Module):
    """Self-attention and a feed-forward network of two layers, each added to its input and normalized.

    Args:
        width: of a step.
        n_heads: heads of the attention.
        feedforward: width within the feed-forward network.
        dropout: of attention weights, and after attention and both linear layers.
    """

    def __init__(self, width: int, n_heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = SelfAttention(width, n_heads, dropout=dropout)
        self.linear1, self.linear2 = nn.Linear(width, feedforward), nn.Linear(feedforward, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape."""
        x = self.norm1(x + self.dropout(self.self_attn(x)))
        inner = self.dropout(functional.relu(self.linear1(x)))
        return self.norm2(x + self.dropout(self.linear2(inner)))
