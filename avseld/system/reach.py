"""Receptive field, look-ahead and floating-point operations of a network.

They are found by running it once: values that are not numbers, put into some feature frames, come out at every head
that these frames enter, whatever the weights are. Attention counts as reading all that it might read.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from avseld.models.plain_layers import pytorch_layers
from avseld.system.build import System


@dataclass(frozen=True)
class Reach:
    """Span of sound that one label frame depends on, and the work for it.

    Args:
        before_s: seconds before the label frame; None for all of the window.
        after_s: seconds after the end of the label frame; None for all of the window.
        label_hop: seconds of the label frame.
        gflop_per_second: 1e9 floating-point operations for a second of sound, forward, two for a multiply-add:
            convolutions, matrix products and attention, without features.
    """

    before_s: float | None
    after_s: float | None
    label_hop: float
    gflop_per_second: float

    @property
    def causal(self) -> bool:
        """Whether nothing after a label frame enters it."""
        return self.after_s == 0

    @property
    def receptive_field_s(self) -> float | None:
        """Seconds that enter a label frame, itself included; None for the whole window."""
        if self.before_s is None or self.after_s is None:
            return None
        return round(self.before_s + self.label_hop + self.after_s, 6)


def reach_of(system: System) -> Reach:
    """Measure the reach of a system's network in its training window, and count its operations.

    Args:
        system: any; its weights and its state do not change.
    """
    training = [(module, module.training) for module in system.modules()]
    system.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), pytorch_layers():
            return _measured(system)
    finally:
        for module, mode in training:
            module.training = mode


def _measured(system: System) -> Reach:
    n_frames = system.window_frames
    middle = (n_frames - 1) // system.label_frames // 2 * system.label_frames
    label_frame = range(middle, min(middle + system.label_frames, n_frames))
    with FlopCounterMode(display=False) as counter:
        first_enters = _enter(system, range(1), label_frame)
    before = (
        None
        if first_enters
        else label_frame.start
        - _largest(label_frame.start, lambda n: not _enter(system, range(n), label_frame))
    )
    after = None
    if not _enter(system, range(n_frames - 1, n_frames), label_frame):
        n_after = n_frames - label_frame.stop
        unused = _largest(n_after, lambda n: not _enter(system, range(n_frames - n, n_frames), label_frame))
        # Frames at the end that make no whole step enter no head at all.
        if _enter(system, range(n_frames - unused, n_frames), range(n_frames)):
            after = n_after - unused
    return Reach(
        None if before is None else round(before * system.hop, 6),
        None if after is None else round(after * system.hop, 6),
        system.label_hop,
        counter.get_total_flops() / 1e9 / system.blueprint.chunk,
    )


def _enter(system: System, frames: range, label_frame: range) -> bool:
    """Tell whether some feature frames enter the heads in a label frame."""
    x = torch.zeros(1, system.features.n_features, system.window_frames, system.features.n_bins)
    x[:, :, frames.start : frames.stop] = torch.nan
    visual = torch.zeros(1, *system.visual_spec.shape) if system.model.vision else None
    heads: dict[str, Tensor] = system.model(x, visual)
    shown = slice(label_frame.start, label_frame.stop)
    return any(bool(heads[name][:, shown].isnan().any()) for name in system.target.shapes)


def _largest(limit: int, holds: Callable[[int], bool]) -> int:
    """Find the largest number up to a limit for which something holds that holds for all smaller ones; 0 for none."""
    low, high = 0, limit + 1
    while high - low > 1:
        between = (low + high) // 2
        low, high = (between, high) if holds(between) else (low, between)
    return low
