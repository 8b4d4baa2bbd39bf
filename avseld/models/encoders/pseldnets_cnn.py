"""Convolutional networks of PSELDNets: blocks of two convolutions, then a GRU or a conformer along time.

J. Hu et al., PSELDNets, IEEE TASLP 33, 2025 (Jinbo-Hu/PSELDNets @ adb5e39; docs/sources.md, Encoders); the blocks are
those of the PANNs (Q. Kong et al., IEEE/ACM TASLP 2020), whose weights fit by name. Parameter names as published.
"""

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.blocks import check_shape, hold
from avseld.models.convolution import add_blocks, initialize
from avseld.models.encoders.htsat import BandNorms
from avseld.models.position_conformer import PositionConformer
from avseld.models.temporal import pooled

FRAME_POOLING = (2, 2, 2)
"""frames that become one after the first blocks; later ones keep them"""
BIN_POOLING = 2
"""bins that become one after each block"""
DECODERS = ("gru", "conformer")


class Convolutions(nn.Module):
    """Blocks of two convolutions with average pooling, initialized uniformly by their inputs.

    Args:
        n_features: channels of the features.
        widths: channels of each block.
    """

    def __init__(self, n_features: int, widths: Sequence[int]) -> None:
        super().__init__()
        frames = [*FRAME_POOLING, *[1] * len(widths)][: len(widths)]
        self.blocks = add_blocks(self, n_features, widths, [(each, BIN_POOLING) for each in frames])
        self.frames_per_step = math.prod(frames)
        initialize(self)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, feature, frame, bin) -> (batch, step, last channel), averaged over the bins that are left."""
        for name in self.blocks:
            x = self.get_submodule(name)(x)
        return x.mean(dim=3).transpose(1, 2)


class Decoder(nn.Module):
    """GRU or conformer along time, with the published name.

    Args:
        width: of a step.
        kind: gru or conformer.
        n_layers: layers or blocks.
        hidden: units of the GRU in each direction.
        n_heads: of the conformer.
        dropout: of the conformer.
        legacy: the published attention of the conformer.
    """

    def __init__(
        self, width: int, kind: str, n_layers: int, hidden: int, n_heads: int, dropout: float, legacy: bool
    ) -> None:
        super().__init__()
        self.n_outputs = 2 * hidden if kind == "gru" else width
        self.decoder: nn.Module
        if kind == "gru":
            self.decoder = nn.GRU(width, hidden, n_layers, batch_first=True, bidirectional=True)
        else:
            self.decoder = PositionConformer(width, n_layers, n_heads, dropout, legacy)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, step, width) -> (batch, step, n_outputs)."""
        decoded = self.decoder(x)
        return decoded[0] if isinstance(decoded, tuple) else decoded


class PSELDNetsCNN(nn.Module):
    """Normalized bands, convolutions, and a GRU or a conformer, as an encoder.

    A step of the convolutions is 8 frames; it is repeated for each of them, and the frames of an output are averaged.
    Windows of any length from 10 frames on; the published network takes those alone where 8 and 10 frames end together.

    CNN8 (widths 32, 64, 128, 256) with a GRU of two layers, CNN14 (widths 64 to 2048) with one block of the conformer.

    Args:
        n_features: channels of the features.
        n_bins: bins of the features.
        widths: channels of each block, three blocks at least.
        decoder: gru or conformer.
        n_layers: layers of the GRU, or blocks of the conformer.
        hidden: units of the GRU in each direction.
        n_heads: of the conformer.
        dropout: of the conformer.
        frames_per_step: feature frames that share an output; 10 are the label frames of features every 10 ms.
        legacy: the published attention of the conformer, for its weights, see `PositionAttention`.

    Raises:
        BadInput: an unknown decoder, too few blocks or bins, or heads that do not divide the last width.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        widths: Sequence[int] = (32, 64, 128, 256),
        decoder: str = "gru",
        n_layers: int = 2,
        hidden: int = 128,
        n_heads: int = 8,
        dropout: float = 0.1,
        frames_per_step: int = 10,
        legacy: bool = False,
    ) -> None:
        super().__init__()
        if decoder not in DECODERS:
            raise BadInput(f"decoder: '{decoder}' is none of {', '.join(DECODERS)}")
        if len(widths) < len(FRAME_POOLING):
            raise BadInput(f"widths: {len(widths)} numbers; give at least {len(FRAME_POOLING)}, one a block")
        pooled(n_bins, [BIN_POOLING] * len(widths))
        self.frames_per_step = frames_per_step
        self.scalar = BandNorms(n_features, n_bins)
        self.convs = Convolutions(n_features, widths)
        self.decoder = Decoder(widths[-1], decoder, n_layers, hidden, n_heads, dropout, legacy)
        self.n_outputs = self.decoder.n_outputs

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // frames_per_step, n_outputs).

        Raises:
            BadInput: a window of less than a step, or than 8 frames.
        """
        return encode_outputs(self.scalar, self.convs, self.decoder, x, self.frames_per_step)


def encode_outputs(
    scalar: nn.Module, convs: Convolutions, decoder: nn.Module, x: Tensor, frames_per_output: int
) -> Tensor:
    """Encode (batch, feature, frame, bin) as (batch, frame // frames_per_output, value).

    Args:
        scalar: normalizes the features.
        convs: make steps of them.
        decoder: relates the steps.
        x: the features.
        frames_per_output: feature frames that share an output.

    Raises:
        BadInput: a window of less than an output or a step.
    """
    check_shape(x, max(frames_per_output, convs.frames_per_step))
    steps = decoder(convs(scalar(x)))
    return by_output(steps, convs.frames_per_step, x.shape[2] // frames_per_output, frames_per_output)


def by_output(steps: Tensor, times: int, n_outputs: int, frames_per_output: int) -> Tensor:
    """Repeat steps for their frames, and average the frames of each output.

    Args:
        steps: (batch, step, value).
        times: frames per step; the last one lasts until the end.
        n_outputs: outputs of the result.
        frames_per_output: frames that are averaged.

    Returns:
        (batch, output, value).
    """
    frames = hold(steps, times, n_outputs * frames_per_output).transpose(1, 2)
    return functional.avg_pool1d(frames, frames_per_output).transpose(1, 2)
