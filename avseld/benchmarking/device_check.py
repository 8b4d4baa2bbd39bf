"""What a GPU does with the published training: steps a second by path, work and kernels of a step, whole trainings.

`python -m avseld.benchmarking.device_check FOLDER [--rehearse] [--steps N] [--json FILE]`

Run by `scripts/bench_gpu.sh --device-check`. Ends within six minutes. With --rehearse the same code runs on the CPU
with two steps, so that a run on a rented GPU does not fail on a slip.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avseld.benchmarking.corpus import CLASSES, write_recording
from avseld.benchmarking.operators import AUGMENTED
from avseld.benchmarking.processes import BATCH
from avseld.benchmarking.steps import fresh_system
from avseld.config import Data, Part
from avseld.data.augmentation import augmentation
from avseld.data.device_cache import DeviceCache
from avseld.data.device_places import Places
from avseld.data.loader import Numbers
from avseld.data.windows import Windows
from avseld.io.manifest import Recording, read_manifest, write_manifest
from avseld.training.captured import CapturedStep
from avseld.training.optimizers import optimizer_of

N_TRAINING, N_VALIDATION = 228, 210
"""recordings of a minute: 3.8 and 3.5 hours, as long as STARSS23's training and validation parts"""
COMPARED = 200
"""steps after which the losses of the paths are compared"""


@dataclass(frozen=True)
class StepPath:
    """One way of running a training step.

    Args:
        name: for the table.
        captured: whether steps are replayed as a CUDA graph.
        half: bf16 autocast.
        tf32: TF32 in matrix products, beside the convolutions that have it by default.
        augmented: scenes are rotated and mixed, features masked and shifted.
    """

    name: str
    captured: bool
    half: bool = False
    tf32: bool = False
    augmented: bool = False


PATHS = (
    StepPath("launched one by one", False),
    StepPath("CUDA graph", True),
    StepPath("CUDA graph, TF32 products", True, tf32=True),
    StepPath("CUDA graph, bf16", True, half=True),
    StepPath("CUDA graph, augmented", True, augmented=True),
)


class Steps:
    """Training steps of av_foa from a corpus on the device, without Lightning.

    Args:
        cache: the corpus.
        path: how steps run.
    """

    def __init__(self, cache: DeviceCache, path: StepPath) -> None:
        self.cache, self.path, self.device = cache, path, cache.device
        self.system = fresh_system(wrap=path.augmented).to(self.device).train()
        if path.augmented:
            augmentation(self.system, list(AUGMENTED), "foa")  # its masks; the cache changes scenes
        options = {"lr": 1e-3, "weight_decay": 1e-6}
        self.optimizer = optimizer_of(Part("adam", options), self.system)
        self.step = CapturedStep(self._learn, self.optimizer, cache, path.captured)

    def run(self, places: Places) -> Tensor:
        """Run the steps of (step, window) places; returns the losses (step,) on the device."""
        torch.set_float32_matmul_precision("high" if self.path.tf32 else "highest")
        half = torch.autocast(self.device.type, torch.bfloat16) if self.path.half else nullcontext()
        losses = []
        with half:
            for number in range(len(places.sample)):
                losses.append(self.step(places[number]).clone())
        return torch.cat(losses)

    def _learn(self, batch: dict[str, Tensor]) -> Tensor:
        self.optimizer.zero_grad()
        output = self.system(batch["waveform"], batch["visual"])
        loss = self.system.training_loss(output, batch)["loss"]
        loss.backward()
        return loss.detach()[None]


def cache_of(
    folder: Path, recordings: Sequence[Recording], device: torch.device, augment: Sequence[Part] = ()
) -> DeviceCache:
    """Keep the recordings of a folder on a device, for windows whose scenes are changed as a recipe says."""
    system = fresh_system(wrap=bool(augment))
    changes = augmentation(system, list(augment), "foa")
    return DeviceCache(Windows(recordings, system, Data(folder), 0, changes), device)


def places_of(cache: DeviceCache, steps: int, first: int = 0) -> Places:
    """Draw the windows of some steps and upload their places."""
    numbers = list(Numbers(first, steps, BATCH))
    return cache.places(numbers).reshape(-1, BATCH).to(cache.device)


def steps_a_second(cache: DeviceCache, path: StepPath, steps: int, compared: int) -> dict[str, Any]:
    """Time steps of one path.

    Returns:
        steps_s; loss: mean of the last tenth of the first `compared` steps; captured: whether a graph was replayed;
        gpu_ms and kernels of a step that is launched one by one.
    """
    work = Steps(cache, path)
    losses = work.run(places_of(cache, compared))
    tail = losses[-max(compared // 10, 1) :].float().mean()
    places = places_of(cache, steps, compared)
    wait(cache.device)
    begin = time.perf_counter()
    work.run(places)
    wait(cache.device)
    rate = steps / (time.perf_counter() - begin)
    result = {"steps_s": rate, "loss": float(tail), "captured": work.step.graph is not None}
    if cache.device.type == "cuda" and not path.captured:
        result |= profile(lambda: work.run(places_of(cache, 10, compared)), 10)
    return result


def profile(work: Callable[[], Any], steps: int) -> dict[str, Any]:
    """Measure busy milliseconds and kernels a step of the GPU, and its longest kernels."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    with profiler(activities=[ProfilerActivity.CUDA]) as found:
        work()
        torch.cuda.synchronize()
    events = [event for event in found.key_averages() if event.self_device_time_total > 0]
    events.sort(key=lambda event: -event.self_device_time_total)
    longest = [
        (event.key[:60], round(event.self_device_time_total / steps / 1e3, 3)) for event in events[:12]
    ]
    return {
        "gpu_ms": sum(event.self_device_time_total for event in events) / steps / 1e3,
        "kernels": sum(event.count for event in events) / steps,
        "longest_ms": longest,
    }


def wait(device: torch.device) -> None:
    """Wait until the device has done all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def write_corpus_in_parallel(folder: Path, training: int, validation: int, seconds: int) -> None:
    """Write recordings of folds 3 and 4 with labels, boxes and stand-in videos, a process a core."""
    names = [f"fold3_room1_mix{n:03}" for n in range(training)] + [
        f"fold4_room2_mix{n:03}" for n in range(validation)
    ]
    with ProcessPoolExecutor(os.cpu_count(), get_context("forkserver")) as pool:
        jobs = [
            pool.submit(write_recording, folder, name, number, seconds, "stand_in")
            for number, name in enumerate(names)
        ]
        write_manifest(folder, [job.result() for job in jobs], CLASSES)


def whole_training(folder: Path, out: Path, steps: int, validations: int, *more: str) -> dict[str, Any]:
    """Run `avseld train` in a process of its own.

    Returns:
        start_s: from the call to the first step; total_s and validations_s from the first step on; steps_s.
    """
    words = ["--config", "av_foa", "--data.prepared", str(folder), "--out", str(out), "--steps", str(steps)]
    words += ["--validate_every", str(steps // validations), "--data.validate", "[fold4]", *more]
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "avseld", "train", *words], capture_output=True, text=True)
    took = time.perf_counter() - begin
    found = re.search(r"(\d+) steps in ([\d.]+) s, ([\d.]+) s of it for (\d+) validations", done.stderr)
    if done.returncode or found is None:
        return {"failed": (done.stderr or done.stdout)[-2000:]}
    total, validating = float(found[2]), float(found[3])
    warned = [line for line in done.stderr.splitlines() if "CUDA graph" in line or "Warning" in line][:5]
    return {
        "start_s": took - total, "total_s": total, "validations_s": validating,
        "steps_s": steps / max(total - validating, 1e-9), "warned": warned,
    }  # fmt: skip


def main() -> None:
    """Run the check and print a table and one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--validations", type=int, default=20)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--train", nargs="*", default=[], help="more options of avseld train")
    words = parser.parse_args()
    if not words.rehearse and not torch.cuda.is_available():
        sys.exit("device_check: no GPU is here; --rehearse runs the same code on the CPU")
    device = torch.device("cpu" if words.rehearse else "cuda:0")
    training, validation, seconds = (4, 2, 4) if words.rehearse else (N_TRAINING, N_VALIDATION, 60)
    few, compared = (2, 4) if words.rehearse else (400, COMPARED)
    result: dict[str, Any] = {"device": "cpu" if words.rehearse else torch.cuda.get_device_name(0)}

    def note(name: str, value: Any) -> None:
        result[name] = value
        sys.stdout.write(f"{name}: {json.dumps(value)}\n")
        sys.stdout.flush()
        if words.json:
            words.json.write_text(json.dumps(result))

    began = time.perf_counter()
    if not (words.folder / "manifest.csv").exists():
        write_corpus_in_parallel(words.folder, training, validation, seconds)
    note("corpus_s", time.perf_counter() - began)
    recordings = [r for r in read_manifest(words.folder) if r.fold == "fold3"]
    began = time.perf_counter()
    cache = cache_of(words.folder, recordings, device)
    note("cache_s", time.perf_counter() - began)
    for path in PATHS:
        try:
            if path.augmented:
                cache = cache_of(words.folder, recordings, device, AUGMENTED)
            note(path.name, steps_a_second(cache, path, few, compared))
        except RuntimeError as error:
            note(path.name, {"failed": str(error)[:500]})
    del cache
    if device.type == "cuda":
        torch.cuda.empty_cache()
    steps, validations = (4, 2) if words.rehearse else (words.steps, words.validations)
    more = [
        *words.train,
        *(["--hardware.accelerator", "cpu", "--data.device_cache", "always"] if words.rehearse else []),
    ]
    out = words.folder.parent / f"run_{os.getpid()}"
    note("training", whole_training(words.folder, out, steps, validations, *more))
    table = [f"{'path':<28}{'steps/s':>9}{'loss':>9}"]
    for path in PATHS:
        row = result[path.name]
        if "steps_s" in row:
            table.append(f"{path.name:<28}{row['steps_s']:>9.1f}{row['loss']:>9.4f}")
    sys.stdout.write("\n".join(table) + "\n" + json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
