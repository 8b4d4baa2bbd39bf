"""Benchmark of training steps: windows per second, here and as in the published implementation."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avseld.base.memory import keep_freed_memory
from avseld.benchmarking import published
from avseld.benchmarking.corpus import CLASSES, write_corpus
from avseld.benchmarking.machine import alone, floor_of_step, made_of
from avseld.benchmarking.operators import count_operators
from avseld.benchmarking.processes import BATCH, bench_processes
from avseld.config import Data, Part
from avseld.data.loader import Numbers, loader
from avseld.data.windows import Windows
from avseld.io.manifest import read_manifest
from avseld.models.plain_layers import pytorch_layers
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.training.optimizers import optimizer_of

COMPARED, SEED = 50, 0
"""steps after which the losses are compared"""
LARGE = 260
"""recordings of a minute: as long as STARSS23's training part"""


def bench_training(weights: Path | None = None, steps: int = 12, recordings: int = 8) -> dict[str, Any]:
    """Time training steps of av_foa, each way in a process of its own.

    Args:
        weights: of the detector that the published way runs on one picture a window.
        steps: that are timed.
        recordings: of the corpus.

    Returns:
        Windows a second: `ours`, `published`, `ratio`; `ours_bf16`, `ratio_bf16` with bf16, and compiled;
        `floor` and `floor_bf16`, and what they are made of; `loss_difference` after 50 steps between ours and
        the plain path; start-up and memory on a corpus of STARSS23's size; peak memory of each; `processes`, see
        `bench_processes`; `operators_of_a_step`, see `count_operators`.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(folder, recordings)
        ours = alone(ours_a_second, folder, steps, "32-true", False)
        half = alone(ours_a_second, folder, steps, "bf16-mixed", False)
        compiled = alone(ours_a_second, folder, steps, "bf16-mixed", True)
        theirs = alone(published_a_second, folder, steps, weights)
        difference = alone(loss_difference, folder, COMPARED)["difference"]
        write_corpus(folder / "large", LARGE, 60, video=False, sparse=True)
        large = alone(start_up, folder / "large")
        processes = bench_processes(folder)
        operators = count_operators(fresh_system(), fresh_system(wrap=True), folder)
        floor, half_floor = alone(_floor, torch.float32), alone(_floor, torch.bfloat16)
    return {
        "ours": ours["rate"],
        "published": theirs["rate"],
        "ratio": ours["rate"] / theirs["rate"],
        "ours_bf16": half["rate"],
        "ratio_bf16": half["rate"] / theirs["rate"],
        "ours_bf16_compiled": compiled["rate"],
        "ratio_bf16_compiled": compiled["rate"] / theirs["rate"],
        "unit": "windows/s",
        "floor": BATCH / floor["floor"],
        "floor_is_made_of": made_of(floor),
        "floor_bf16": BATCH / half_floor["floor"],
        "floor_bf16_is_made_of": made_of(half_floor),
        "published_loads_s": theirs["loads"],
        "published_detector": theirs["detector"],
        "loss_difference": difference,
        "starss23_size": {name: round(float(value), 1) for name, value in large.items()},
        "peak_mb": {"ours": ours["peak_mb"], "ours_bf16": half["peak_mb"], "published": theirs["peak_mb"]},
        "processes": processes,
        "operators_of_a_step": operators,
        "threads": torch.get_num_threads(),
    }


def fresh_system(chunk: float = 1.27, wrap: bool = False) -> System:
    """Build the published audio-visual system with weights from one seed.

    Args:
        chunk: seconds of a window.
        wrap: whether boxes may continue beyond the seam of the picture, as rotated ones do.
    """
    torch.manual_seed(SEED)
    model = Part("avcrnn", {"width": 64, "hidden": 256, "wrap": wrap})
    return System(Blueprint(Part("amplitude_ipd"), model, Part("multi_accdoa"), CLASSES, chunk=chunk))


def start_up(folder: Path) -> dict[str, Any]:
    """Measure the seconds from the start to the end of the first step, and the hours of the corpus."""
    keep_freed_memory()
    begin = time.perf_counter()
    system = fresh_system()
    windows = windows_of(folder, system)
    step = step_of(system)
    batches = iter(loader(windows, Numbers(0, 6, BATCH), workers=0))
    step(next(batches))
    first = time.perf_counter() - begin
    for batch in batches:
        step(batch)
    return {"hours": windows.length.sum() / windows.rate / 3600, "start_s": first}


def windows_of(folder: Path, system: System) -> Windows:
    """Build training windows as a training run draws them."""
    data = Data(folder)
    there = [recording for recording in read_manifest(folder) if recording.fold == "fold3"]
    return Windows(there, system, data, SEED)


def step_of(system: System, precision: str = "32-true") -> Callable[[dict[str, Tensor]], Tensor]:
    """Return a function that takes a training step: batch -> loss."""
    optimizer = optimizer_of(Part("adam", {"lr": 1e-3, "weight_decay": 1e-6}), system)
    system.train()

    def step(batch: dict[str, Tensor]) -> Tensor:
        half = torch.autocast("cpu", torch.bfloat16) if precision == "bf16-mixed" else nullcontext()
        with half:
            output = system(batch["waveform"], batch["visual"])
        loss = system.training_loss({name: head.float() for name, head in output.items()}, batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def ours_a_second(
    folder: Path, steps: int, precision: str, compiled: bool, chunk: float = 1.27
) -> dict[str, Any]:
    """Measure windows per second of whole training steps: reading, features, labels, gradient, optimizer."""
    keep_freed_memory()
    system = fresh_system(chunk)
    if compiled:
        system.compile_model(network=False)
    step, warm_up = step_of(system, precision), 10  # until the heap has grown to what a step needs
    batches = iter(loader(windows_of(folder, system), Numbers(0, steps + warm_up, BATCH), workers=0))
    return {"rate": _rate(batches, step, warm_up, steps)}


def published_a_second(folder: Path, steps: int, weights: Path | None) -> dict[str, Any]:
    """Measure the same for the published implementation, which loads everything anew for every window."""
    there = [recording for recording in read_manifest(folder) if recording.fold == "fold3"]
    look = published.detector(weights)
    clips = published.Clips(there, look)
    system = fresh_system()
    model = system.model.train().to(memory_format=torch.contiguous_format)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-6)
    loading = 0.0

    def batches() -> Iterator[dict[str, Tensor]]:
        nonlocal loading
        while True:
            begin = time.perf_counter()
            batch = published.batch(clips, BATCH)
            loading += time.perf_counter() - begin
            yield batch

    def step(batch: dict[str, Tensor]) -> Tensor:
        with pytorch_layers():
            output = model.from_vectors(batch["features"], batch["vectors"])  # type: ignore[operator]
        loss = system.target.loss(output, batch)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    few, warm_up = max(steps // 2, 2), 1
    rate = _rate(batches(), step, warm_up, few)
    return {
        "rate": rate,
        "loads": loading / (few + warm_up),
        "detector": "none, no weights were given" if look is None else getattr(look, "about", "yes"),
    }


def loss_difference(folder: Path, steps: int) -> dict[str, Any]:
    """Measure how far the loss after some steps lies from that of PyTorch's layers, from the same seed."""
    losses = []
    for path in (nullcontext, pytorch_layers):
        system = fresh_system()
        if path is pytorch_layers:
            system.model.to(memory_format=torch.contiguous_format)
        step = step_of(system)
        with path():
            for batch in loader(windows_of(folder, system), Numbers(0, steps, BATCH), workers=0):
                loss = step(batch)
        losses.append(float(loss))
    return {"difference": abs(losses[0] - losses[1]), "losses": losses}


def _floor(kind: torch.dtype) -> dict[str, Any]:
    system = fresh_system()
    x = torch.randn(BATCH, system.features.n_features, system.window_frames, system.features.n_bins)
    return floor_of_step(system.model, x, torch.zeros(BATCH, 6, 4), kind=kind)


def _rate(
    batches: Iterator[dict[str, Tensor]],
    step: Callable[[dict[str, Tensor]], Tensor],
    warm_up: int,
    steps: int,
) -> float:
    """Compute windows per second from the median step, reading included."""
    seconds = []
    for number in range(warm_up + steps):
        begin = time.perf_counter()
        step(next(batches))
        if number >= warm_up:
            seconds.append(time.perf_counter() - begin)
    return BATCH / sorted(seconds)[len(seconds) // 2]
