"""Alignment of two systems of any kind: one for sound events, one for directions.

T. N. T. Nguyen et al., A general network architecture for sound event localization and detection using transfer
learning and recurrent neural network (arXiv 2011.07859): only the alignment network knows both. `avseld.models.general`
has the modules of the paper with features that they share; here each system brings its own.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.models.blocks import hold
from avseld.models.general import Alignment
from avseld.models.transfer import freeze

ROLES = {"sed": "a system for event detection", "doa": "a system for directions"}
"""role -> what fills it"""


class RoleSystem(Protocol):
    """A system that gives values for every label frame; an `nn.Module`.

    Attributes:
        n_values: values of a label frame.
        network: its network; None if its features are the values.
    """

    n_values: int
    network: nn.Module | None

    def __call__(self, waveform: Tensor, n_frames: int) -> Tensor:
        """Run it: (batch, channel, sample) -> (batch, label frame, value)."""


RoleBuilder = Callable[[str, Any], Any]
"""(role, description) -> `RoleSystem`"""


class AlignedSystems(nn.Module):
    """A system for events and one for directions, and the alignment network over their values of every label frame.

    Each has features, network and output format of its own, at any frame and sample rate. They are trained before and
    frozen here unless `fine_tune` is set. A system for directions may be features alone, which need no training.

    Args:
        n_features: channels of the recordings, from the features waveform.
        n_bins: samples of a label frame.
        shapes: heads of the target; any.
        sed: system for events: {features: ..., model: ..., target: ..., format: ...}, the first three as in a recipe.
            The run in the role sed of pretrained weights takes its place.
        doa: system for directions; without model and target, its features are aligned.
        fine_tune: train the networks of both, too.
        hidden: of the alignment network.
        n_recurrent: of the alignment network.
        dropout: of the alignment network.
        build_role: builds a system from its description.

    Raises:
        BadInput: a system that cannot be built, or does not fit the recordings.
    """

    def __init__(
        self,
        n_features: int,
        n_bins: int,
        shapes: dict[str, tuple[int, ...]],
        sed: Mapping[str, Any],
        doa: Mapping[str, Any],
        fine_tune: bool = False,
        hidden: int = 128,
        n_recurrent: int = 2,
        dropout: float = 0.2,
        *,
        build_role: RoleBuilder,
    ) -> None:
        super().__init__()
        self.sed, self.doa = build_role("sed", sed), build_role("doa", doa)
        self.fine_tune = self.find_unused_parameters = fine_tune
        n_inputs = sum(system.n_values for system in self.role_systems.values())
        self.alignment = Alignment(n_inputs, shapes, hidden, n_recurrent, dropout)
        trained = [role for role, system in self.role_systems.items() if system.network is not None]
        self.pretrained_roles = {role: {f"{role}.network": ""} for role in trained}
        self.frozen_roles = {} if fine_tune else {role: ROLES[role] for role in trained}
        for role in self.frozen_roles:
            freeze(self.role_systems[role])

    @property
    def role_systems(self) -> dict[str, Any]:
        """Return both systems by role."""
        return {"sed": self.sed, "doa": self.doa}

    @property
    def parameter_count(self) -> int:
        """Parameters as published: of the alignment network."""
        return sum(weight.numel() for weight in self.alignment.parameters())

    def train(self, mode: bool = True) -> "AlignedSystems":
        """Switch between training and evaluation; frozen systems stay in evaluation."""
        super().train(mode)
        if not self.fine_tune:
            for system in self.role_systems.values():
                system.eval()
        return self

    def forward(self, x: Tensor, visual: Tensor | None = None) -> dict[str, Tensor]:
        """Run a batch of windows.

        Args:
            x: (batch, channel, frame, sample of the frame), centred frames of a waveform.
            visual: ignored.

        Returns:
            Each head (batch, frame, *shape) before its activation.

        Raises:
            BadInput: the window is shorter than a label frame, or than a system takes.
        """
        n_frames, n_samples = x.shape[2] - 1, x.shape[3]
        if n_frames < 1:
            raise BadInput("a window of one frame is too short; give at least 2")
        # A centred frame begins half a hop before its time; label frames begin at theirs.
        waveform = x.flatten(2)[..., n_samples // 2 :][..., : n_frames * n_samples]
        with torch.set_grad_enabled(self.fine_tune and torch.is_grad_enabled()):
            values = [system(waveform, n_frames) for system in self.role_systems.values()]
        heads = self.alignment(torch.cat(values, dim=2))
        return {name: hold(head, 1, x.shape[2]) for name, head in heads.items()}
