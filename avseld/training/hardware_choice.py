"""`hardware.precision auto`: the fastest way to train on this machine, by a trial of some steps."""

import copy
import logging
import os
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch
from torch.utils.data import default_collate

from avseld.base.errors import BadInput
from avseld.base.processes import is_first_process
from avseld.config import DeviceCacheChoice, Hardware, Part, Recipe
from avseld.data.device_cache import DeviceCache, cached_bytes
from avseld.data.windows import Batch, Windows, WindowSource
from avseld.io.run_config import read_config
from avseld.io.run_weights import CONFIG
from avseld.system.build import System
from avseld.system.timing import seconds_of
from avseld.training.optimizers import optimizer_of
from avseld.training.random_state import random_state, set_random_state

log = logging.getLogger(__name__)

AUTO, FULL, HALF = "auto", "32-true", "bf16-mixed"
WARM_UP_STEPS, TIMED_STEPS = 3, 5
"""steps of a trial: memory and tables are made in the first ones; the median of the others counts"""
LEAST_GAIN = 0.05
"""share of a step that a choice must save, so that it is not decided by chance"""
LONG_TRAINING_S = 1800.0
"""seconds of a training from which compiling is tried; it takes up to a minute itself"""
MEMORY_SHARE = 0.25
"""share of the machine's memory that recordings may take, where the CPU trains"""
N_CACHED = 2
"""recordings of the trial of gathering, whose time does not depend on their number"""
WAIT_S = 900.0
"""how long other processes wait for the choice of the first one"""


@dataclass(frozen=True)
class Choice:
    """What a trial has found.

    Args:
        precision: for Lightning's Trainer.
        compile: use torch.compile.
        device_cache: as in `data`.
        reasons: measured seconds, for the log.
    """

    precision: str
    compile: bool
    device_cache: DeviceCacheChoice
    reasons: tuple[str, ...] = ()


def with_choice(recipe: Recipe, system: System, windows: WindowSource, out: Path, resume: bool) -> Recipe:
    """Replace `hardware.precision auto` by what is fastest; every process of a training gets the same.

    Args:
        recipe: of the training; one with another precision is returned as it is.
        system: it and the random generators stay as they are.
        windows: of the training.
        out: run folder, in whose recipe the choice is kept.
        resume: whether the run goes on, which keeps its choice.
    """
    hardware = recipe.hardware or Hardware()
    if hardware.precision != AUTO:
        return recipe
    if resume or not is_first_process():
        choice = _kept_choice(out)
    else:
        choice = choose(recipe, system, windows)
        log.info("hardware.precision auto: %s (%s)", _in_words(choice), "; ".join(choice.reasons))
    return replace(
        recipe,
        hardware=replace(hardware, precision=choice.precision, compile=choice.compile),
        data=replace(recipe.data, device_cache=choice.device_cache),
    )


def choose(recipe: Recipe, system: System, windows: WindowSource) -> Choice:
    """Try single precision and bf16, compiling where a training is long, and recordings kept in memory.

    Args:
        recipe: optimizer, batch size, number of steps, and what is not to be changed.
        system: is copied.
        windows: of the training.
    """
    hardware, data = recipe.hardware or Hardware(), recipe.data
    device = _device(hardware)
    if device is None:
        reason = f"no trial on {hardware.accelerator}"
        return Choice(FULL, hardware.compile, data.device_cache, (reason,))
    before = random_state()
    try:
        batch, reading_s = _first_batch(windows, data.batch_size)
        full_s = _step_seconds(system, recipe.optimizer, batch, device, FULL, hardware.compile)
        half_s = _step_seconds(system, recipe.optimizer, batch, device, HALF, hardware.compile, 2 * full_s)
        reasons = [f"a step takes {full_s:.3g} s with {FULL}, {half_s:.3g} s with {HALF}"]
        precision, step_s = (HALF, half_s) if half_s < (1 - LEAST_GAIN) * full_s else (FULL, full_s)
        compiled = hardware.compile
        if device.type == "cpu" and not compiled and recipe.steps * step_s > LONG_TRAINING_S:
            compiled_s = _step_seconds(system, recipe.optimizer, batch, device, precision, True)
            reasons.append(f"{compiled_s:.3g} s compiled")
            compiled = compiled_s < (1 - LEAST_GAIN) * step_s
        cache = data.device_cache
        if cache == "auto" and device.type == "cpu":
            cache, reason = _cache_choice(windows, system, recipe, reading_s, step_s)
            reasons.append(reason)
        return Choice(precision, compiled, cache, tuple(reasons))
    finally:
        set_random_state(before)


def _device(hardware: Hardware) -> torch.device | None:
    """Return the device of a trial; None for an accelerator of another kind, or one that is not there."""
    if hardware.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu") if hardware.accelerator in ("auto", "cpu") else None


def _first_batch(windows: WindowSource, size: int) -> tuple[Batch, float]:
    """Read a batch, and the seconds that it takes when the files have been opened before."""
    windows = copy.copy(windows)  # one that reads in order begins anew
    batches: list[Batch] = []

    def read() -> None:
        batches.append(default_collate([windows[number] for number in range(size)]))

    seconds = min(seconds_of(read) for _ in range(2))
    return batches[0], seconds


def _step_seconds(
    system: System,
    optimizer: Part,
    batch: Batch,
    device: torch.device,
    precision: str,
    compiled: bool,
    limit_s: float = float("inf"),
) -> float:
    """Time a training step of a copy of the system, reading left out.

    Args:
        system: to copy.
        optimizer: of the recipe.
        batch: to learn from.
        device: where.
        precision: 32-true or bf16-mixed.
        compiled: use torch.compile as a training does.
        limit_s: seconds of a step after which the trial ends: a CPU without bf16 units takes minutes.
    """
    own = copy.deepcopy(system).to(device).train()
    if compiled:
        own.compile_model(network=device.type != "cpu")
    stepper = optimizer_of(optimizer, own)
    on_device = {name: value.to(device) for name, value in batch.items()}

    def step() -> None:
        half = torch.autocast(device.type, torch.bfloat16) if precision == HALF else nullcontext()
        with half:
            output = own(on_device["waveform"], on_device.get("visual"))
        own.training_loss(output, on_device)["loss"].backward()
        stepper.step()
        stepper.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize()

    seconds: list[float] = []
    for _ in range(WARM_UP_STEPS + TIMED_STEPS):
        seconds.append(seconds_of(step))
        if seconds[-1] > limit_s and not compiled:
            return min(seconds)
    return median(seconds[WARM_UP_STEPS:])


def _cache_choice(
    windows: WindowSource, system: System, recipe: Recipe, reading_s: float, step_s: float
) -> tuple[DeviceCacheChoice, str]:
    """Compare reading a batch from its files with gathering it from memory.

    Returns:
        `data.device_cache`, and why.
    """
    least_s = LEAST_GAIN * (reading_s + step_s)
    measured = f"reading takes {reading_s:.3g} s"
    if not isinstance(windows, Windows) or reading_s < least_s:
        return "auto", measured
    if cached_bytes(windows) > MEMORY_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
        return "auto", f"{measured}, but the recordings would fill more than a quarter of the memory"
    few = Windows(windows.recordings[:N_CACHED], system, recipe.data, windows.seed, windows.augment)
    try:
        cache = DeviceCache(few, torch.device("cpu"))
    except BadInput as error:
        return "auto", f"{measured}; {error}"
    places = cache.places(range(recipe.data.batch_size))
    gathering_s = median(seconds_of(lambda: cache.batch(places)) for _ in range(TIMED_STEPS))
    found: DeviceCacheChoice = "always" if reading_s - gathering_s > least_s else "auto"
    return found, f"{measured} from files, {gathering_s:.3g} s from memory"


def _kept_choice(out: Path) -> Choice:
    """Return the choice in the recipe of a run, which the first process writes.

    Raises:
        BadInput: it is not there after a quarter of an hour.
    """
    until = time.monotonic() + WAIT_S
    while not (out / CONFIG).is_file() and time.monotonic() < until:
        time.sleep(0.2)
    if not (out / CONFIG).is_file():
        raise BadInput(
            f"{out / CONFIG}: the first process has not written it; do all processes see this folder?"
        )
    kept = read_config(out)
    hardware = kept.get("hardware") or {}
    precision = hardware.get("precision", FULL)
    return Choice(
        FULL if precision == AUTO else precision,
        bool(hardware.get("compile", False)),
        kept["data"].get("device_cache", "auto"),
    )


def _in_words(choice: Choice) -> str:
    words = [choice.precision, "compiled" if choice.compile else "not compiled"]
    if choice.device_cache == "always":
        words.append("recordings kept in memory")
    return ", ".join(words)
