"""SELDnet: convolutions, recurrence and one small network for each head, 2018 to 2024.

`SELDnet` follows S. Adavanne et al., Sound event localization and detection of overlapping sources using
convolutional recurrent neural networks, IEEE JSTSP 2018, and the DCASE baselines of 2019 and 2020.
`SeldNet` follows the DCASE baselines of 2022 to 2024. Repositories and what they do: docs/sources.md, Networks.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.models.blocks import BatchNorm, BinNorm, ConvBlock, check_shape, hold, hold_heads
from avseld.models.temporal import ResetFirstGRU, attend, pooled, product

# Defaults of batch normalization in Keras, with which SELDnet was published.
EPS, MOMENTUM = 1e-3, 0.01


class SELDnet(nn.Module):
    """Convolutional recurrent network with a head for activity and one for direction.

    Trainable parameters, and in brackets with the moving statistics of the normalization, which the published totals
    count and `parameter_count` gives: 2018 512,564 (513,148), 2019 611,201 (613,537), 2020 513,120 (513,288).

    Args:
        n_features: shape of the features.
        n_bins: shape of the features.
        shapes: heads of the target, per frame; any.
        width: channels of the convolutions.
        bin_pooling: of each convolution.
        frame_pooling: of each convolution.
        hidden: units of each recurrent layer and of the heads.
        n_recurrent: recurrent layers.
        dropout: after each pooling and in the heads.
        norm: bin normalizes every frequency bin over all channels, as published; channel is the usual way.
        momentum: share of a step in the moving statistics, 0.01 as published; short trainings need more.

    Raises:
        BadInput: an unknown word, poolings of different number, or bins that do not suffice.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        width: int = 64,
        bin_pooling: Sequence[int] = (8, 8, 2),
        frame_pooling: Sequence[int] = (1, 1, 1),
        hidden: int = 128,
        n_recurrent: int = 2,
        dropout: float = 0.0,
        norm: str = "bin",
        momentum: float = MOMENTUM,
    ) -> None:
        super().__init__()
        if norm not in ("bin", "channel"):
            raise BadInput(f"norm: '{norm}' is none of bin, channel")
        _same_number(bin_pooling, frame_pooling)
        self.shapes, self.frames_per_step = dict(shapes), math.prod(frame_pooling)
        blocks: list[nn.Module] = []
        left = n_bins
        for place, pooling in enumerate(zip(frame_pooling, bin_pooling, strict=True)):
            normalize = BinNorm(left, EPS, momentum) if norm == "bin" else BatchNorm(width, EPS, momentum)
            block = ConvBlock(n_features if place == 0 else width, width, pooling, norm=normalize)
            blocks += [block, nn.Dropout(dropout)]
            left = pooled(left, [pooling[1]])
        self.convolutions = nn.Sequential(*blocks)
        sizes = [width * left] + [hidden] * n_recurrent
        self.recurrent = nn.Sequential(*(ResetFirstGRU(before, after) for before, after in pairwise(sizes)))
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(sizes[-1], hidden), nn.Dropout(dropout), nn.Linear(hidden, math.prod(shape))
                )
                for name, shape in shapes.items()
            }
        )
        self.apply(_initialize)

    @property
    def parameter_count(self) -> int:
        """Parameters as published: with the moving means and variances of the normalization."""
        moving = sum(2 * layer.num_features for layer in self.modules() if isinstance(layer, BatchNorm))
        return sum(weight.numel() for weight in self.parameters()) + moving

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length.

        Args:
            x: (batch, feature, frame, bin).
            visual: ignored.

        Returns:
            Each head (batch, frame, *shape) before its activation, which is the target's; constant over a step.

        Raises:
            BadInput: the window is shorter than a step.
        """
        return hold_heads(self.steps(x), self.frames_per_step, x.shape[2])

    def steps(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the heads (batch, step, *shape), one step for `frames_per_step` frames."""
        check_shape(x, self.frames_per_step)
        encoded = self.convolutions(x).transpose(1, 2).flatten(2)  # (batch, step, channel and bin)
        encoded = self.recurrent(encoded)
        return {name: head(encoded).unflatten(2, self.shapes[name]) for name, head in self.heads.items()}


class SeldNet(nn.Module):
    """Convolutional recurrent network with self-attention and one head, with the published parameter names.

    742,172 parameters for FOA with distance (DCASE2024); 737,141 without (2023); 604,533 without attention (2022).

    Args:
        n_features: shape of the features.
        n_bins: shape of the features.
        shapes: heads of the target; one head, per frame.
        width: channels of the convolutions.
        bin_pooling: of each convolution.
        frame_pooling: of each convolution.
        hidden: units of the GRU in each direction, and of all that follows.
        n_recurrent: GRU layers.
        n_attention: self-attention layers.
        n_heads: of each.
        dropout: everywhere.

    Raises:
        BadInput: poolings of different number, bins that do not suffice, or a target with several heads.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        width: int = 64,
        bin_pooling: Sequence[int] = (4, 4, 2),
        frame_pooling: Sequence[int] = (5, 1, 1),
        hidden: int = 128,
        n_recurrent: int = 2,
        n_attention: int = 2,
        n_heads: int = 8,
        dropout: float = 0.05,
    ) -> None:
        super().__init__()
        _same_number(bin_pooling, frame_pooling)
        if len(shapes) > 1:
            raise BadInput(
                f"target: this network has one head, not {', '.join(shapes)}; choose multi_accdoa, or a model that "
                "takes any heads: encoder_heads, avcrnn"
            )
        ((self.head, self.shape),) = shapes.items()
        self.frames_per_step = math.prod(frame_pooling)
        self.conv_block_list = nn.ModuleList()
        for place, pooling in enumerate(zip(frame_pooling, bin_pooling, strict=True)):
            block = ConvBlock(n_features if place == 0 else width, width)
            self.conv_block_list += [block, nn.MaxPool2d(pooling), nn.Dropout2d(dropout)]
        self.gru = nn.GRU(
            width * pooled(n_bins, bin_pooling), hidden, n_recurrent, batch_first=True,
            dropout=dropout, bidirectional=True,
        )  # fmt: skip
        self.mhsa_block_list = nn.ModuleList(
            nn.MultiheadAttention(hidden, n_heads, dropout, batch_first=True) for _ in range(n_attention)
        )
        self.layer_norm_list = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(n_attention))
        self.fnn_list = nn.ModuleList([nn.Linear(hidden, hidden), nn.Linear(hidden, math.prod(self.shape))])

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length.

        Args:
            x: (batch, feature, frame, bin).
            visual: ignored.

        Returns:
            The head: (batch, frame, *shape) before its activation, which is the target's; constant over a step.

        Raises:
            BadInput: the window is shorter than a step.
        """
        return {self.head: hold(self.steps(x)[self.head], self.frames_per_step, x.shape[2])}

    def steps(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the head (batch, step, *shape), one step for `frames_per_step` frames."""
        x = self.encode(x)
        for layer in self.fnn_list:
            x = layer(x)
        return {self.head: x.unflatten(2, self.shape)}

    def encode(self, x: Tensor) -> Tensor:
        """Encode audio: (batch, step, hidden)."""
        check_shape(x, self.frames_per_step)
        for layer in self.conv_block_list:
            x = layer(x)
        x = self.gru(x.transpose(1, 2).flatten(2))[0].tanh()
        return attend(product(x), self.mhsa_block_list, self.layer_norm_list)


def _same_number(bin_pooling: Sequence[int], frame_pooling: Sequence[int]) -> None:
    if len(bin_pooling) != len(frame_pooling):
        raise BadInput(
            f"bin_pooling: {len(bin_pooling)} numbers, frame_pooling: {len(frame_pooling)}; give one each a block"
        )


def _initialize(layer: nn.Module) -> None:
    """Draw kernels uniformly by fan-in and fan-out, biases zero, as published; recurrent layers have their own."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
