"""Conformer blocks: self-attention and convolution along time between two halves of a feed-forward network.

A. Gulati et al., Conformer: Convolution-augmented transformer for speech recognition, Interspeech 2020. Sizes and the
attention are those of yxdong0320/Solution_on_3D_SELD @ e6582e6 (arXiv 2501.10755): Q. Wang et al., A four-stage data
augmentation approach to ResNet-Conformer based acoustic modeling for sound event localization and detection, arXiv
2101.02919, brought the network to SELD.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.attention import attention
from avseld.models.blocks import BatchNorm
from avseld.models.folding import conv_norm

ALIGNED_VALUES = 8
"""rows of a bias of this many values, or a multiple, need no copy for the fused attention of a GPU in 16 bits"""


class FeedForward(nn.Module):
    """Normalization, linear layer, SiLU and linear layer, each followed by dropout.

    Args:
        width: of a step.
        hidden: width between the two layers.
        dropout: share of the values that training sets to zero.
        scale: of the output: 0.5 for each half of a conformer block.
    """

    def __init__(self, width: int, hidden: int, dropout: float = 0.1, scale: float = 0.5) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape, without the input added."""
        x = self.dropout(functional.silu(self.expand(self.norm(x))))
        return self.scale * self.dropout(self.contract(x))


class ConvolutionModule(nn.Module):
    """Normalization, gated linear layer, convolution of each channel along time, batch norm, SiLU, linear layer.

    Args:
        width: of a step.
        channels: of the convolution.
        kernel: steps of the convolution, an odd number.
        dropout: share of the output values that training sets to zero.
        bias: of the convolution along time.

    Raises:
        BadInput: an even kernel, which would shift the steps.
    """

    def __init__(
        self, width: int, channels: int, kernel: int = 7, dropout: float = 0.1, bias: bool = True
    ) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise BadInput(f"kernel: {kernel} steps have no middle; give an odd number")
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Linear(width, 2 * channels)
        self.depthwise = nn.Conv2d(
            channels, channels, (kernel, 1), padding=(kernel // 2, 0), groups=channels, bias=bias
        )
        self.bn = BatchNorm(channels)
        self.contract = nn.Linear(channels, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape, without the input added."""
        x = functional.glu(self.gate(self.norm(x)), dim=-1)
        x = x.transpose(1, 2).unsqueeze(
            3
        )  # (batch, channel, step, 1): channels last in memory, nothing is copied
        x = functional.silu(conv_norm(x, self.depthwise, self.bn))
        return self.dropout(self.contract(x.squeeze(3).transpose(1, 2)))


class OffsetAttention(nn.Module):
    """Self-attention with a learned vector for each distance between two steps, which the query is multiplied by, too.

    P. Shaw, J. Uszkoreit, A. Vaswani, Self-attention with relative position representations, NAACL 2018: the score of
    steps i and j is (query_i key_j + query_i offset_(i - j)) / sqrt(width of a head).

    Args:
        width: of a step.
        n_heads: heads, each of width / n_heads.
        max_offset: steps apart from which all distances share one vector; longer windows can be run.
        dropout: share of the output values that training sets to zero.

    Raises:
        BadInput: heads that do not divide the width.
    """

    def __init__(self, width: int, n_heads: int = 8, max_offset: int = 512, dropout: float = 0.1) -> None:
        super().__init__()
        if n_heads < 1 or width % n_heads:
            raise BadInput(f"n_heads: a width of {width} is no multiple of {n_heads} heads")
        self.n_heads, self.max_offset = n_heads, max_offset
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.offsets = nn.Parameter(torch.randn(2 * max_offset + 1, width // n_heads))
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape."""
        parts = (self.query(x), *self.key_value(x).chunk(2, dim=-1))
        query, key, value = (part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in parts)
        attended = attention(query, key, value, self._bias(query))
        return self.dropout(self.out(attended.transpose(1, 2).flatten(2)))

    def _bias(self, query: Tensor) -> Tensor:
        """Score the offsets: queries (batch, head, step, width) -> (batch, head, step, step).

        Each query is multiplied by the vectors of all distances at once, the largest first. Row i then begins i places
        too far to the right: with one value more in a row than the stride by which it is read, it moves into place.
        """
        n_steps = query.shape[2]
        stride = -(-2 * n_steps // ALIGNED_VALUES) * ALIGNED_VALUES
        distance = n_steps - 1 - torch.arange(stride + 1, device=query.device)
        vectors = self.offsets[distance.clamp(-self.max_offset, self.max_offset) + self.max_offset]
        scores = (query * query.shape[-1] ** -0.5) @ vectors.T.to(query.dtype)
        rows = scores.flatten(2)[..., n_steps - 1 : n_steps - 1 + n_steps * stride]
        return rows.unflatten(2, (n_steps, stride))[..., :n_steps]


class ConformerBlock(nn.Module):
    """Half a feed-forward network, self-attention, convolution, the other half; all added up, then normalized.

    Args:
        width: of a step.
        n_heads: of the attention.
        feedforward: width within the feed-forward networks; twice the width if None.
        kernel: steps of the convolution.
        expansion: channels of the convolution over the width.
        dropout: everywhere.
        max_offset: as in `OffsetAttention`.
        attention: another self-attention (batch, step, width) -> the same shape, after normalization, in its place.

    Raises:
        BadInput: heads that do not divide the width, or an even kernel.
    """

    def __init__(
        self,
        width: int = 256,
        n_heads: int = 8,
        feedforward: int | None = None,
        kernel: int = 7,
        expansion: int = 2,
        dropout: float = 0.1,
        max_offset: int = 512,
        attention: nn.Module | None = None,
    ) -> None:
        super().__init__()
        feedforward = 2 * width if feedforward is None else feedforward
        self.feedforward1 = FeedForward(width, feedforward, dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.attention = (
            OffsetAttention(width, n_heads, max_offset, dropout) if attention is None else attention
        )
        self.convolution = ConvolutionModule(width, expansion * width, kernel, dropout)
        self.feedforward2 = FeedForward(width, feedforward, dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> the same shape."""
        x = x + self.feedforward1(x)
        x = x + self.attention(self.attention_norm(x))
        x = x + self.convolution(x)
        return self.norm(x + self.feedforward2(x))


class Conformer(nn.Module):
    """Conformer blocks as a temporal model: any number of steps, the same number out.

    Args:
        n_inputs: size of the input; a linear layer brings it to `hidden` if they differ.
        hidden: width of a step.
        n_blocks: blocks.
        n_heads: of the attention.
        feedforward: width within the feed-forward networks; twice `hidden` if None.
        kernel: steps of the convolution.
        expansion: channels of the convolution over `hidden`.
        dropout: everywhere.
        max_offset: steps apart from which all distances count as the same.

    Raises:
        BadInput: heads that do not divide `hidden`, or an even kernel.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden: int = 256,
        n_blocks: int = 2,
        n_heads: int = 8,
        feedforward: int | None = None,
        kernel: int = 7,
        expansion: int = 2,
        dropout: float = 0.1,
        max_offset: int = 512,
    ) -> None:
        super().__init__()
        self.n_outputs = hidden
        self.embed = nn.Identity() if n_inputs == hidden else nn.Linear(n_inputs, hidden)
        self.blocks = nn.Sequential(
            *(
                ConformerBlock(hidden, n_heads, feedforward, kernel, expansion, dropout, max_offset)
                for _ in range(n_blocks)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, n_inputs) -> (batch, step, n_outputs)."""
        encoded: Tensor = self.blocks(self.embed(x))
        return encoded
