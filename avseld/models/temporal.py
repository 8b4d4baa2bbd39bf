"""Layers along time: bidirectional recurrence, self-attention, conformer."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.models.conformer import Conformer


def product(x: Tensor) -> Tensor:
    """Multiply the two directions of a bidirectional layer: (..., 2 * unit) -> (..., unit)."""
    forward, backward = x.chunk(2, dim=-1)
    return forward * backward


class ResetFirstGRU(nn.Module):
    """Bidirectional GRU layer in its original form, both directions multiplied or side by side.

    The reset gate is applied to the state before the matrix product (K. Cho et al., EMNLP 2014), gates are hard
    sigmoids, and there is one bias vector: what Keras up to 2.2 computes and what the parameter counts of SELDnet
    contain (docs/sources.md, Networks). `nn.GRU` has none of the three.

    Args:
        n_inputs: size of the input.
        hidden: units in each direction.
        merge: product or concat.

    Raises:
        BadInput: another way to merge.
    """

    def __init__(self, n_inputs: int, hidden: int, merge: str = "product") -> None:
        super().__init__()
        if merge not in ("product", "concat"):
            raise BadInput(f"merge: '{merge}' is none of product, concat")
        self.hidden, self.merge = hidden, merge
        self.n_outputs = hidden if merge == "product" else 2 * hidden
        # (direction, input, gate = update reset candidate)
        self.weight_input = nn.Parameter(torch.empty(2, n_inputs, 3 * hidden))
        self.weight_state = nn.Parameter(torch.empty(2, hidden, 3 * hidden))
        self.bias = nn.Parameter(torch.zeros(2, 3 * hidden))
        for direction in range(2):
            nn.init.xavier_uniform_(self.weight_input.data[direction])
            nn.init.orthogonal_(self.weight_state.data[direction])

    def forward(self, x: Tensor) -> Tensor:
        """(batch, frame, n_inputs) -> (batch, frame, n_outputs)."""
        both = torch.stack([x, x.flip(1)])  # (direction, batch, frame, input)
        drive = torch.einsum("dbti,dig->tdbg", both, self.weight_input) + self.bias[:, None]
        gates, candidate = drive.split([2 * self.hidden, self.hidden], dim=3)
        to_gates, to_candidate = self.weight_state.split([2 * self.hidden, self.hidden], dim=2)
        state = x.new_zeros(2, x.shape[0], self.hidden)
        states = []
        # Few operations per frame: nearly all time of the layer is spent in this loop.
        for gate, new in zip(gates.unbind(0), candidate.unbind(0), strict=True):
            update, reset = (torch.baddbmm(gate, state, to_gates) * 0.2 + 0.5).clamp(0, 1).chunk(2, dim=2)
            new = torch.tanh(torch.baddbmm(new, reset * state, to_candidate))
            state = new + update * (state - new)
            states.append(state)
        forward, backward = torch.stack(states, dim=2).unbind(0)  # (batch, frame, unit)
        backward = backward.flip(1)
        return forward * backward if self.merge == "product" else torch.cat([forward, backward], dim=2)


class BidirectionalGRU(nn.GRU):
    """Bidirectional GRU layers, both directions side by side.

    Args:
        n_inputs: size of the input.
        hidden: units in each direction.
        n_layers: layers.
        dropout: between layers.
    """

    def __init__(self, n_inputs: int, hidden: int = 256, n_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__(n_inputs, hidden, n_layers, batch_first=True, dropout=dropout, bidirectional=True)
        self.n_outputs = 2 * hidden

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """(batch, step, n_inputs) -> (batch, step, n_outputs)."""
        return nn.GRU.forward(self, x)[0]  # type: ignore[has-type]


class AttentiveGRU(nn.Module):
    """Bidirectional GRU whose directions are multiplied, then self-attention, as in the DCASE baselines since 2022.

    Args:
        n_inputs: size of the input.
        hidden: units in each direction, and width of the attention.
        n_layers: GRU layers.
        n_attention: self-attention layers.
        n_heads: heads of each.
        dropout: of both.

    Raises:
        BadInput: heads that do not divide the units.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden: int = 128,
        n_layers: int = 2,
        n_attention: int = 2,
        n_heads: int = 8,
        dropout: float = 0.05,
    ) -> None:
        super().__init__()
        if hidden % n_heads:
            raise BadInput(f"temporal: {hidden} units are no multiple of {n_heads} heads")
        self.n_outputs = hidden
        self.gru = BidirectionalGRU(n_inputs, hidden, n_layers, dropout if n_layers > 1 else 0.0)
        self.attention = nn.ModuleList(
            nn.MultiheadAttention(hidden, n_heads, dropout, batch_first=True) for _ in range(n_attention)
        )
        self.norm = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(n_attention))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, n_inputs) -> (batch, step, n_outputs)."""
        return attend(product(self.gru(x).tanh()), self.attention, self.norm)


TEMPORAL_MODELS = {"gru": BidirectionalGRU, "gru_attention": AttentiveGRU, "conformer": Conformer}
"""temporal models by name: each takes the size of its input and options, and has `n_outputs`"""


def attend(x: Tensor, attention: nn.ModuleList, norm: nn.ModuleList) -> Tensor:
    """Self-attention over all frames, layer by layer, each added to its input and normalized; no positions.

    As in partha2409/DCASE2024_seld_baseline @ 0b07887, `seldnet_model.py`.

    Args:
        x: (batch, frame, width).
        attention: `nn.MultiheadAttention` layers with the batch first.
        norm: as many `nn.LayerNorm`.

    Returns:
        (batch, frame, width).
    """
    for layer, normalize in zip(attention, norm, strict=True):
        x = normalize(x + layer(x, x, x, need_weights=False)[0])
    return x


def pooled(n: int, pooling: Sequence[int]) -> int:
    """Bins or frames that remain after pooling by each of some numbers in turn."""
    for by in pooling:
        n //= by
    if n == 0:
        raise BadInput(f"pooling by {math.prod(pooling)} leaves nothing; give more bins or pool less")
    return n
