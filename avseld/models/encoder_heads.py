"""Any encoder of audio, any temporal model or none, and small networks for the heads of any target."""

import math

from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.models.blocks import check_shape, hold_heads
from avseld.models.choice import Choice, build_choice
from avseld.models.encoders import build_encoder
from avseld.models.temporal import TEMPORAL_MODELS

ACTIVATIONS = {"relu": nn.ReLU, "leaky_relu": nn.LeakyReLU}
"""between the two layers of a head"""


class EncoderHeads(nn.Module):
    """Encoder of audio, temporal model, and one or two linear layers for each head.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features.
        shapes: heads of the target, per frame; any.
        encoder: a name from `avseld.models.encoders.ENCODERS`, or {name: ..., options: {...}}.
        temporal: a name from `avseld.models.temporal.TEMPORAL_MODELS`, or {name: ..., options: {...}}; None for
            encoders that relate the steps of a window themselves.
        hidden: width of the first of two linear layers of a head; None for one layer.
        activation: relu or leaky_relu, between them.

    Raises:
        BadInput: an unknown encoder, temporal model, option or activation, or features that the encoder can't take.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        encoder: Choice = "cnn",
        temporal: Choice | None = None,
        hidden: int | None = None,
        activation: str = "relu",
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise BadInput(f"activation: '{activation}' is none of {', '.join(ACTIVATIONS)}")
        self.shapes = dict(shapes)
        self.encoder = build_encoder(encoder, n_features, n_bins)
        self.frames_per_step: int = self.encoder.frames_per_step
        self.width: int = self.encoder.n_outputs
        self.temporal = None
        if temporal is not None:
            followed_by = build_choice("temporal", TEMPORAL_MODELS, temporal, self.width)
            self.temporal, self.width = followed_by, followed_by.n_outputs
        self.heads = nn.ModuleDict(
            {name: _head(self.width, hidden, activation, math.prod(shape)) for name, shape in shapes.items()}
        )

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length that the encoder takes.

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
        return self.run_heads(self.encode(x))

    def encode(self, x: Tensor) -> Tensor:
        """Encode audio as (batch, step, width).

        Raises:
            BadInput: the window is shorter than a step.
        """
        check_shape(x, self.frames_per_step)
        encoded: Tensor = self.encoder(x)
        return encoded if self.temporal is None else self.temporal(encoded)

    def run_heads(self, encoded: Tensor) -> dict[str, Tensor]:
        """Compute the heads (batch, step, *shape) of encoded steps (batch, step, width)."""
        return {name: head(encoded).unflatten(2, self.shapes[name]) for name, head in self.heads.items()}


def _head(width: int, hidden: int | None, activation: str, n_outputs: int) -> nn.Module:
    if hidden is None:
        return nn.Linear(width, n_outputs)
    return nn.Sequential(nn.Linear(width, hidden), ACTIVATIONS[activation](), nn.Linear(hidden, n_outputs))
