"""PSELDNets with other networks than HTS-AT: PaSST, and convolutions with a GRU or a conformer.

J. Hu et al., PSELDNets, IEEE TASLP 33, 2025 (Jinbo-Hu/PSELDNets @ adb5e39; docs/sources.md, Encoders). Parameter names
as published, so that published weights are imported by name (`avseld weights import`).
"""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from avseld.models.blocks import hold_heads
from avseld.models.encoders.passt import PaSST
from avseld.models.encoders.pseldnets_cnn import PSELDNetsCNN, encode_outputs

HEAD = "fc"
"""name of the linear layer that ends the network"""


class LinearHeads(nn.Module):
    """A linear layer for each head, after what a subclass encodes.

    Args:
        shapes: heads of the target, per frame; any.
        width: of a step.
        frames_per_step: feature frames that share an output.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]], width: int, frames_per_step: int) -> None:
        super().__init__()
        self.shapes, self.frames_per_step = dict(shapes), frames_per_step
        for head, shape in shapes.items():
            setattr(self, self._module_of(head), nn.Linear(width, math.prod(shape)))

    def _module_of(self, head: str) -> str:
        return HEAD if len(self.shapes) == 1 else f"{head}_{HEAD}"

    def encode(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, step, width)."""
        raise NotImplementedError

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows.

        Args:
            x: (batch, feature, frame, bin).
            visual: ignored.

        Returns:
            Each head (batch, frame, *shape) before its activation, which is the target's; constant over a step.

        Raises:
            BadInput: a window that is too short, or with PaSST too long.
        """
        return hold_heads(self.steps(x), self.frames_per_step, x.shape[2])

    def steps(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the heads (batch, step, *shape), one step for `frames_per_step` frames."""
        encoded = self.encode(x)
        return {
            name: self.get_submodule(self._module_of(name))(encoded).unflatten(2, shape)
            for name, shape in self.shapes.items()
        }


class PSELDNetsPaSST(LinearHeads):
    """PaSST with a linear layer for each head.

    51,170,549 parameters for 7 features of 64 bins, 13 classes and Multi-ACCDOA. Windows of up to `max_steps` steps of
    10 frames.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features, 10 bins at least.
        shapes: heads of the target, per frame; any.
        token: values of a token.
        n_blocks: blocks.
        n_heads: heads of the attention.
        max_steps: steps of the longest window.

    Raises:
        BadInput: too few bins, or heads that do not divide the width.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        token: int = 768,
        n_blocks: int = 7,
        n_heads: int = 12,
        max_steps: int = 100,
    ) -> None:
        super().__init__(shapes, token, PaSST.frames_per_step)
        parts = PaSST(n_features, n_bins, token, n_blocks, n_heads, max_steps)
        self.scalar, self.encoder = parts.scalar, parts.encoder

    def encode(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // 10, token)."""
        encoded: Tensor = self.encoder(self.scalar(x))
        return encoded


class PSELDNetsCRNN(LinearHeads):
    """Convolutions, a GRU or a conformer, and a linear layer for each head.

    With 7 features, 13 classes and Multi-ACCDOA: CNN8 with a GRU 1,798,229 parameters, with two blocks of a conformer
    4,382,805; CNN14 with one block of a conformer 176,511,669. Windows of any length from 10 frames on.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features.
        shapes: heads of the target, per frame; any.
        widths: channels of each block: 32, 64, 128, 256 of CNN8; 64, 128, 256, 512, 1024, 2048 of CNN14.
        decoder: gru or conformer.
        n_layers: layers of the GRU, or blocks of the conformer.
        hidden: units of the GRU in each direction.
        n_heads: of the conformer.
        dropout: of the conformer.
        frames_per_step: feature frames that share an output; 10 are the label frames of features every 10 ms.
        legacy: the published attention of the conformer, for its weights, see
            `avseld.models.position_conformer.PositionAttention`.

    Raises:
        BadInput: an unknown decoder, too few blocks or bins, or heads that do not divide the last width.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        widths: Sequence[int] = (32, 64, 128, 256),
        decoder: str = "gru",
        n_layers: int = 2,
        hidden: int = 128,
        n_heads: int = 8,
        dropout: float = 0.1,
        frames_per_step: int = 10,
        legacy: bool = False,
    ) -> None:
        parts = PSELDNetsCNN(
            n_features, n_bins, widths, decoder, n_layers, hidden, n_heads, dropout, frames_per_step, legacy
        )
        super().__init__(shapes, parts.n_outputs, frames_per_step)
        self.scalar, self.convs, self.decoder = parts.scalar, parts.convs, parts.decoder

    def encode(self, x: Tensor) -> Tensor:
        """Encode (batch, feature, frame, bin) as (batch, frame // frames_per_step, value)."""
        return encode_outputs(self.scalar, self.convs, self.decoder, x, self.frames_per_step)
