"""Transformer on maps whose attention stays within windows that are shifted in every second block (Swin).

Z. Liu et al., Swin transformer: hierarchical vision transformer using shifted windows, ICCV 2021. Parameter names as in
HTS-AT (K. Chen et al., ICASSP 2022). Maps are (batch, row, column, channel).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.models.attention import attention

WINDOW = 8
"""rows and columns of a window of attention"""
SHIFT = WINDOW // 2
"""rows and columns by which every second block moves its windows"""
APART = -100.0
"""added to the attention between tokens that only the shift has brought into one window"""


class WindowAttention(nn.Module):
    """Self-attention within windows, with a learned bias for each offset of two tokens and each head.

    Args:
        width: channels.
        n_heads: heads, each of width / n_heads.
        n_rows: rows of the map, a multiple of 8.
        n_columns: columns of the map, a multiple of 8.
        shifted: the windows lie four rows and columns further; those at the end continue at the beginning.
    """

    offset: Tensor
    adapter: nn.Module | None
    mask: Tensor | None

    def __init__(self, width: int, n_heads: int, n_rows: int, n_columns: int, shifted: bool) -> None:
        super().__init__()
        self.n_heads, self.shifted = n_heads, shifted
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * WINDOW - 1) ** 2, n_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.register_module("adapter", None)
        self.register_buffer("offset", offset_index(), persistent=False)
        mask = shift_mask(n_rows, n_columns) if shifted else None
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, row, column, width) -> the same shape."""
        batch, n_rows, n_columns, width = x.shape
        if self.shifted:
            x = x.roll((-SHIFT, -SHIFT), (1, 2))
        heads = self.qkv(x).view(
            batch, n_rows // WINDOW, WINDOW, n_columns // WINDOW, WINDOW, 3, self.n_heads, -1
        )
        heads = heads.permute(
            5, 0, 1, 3, 6, 2, 4, 7
        )  # (3, batch, row and column of the window, head, token, head width)
        bias = self.relative_position_bias_table[self.offset].permute(2, 0, 1)  # (head, token, token)
        if self.mask is None:
            query, key, value = heads.reshape(3, -1, self.n_heads, WINDOW**2, width // self.n_heads)
        else:
            # The mask differs between the windows of a map: the operator takes them for further heads.
            query, key, value = heads.reshape(3, batch, -1, WINDOW**2, width // self.n_heads)
            bias = (bias + self.mask[:, None].to(bias.dtype)).flatten(0, 1)
        attended = attention(query, key, value, bias[None])
        x = attended.reshape(batch, n_rows // WINDOW, n_columns // WINDOW, self.n_heads, WINDOW, WINDOW, -1)
        x = self.proj(x.permute(0, 1, 4, 2, 5, 3, 6).reshape(batch, n_rows, n_columns, width))
        if self.shifted:
            x = x.roll((SHIFT, SHIFT), (1, 2))
        return x if self.adapter is None else x + self.adapter(x)


def offset_index() -> Tensor:
    """Number the offsets between the tokens of a window: (token, token) of 0 ... 224, row-major."""
    row, column = (place.flatten() for place in torch.meshgrid(*[torch.arange(WINDOW)] * 2, indexing="ij"))
    down, right = (place[:, None] - place[None] + WINDOW - 1 for place in (row, column))
    return down * (2 * WINDOW - 1) + right


def shift_mask(n_rows: int, n_columns: int) -> Tensor:
    """Compute what is added to the attention in shifted windows: (window, token, token), 0 or -100.

    Args:
        n_rows: of the map.
        n_columns: of the map.
    """
    # Of the rows and columns of the shifted map, those before the last window, in it, and from its beginning.
    row, column = (
        (place >= n - WINDOW).long() + (place >= n - SHIFT).long()
        for n, place in ((n, torch.arange(n)) for n in (n_rows, n_columns))
    )
    region = row[:, None] * 3 + column
    region = region.view(n_rows // WINDOW, WINDOW, n_columns // WINDOW, WINDOW).transpose(1, 2)
    region = region.reshape(-1, WINDOW**2)
    return (region[:, :, None] != region[:, None]).float() * APART


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them.

    Args:
        width: channels in and out.
        hidden: channels between the layers.
    """

    adapter: nn.Module | None

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.register_module("adapter", None)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> the same shape."""
        changed = self.fc2(functional.gelu(self.fc1(x)))
        return changed if self.adapter is None else changed + self.adapter(x)


class StochasticDepth(nn.Module):
    """Leave a branch out for some windows of a batch in training (G. Huang et al., ECCV 2016).

    Args:
        rate: probability that a window lacks the branch; the others have it multiplied by 1 / (1 - rate).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(batch, ...) -> the same shape."""
        if not self.training or self.rate == 0:
            return x
        kept = x.new_empty(x.shape[0], *[1] * (x.ndim - 1)).bernoulli_(1 - self.rate)
        return x * (kept / (1 - self.rate))


class WindowBlock(nn.Module):
    """Attention within windows, then two linear layers; each is normalized before and added to its input.

    Args:
        width: channels.
        n_heads: heads of the attention.
        n_rows: rows of the map.
        n_columns: columns of the map.
        shifted: see `WindowAttention`; not of a map of one window's height or width.
        stochastic_depth: see `StochasticDepth`.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        n_rows: int,
        n_columns: int,
        shifted: bool,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__()
        shifted = shifted and min(n_rows, n_columns) > WINDOW
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, n_heads, n_rows, n_columns, shifted)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = FeedForward(width, 4 * width)
        self.stochastic_depth = StochasticDepth(stochastic_depth)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, row, column, width) -> the same shape."""
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        return x + self.stochastic_depth(self.mlp(self.norm2(x)))


class PatchMerging(nn.Module):
    """Join 2 x 2 tokens to one of twice the width.

    Args:
        width: channels in.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, row, column, width) -> (batch, row / 2, column / 2, 2 * width)."""
        places = [x[:, row::2, column::2] for column in range(2) for row in range(2)]
        return self.reduction(self.norm(torch.cat(places, dim=-1)))


class WindowStage(nn.Module):
    """Blocks of one width, every second one with shifted windows, and a merging of tokens after them.

    Args:
        width: channels in; twice as many come out of the merging.
        n_heads: heads of the attention.
        n_rows: rows of the map.
        n_columns: columns of the map.
        stochastic_depth: of each block, whose number it gives.
        merges: whether tokens are merged at the end.
    """

    def __init__(
        self,
        width: int,
        n_heads: int,
        n_rows: int,
        n_columns: int,
        stochastic_depth: list[float],
        merges: bool,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            WindowBlock(width, n_heads, n_rows, n_columns, number % 2 == 1, rate)
            for number, rate in enumerate(stochastic_depth)
        )
        self.downsample = PatchMerging(width) if merges else None

    def forward(self, x: Tensor) -> Tensor:
        """(batch, row, column, width) -> (batch, row / 2, column / 2, 2 * width), or the same shape."""
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)
