"""Seconds of a training step and of a forward pass of a system on windows of noise: no files are read."""

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor

from avseld.io.formats import format_named
from avseld.system.build import System
from avseld.system.dry_run import NOISE_LEVEL, ONE_EVENT


def noise_batch(system: System, n_windows: int, seed: int = 0) -> dict[str, Tensor]:
    """Make a batch of training windows: noise, half a second of one event, no picture.

    Args:
        system: whose windows.
        n_windows: of the batch.
        seed: of the noise.

    Returns:
        waveform (window, channel, sample), visual (window, *visual_spec.shape) and the target's labels.
    """
    channels = format_named(system.blueprint.format).channels
    random = torch.Generator().manual_seed(seed)
    waveform = NOISE_LEVEL * torch.randn(n_windows, channels, system.window_samples, generator=random)
    labels = system.target.encode(ONE_EVENT, 0.0, system.window_frames, system.hop)
    batch = {name: torch.from_numpy(np.stack([value] * n_windows)) for name, value in labels.items()}
    visual = torch.zeros(n_windows, *system.visual_spec.shape)
    return {"waveform": waveform, "visual": visual, **batch}


def training_step(system: System, n_windows: int, half: bool = False) -> Callable[[], None]:
    """Return a function that takes a training step: features, network, loss, gradient and an update by Adam.

    Args:
        system: is trained on noise; take one that is not needed afterwards.
        n_windows: of a batch.
        half: the network in bf16 (autocast).
    """
    batch = noise_batch(system, n_windows)
    learned = [weight for weight in system.model.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(learned, lr=1e-5, fused=True)
    system.train()

    def step() -> None:
        with torch.autocast(system.device.type, torch.bfloat16) if half else nullcontext():
            heads = system(batch["waveform"], batch["visual"])
        optimizer.zero_grad()
        system.training_loss(heads, batch)["loss"].backward()
        optimizer.step()

    return step


def forward_pass(system: System, n_windows: int = 1) -> Callable[[], None]:
    """Return a function that runs features and network on windows of noise, without gradient."""
    batch = noise_batch(system, n_windows)
    system.eval()

    def forward() -> None:
        with torch.no_grad():
            system(batch["waveform"], batch["visual"])

    return forward


def seconds_of(work: Callable[[], object]) -> float:
    """Measure the seconds of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def median_seconds(work: Callable[[], None], repeats: int = 3) -> float:
    """Measure the median of some calls, after one that is not timed."""
    work()
    return statistics.median(seconds_of(work) for _ in range(repeats))
