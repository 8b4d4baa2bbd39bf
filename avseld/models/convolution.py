"""The convolution block that the systems of 2019 and 2020 and the PANNs share, with the published parameter names."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.blocks import BatchNorm
from avseld.models.folding import conv_norm

Pooling = Callable[[Tensor, tuple[int, int]], Tensor]
POOLINGS: dict[str, Pooling] = {"average": functional.avg_pool2d, "max": functional.max_pool2d}


def pooling_named(kind: str) -> Pooling:
    """Find a pooling function by its name.

    Raises:
        BadInput: an unknown word.
    """
    if kind not in POOLINGS:
        raise BadInput(f"pooling: '{kind}' is none of {', '.join(POOLINGS)}")
    return POOLINGS[kind]


class DoubleConvBlock(nn.Module):
    """Two convolutions of 3 x 3 frames and bins, each normalized and rectified, then pooling.

    Q. Kong et al., PANNs (IEEE/ACM TASLP 2020); Y. Cao et al., two-stage SED and localization (DCASE 2019).

    Args:
        n_inputs: channels.
        n_outputs: channels.
        size: (frames, bins) that become one.
        pooling: average or max.

    Raises:
        BadInput: another pooling.
    """

    def __init__(
        self, n_inputs: int, n_outputs: int, size: tuple[int, int] = (2, 2), pooling: str = "average"
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_inputs, n_outputs, 3, padding=1, bias=False)
        self.bn1 = BatchNorm(n_outputs)
        self.conv2 = nn.Conv2d(n_outputs, n_outputs, 3, padding=1, bias=False)
        self.bn2 = BatchNorm(n_outputs)
        self.size, self.pool = size, pooling_named(pooling)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, frame, bin) -> (batch, output channel, frame // size, bin // size)."""
        x = functional.relu(conv_norm(x, self.conv1, self.bn1))
        x = functional.relu(conv_norm(x, self.conv2, self.bn2))
        return x if self.size == (1, 1) else self.pool(x, self.size)


def add_blocks(
    model: nn.Module,
    n_inputs: int,
    widths: Sequence[int],
    sizes: Sequence[tuple[int, int]] | None = None,
    pooling: str = "average",
) -> list[str]:
    """Give a model the members conv_block1, conv_block2, ..., named as in published weights.

    Args:
        model: gets them.
        n_inputs: channels of the input.
        widths: channels of each block.
        sizes: pooling of each block; 2 x 2 everywhere if None.
        pooling: average or max.

    Returns:
        The names, in the order in which the blocks run.
    """
    sizes = [(2, 2)] * len(widths) if sizes is None else sizes
    names = []
    for number, (width, size) in enumerate(zip(widths, sizes, strict=True), start=1):
        names.append(f"conv_block{number}")
        model.add_module(names[-1], DoubleConvBlock(n_inputs, width, size, pooling))
        n_inputs = width
    return names


def narrowed(widths: Sequence[int], narrow: int) -> tuple[int, ...]:
    """Divide channels by a whole number.

    Raises:
        BadInput: they do not divide.
    """
    if narrow < 1 or any(width % narrow for width in widths):
        raise BadInput(
            f"narrow: {', '.join(map(str, widths))} channels do not divide by {narrow}; choose 1, 2 or 4"
        )
    return tuple(width // narrow for width in widths)


def initialize(model: nn.Module, norm_deviation: float = 0.0) -> None:
    """Draw convolutions and linear layers uniformly by their inputs (K. He et al., 2015, gain sqrt 2), biases zero.

    Args:
        model: all its layers are drawn anew.
        norm_deviation: of the scales of batch normalization around 1; the two-stage system has 0.02.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="leaky_relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, norm_deviation)
            nn.init.zeros_(layer.bias)


def initialize_gru(gru: nn.GRU) -> None:
    """Draw a GRU gate by gate: uniform by its inputs, the candidate's recurrence orthogonal, biases zero.

    The two-stage system does so with the forward direction only and leaves the backward one to the library
    (docs/sources.md, Networks); here both are drawn this way.
    """
    for name, weight in gru.named_parameters():
        with torch.no_grad():
            gates = weight.chunk(3)  # reset, update, candidate
            if name.startswith("bias"):
                weight.zero_()
                continue
            for gate in gates:
                limit = (3 / gate.shape[1]) ** 0.5
                gate.uniform_(-limit, limit)
            if name.startswith("weight_hh"):
                gates[2].copy_(nn.init.orthogonal_(torch.empty_like(gates[2])))
