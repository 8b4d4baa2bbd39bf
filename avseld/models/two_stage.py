"""Two-stage sound event detection and localization (Y. Cao et al., DCASE 2019, arXiv 1905.00268).

One architecture twice: the first stage is trained on sound event detection; the second, initialised with its
convolutions, on directions where the reference is active. Where the paper is silent: docs/sources.md, Networks.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avseld.models.blocks import check_shape, hold_heads
from avseld.models.convolution import add_blocks, initialize, initialize_gru
from avseld.models.transfer import freeze


class CRNN10(nn.Module):
    """Nine convolution and linear layers, one recurrent layer, and one linear layer a head.

    5,890,977 parameters for 10 features, 11 classes and the heads for activity, azimuth and elevation; 4,708,257
    without recurrence (published as VGG9).

    Args:
        n_features: shape of the features.
        n_bins: shape of the features.
        shapes: heads of the target, per frame; any.
        widths: channels of the convolution blocks.
        recurrent: False leaves the GRU out.
        pooling: average or max, by 2 x 2 after each block.

    Raises:
        BadInput: another pooling.
    """

    find_unused_parameters = True
    """one of the heads gets no gradient in a stage"""

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        widths: Sequence[int] = (64, 128, 256, 512),
        recurrent: bool = True,
        pooling: str = "average",
    ) -> None:
        super().__init__()
        self.shapes, self.frames_per_step = dict(shapes), 2 ** len(widths)
        self.blocks = add_blocks(self, n_features, widths, pooling=pooling)
        size = widths[-1]
        self.gru = nn.GRU(size, size // 2, batch_first=True, bidirectional=True) if recurrent else None
        self.heads = nn.ModuleDict(
            {name: nn.Linear(size, math.prod(shape)) for name, shape in shapes.items()}
        )
        initialize(self, norm_deviation=0.02)
        if self.gru is not None:
            initialize_gru(self.gru)

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length.

        Args:
            x: (batch, feature, frame, bin).
            visual: ignored.

        Returns:
            Each head (batch, frame, *shape) before its activation; constant over 16 frames.

        Raises:
            BadInput: the window is shorter than a step.
        """
        return hold_heads(self.steps(x), self.frames_per_step, x.shape[2])

    def steps(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the heads (batch, step, *shape), one step for 16 frames."""
        check_shape(x, self.frames_per_step, self.frames_per_step)
        for name in self.blocks:
            x = self.get_submodule(name)(x)
        x = x.mean(dim=3).transpose(1, 2)  # (batch, step, channel)
        if self.gru is not None:
            x = self.gru(x)[0]
        return {name: head(x).unflatten(2, self.shapes[name]) for name, head in self.heads.items()}


class TwoStage(nn.Module):
    """Both stages as one network: `sed` detects events and is frozen, `doa` is trained on their directions.

    The role sed of pretrained weights fills `sed` with a finished first stage and `doa` with its convolutions. In
    training only the second stage runs.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features.
        shapes: sed and doa.
        widths: of both stages, see `CRNN10`.
        recurrent: of both stages, see `CRNN10`.
        pooling: of both stages, see `CRNN10`.

    Raises:
        BadInput: another pooling.
    """

    find_unused_parameters = True
    """one of the heads gets no gradient in a stage"""

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        widths: Sequence[int] = (64, 128, 256, 512),
        recurrent: bool = True,
        pooling: str = "average",
    ) -> None:
        super().__init__()
        stages = [CRNN10(n_features, n_bins, shapes, widths, recurrent, pooling) for _ in range(2)]
        self.sed, self.doa = stages
        self.frames_per_step = self.doa.frames_per_step
        self.pretrained_roles = {"sed": {"sed": "", **{f"doa.{name}": name for name in self.doa.blocks}}}
        self.frozen_roles = {"sed": "two_stage_sed"}
        freeze(self.sed)

    @property
    def parameter_count(self) -> int:
        """Parameters as published: of one stage."""
        return sum(weight.numel() for weight in self.doa.parameters())

    def train(self, mode: bool = True) -> "TwoStage":
        """Switch the second stage between training and evaluation; the first stays in evaluation."""
        super().train(mode)
        self.sed.eval()
        return self

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows.

        Args:
            x: (batch, feature, frame, bin).
            visual: ignored.

        Returns:
            doa (batch, frame, axis, class) of the second stage, and except in training sed (batch, frame, class)
            of the first one.

        Raises:
            BadInput: the window is shorter than a step.
        """
        output = {"doa": self.doa(x)["doa"]}
        if not self.training:
            with torch.no_grad():
                output["sed"] = self.sed(x)["sed"]
        return output
