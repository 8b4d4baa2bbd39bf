"""General architecture: a network for event detection, one for direction estimation, and one that aligns them.

T. N. T. Nguyen et al., A general network architecture for sound event localization and detection using transfer
learning and recurrent neural network (arXiv 2011.07859), table 1. Where the paper is silent:
docs/sources.md, General architecture.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.models.blocks import check_shape, hold, hold_heads
from avseld.models.convolution import add_blocks, narrowed
from avseld.models.transfer import freeze

LABEL_STEPS = 2
"""label frames of a step: 80 frames a second, 16 frames a step, 10 label frames a second"""

HEADS = {"azimuth": (72,), "elevation": (19,)}
"""direction classes of 5 degrees"""


@dataclass(frozen=True)
class Module:
    """One row of table 1."""

    n_features: int
    n_bins: int
    widths: tuple[int, ...]
    n_recurrent: int
    hidden: int
    heads: tuple[str, ...]

    def narrowed(self, narrow: int) -> "Module":
        """Divide its channels and units by a whole number."""
        widths = narrowed(self.widths, narrow)
        return replace(self, widths=widths, hidden=self.hidden // narrow)


MODULES = {
    "sed_m": Module(4, 128, (64, 128, 256, 512), 1, 128, ("sed",)),
    "sed_t": Module(1, 64, (64, 128, 256, 512), 1, 128, ("sed",)),
    "doa_iv": Module(3, 128, (32, 64, 128, 256), 2, 128, ("azimuth", "elevation")),
    "doa_gcc": Module(6, 128, (32, 64, 128, 256), 2, 128, ("azimuth", "elevation")),
    "azi_hist": Module(1, 72, (32, 64, 128, 256), 2, 128, ("azimuth",)),
    "ele_hist": Module(1, 19, (16, 32, 64, 128), 2, 64, ("elevation",)),
}

DIRECTIONS = {
    "doa_iv": {"doa": "doa_iv"},
    "doa_gcc": {"doa": "doa_gcc"},
    "hist": {"azimuth": "azi_hist", "elevation": "ele_hist"},
}
"""ways to estimate directions: the modules that together give azimuth and elevation, by their names in the network"""


class GeneralNetwork(nn.Module):
    """One module of table 1: four convolution blocks, recurrence, one linear layer a head.

    sed_t can be initialised with the convolutions of a PANN Cnn14 (Q. Kong et al., PANNs, IEEE/ACM TASLP 2020; role
    `panns`): like the PANNs it takes a single channel.

    Parameters, with 14 classes: sed_m 5,184,526, sed_t 5,182,798, doa_iv 1,789,499, doa_gcc 1,790,363, azi_hist
    1,784,040, ele_hist 445,155.

    Args:
        n_features: shape of the features.
        n_bins: shape of the features.
        shapes: heads of the target; those of the module.
        module: sed_m, sed_t, doa_iv, doa_gcc, azi_hist or ele_hist.
        dropout: before the heads.
        narrow: divides the channels of all convolutions and the units of the recurrence, where time matters more
            than accuracy.

    Raises:
        BadInput: an unknown module, features or heads of another one, or channels that do not divide.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        module: str = "sed_m",
        dropout: float = 0.2,
        narrow: int = 1,
    ) -> None:
        super().__init__()
        if module not in MODULES:
            raise BadInput(f"module: '{module}' is none of {', '.join(MODULES)}")
        row = MODULES[module].narrowed(narrow)
        if (n_features, n_bins) != (row.n_features, row.n_bins):
            raise BadInput(
                f"{module} takes {row.n_features} x {row.n_bins} values a frame, not {n_features} x {n_bins}; "
                f"choose the features general with the part {module}"
            )
        if set(shapes) != set(row.heads):
            raise BadInput(
                f"{module} has the heads {', '.join(row.heads)}, not {', '.join(shapes)}; change the target"
            )
        self.shapes, self.frames_per_step = dict(shapes), 2 ** len(row.widths)
        self.blocks = add_blocks(self, n_features, row.widths)
        self.pretrained_roles = {"panns": {name: name for name in self.blocks}}
        self.gru = nn.GRU(row.widths[-1], row.hidden, row.n_recurrent, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(2 * row.hidden, math.prod(shape)) for name, shape in shapes.items()}
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length.

        Args:
            x: (batch, feature, frame, bin).
            visual: ignored.

        Returns:
            Each head (batch, frame, class) before the sigmoid; constant over 16 frames.

        Raises:
            BadInput: the window is shorter than a step.
        """
        return hold_heads(self.steps(x), self.frames_per_step, x.shape[2])

    def steps(self, x: Tensor) -> dict[str, Tensor]:
        """Compute the heads (batch, step, class), one step for 16 frames."""
        check_shape(x, self.frames_per_step, self.frames_per_step)
        for name in self.blocks:
            x = self.get_submodule(name)(x)
        x = self.dropout(self.gru(x.mean(dim=3).transpose(1, 2))[0])
        return {name: head(x).unflatten(2, self.shapes[name]) for name, head in self.heads.items()}


class Alignment(nn.Module):
    """Two bidirectional recurrent layers over the posteriors of all label frames, and a linear layer a head.

    491,320 parameters for 14 classes and the heads for activity and x, y, z.

    Args:
        n_inputs: posteriors a label frame.
        shapes: heads of the target; any.
        hidden: units in each direction.
        n_recurrent: layers.
        dropout: before the heads.
    """

    def __init__(
        self,
        n_inputs: int,
        shapes: Mapping[str, tuple[int, ...]],
        hidden: int = 128,
        n_recurrent: int = 2,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.shapes = dict(shapes)
        self.gru = nn.GRU(n_inputs, hidden, n_recurrent, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(2 * hidden, math.prod(shape)) for name, shape in shapes.items()}
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Posteriors (batch, label frame, n_inputs) -> heads (batch, label frame, *shape), before activation."""
        x = self.dropout(self.gru(x)[0])
        return {name: head(x).unflatten(2, self.shapes[name]) for name, head in self.heads.items()}


class GeneralSystem(nn.Module):
    """A module for events, modules for directions, and the alignment network over their posteriors.

    Any SED module goes with any way to estimate directions. The modules are trained before, each on its own, and are
    frozen unless `fine_tune` is set. Roles of pretrained weights: sed and doa, or sed, azimuth and elevation for hist.

    Args:
        n_features: shape of the features of all modules side by side.
        n_bins: shape of the features of all modules side by side.
        shapes: heads of the target, sed among them, per class; any.
        sed: sed_m or sed_t.
        doa: doa_iv, doa_gcc or hist.
        fine_tune: train the modules, too.
        hidden: of the alignment network.
        n_recurrent: of the alignment network.
        dropout: of the alignment network.
        narrow: of the modules, as they were trained.

    Raises:
        BadInput: an unknown module, features of other ones, or channels that do not divide.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        sed: str = "sed_m",
        doa: str = "doa_iv",
        fine_tune: bool = False,
        hidden: int = 128,
        n_recurrent: int = 2,
        dropout: float = 0.2,
        narrow: int = 1,
    ) -> None:
        super().__init__()
        if sed not in ("sed_m", "sed_t"):
            raise BadInput(f"sed: '{sed}' is none of sed_m, sed_t")
        if doa not in DIRECTIONS:
            raise BadInput(f"doa: '{doa}' is none of {', '.join(DIRECTIONS)}")
        self.parts = {"sed": sed, **DIRECTIONS[doa]}
        rows = [MODULES[name] for name in self.parts.values()]
        expected = max(row.n_features for row in rows), sum(row.n_bins for row in rows)
        if (n_features, n_bins) != expected:
            raise BadInput(
                f"{', '.join(self.parts.values())} take {expected[0]} x {expected[1]} values a frame side by side, not "
                f"{n_features} x {n_bins}; choose the features general with these parts"
            )
        heads = {"sed": shapes["sed"], **HEADS}
        for name, module in self.parts.items():
            row = MODULES[module]
            own = {head: heads[head] for head in row.heads}
            network = GeneralNetwork(row.n_features, row.n_bins, own, module, narrow=narrow)
            self.add_module(name, network)
        n_inputs = sum(math.prod(shape) for shape in heads.values())
        self.alignment = Alignment(n_inputs, shapes, hidden, n_recurrent, dropout)
        self.pretrained_roles = {name: {name: ""} for name in self.parts}
        self.frames_per_step, self.fine_tune = 2 ** len(MODULES[sed].widths), fine_tune
        self.frozen_roles = (
            {} if fine_tune else {name: f"general_{part}" for name, part in self.parts.items()}
        )
        for name in self.frozen_roles:
            freeze(self.get_submodule(name))

    @property
    def parameter_count(self) -> int:
        """Parameters as published: of the alignment network."""
        return sum(weight.numel() for weight in self.alignment.parameters())

    def train(self, mode: bool = True) -> "GeneralSystem":
        """Switch between training and evaluation; frozen modules stay in evaluation."""
        super().train(mode)
        if not self.fine_tune:
            for name in self.parts:
                self.get_submodule(name).eval()
        return self

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows of any length.

        Args:
            x: (batch, feature, frame, bin), the modules' features side by side along the bins.
            visual: ignored.

        Returns:
            Each head (batch, frame, *shape) before its activation; constant over a label frame of 8 frames.

        Raises:
            BadInput: the window is shorter than a step.
        """
        aligned = self.alignment(self.posteriors(x).repeat_interleave(LABEL_STEPS, dim=1))
        times = self.frames_per_step // LABEL_STEPS
        return {name: hold(head, times, x.shape[2]) for name, head in aligned.items()}

    def posteriors(self, x: Tensor) -> Tensor:
        """Run the modules: probabilities (batch, step, classes + 72 azimuths + 19 elevations)."""
        logits: dict[str, Tensor] = {}
        first = 0
        with torch.set_grad_enabled(self.fine_tune and torch.is_grad_enabled()):
            for name, module in self.parts.items():
                row = MODULES[module]
                own = x[:, : row.n_features, :, first : first + row.n_bins]
                logits |= cast(GeneralNetwork, self.get_submodule(name)).steps(own)
                first += row.n_bins
            ordered = [logits[head].flatten(2) for head in ("sed", *HEADS)]
            return torch.cat(ordered, dim=2).sigmoid()
