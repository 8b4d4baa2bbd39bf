"""Benchmark of training in several processes of one machine: `avseld train` by number of processes and threads."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from avseld.base.errors import BadInput

EPOCH_STEPS = 30
"""steps of an epoch; the first one warms up, the second one is timed"""
BATCH = 16
"""windows of a step, over all processes"""


def bench_processes(folder: Path) -> dict[str, Any]:
    """Compare one process a core, of one thread each, with one process of one thread and one of all threads.

    Args:
        folder: a prepared folder of the benchmark (`avseld.benchmarking.corpus`).

    Returns:
        Windows a second of `avseld train`: `one_thread`; `all_threads` of one process; `processes`, all together;
        `apart`, as many trainings at the same time that exchange nothing and share the windows of a step, which is the
        limit of the machine. And how many times one thread the processes are, and the trainings apart.
    """
    n = os.cpu_count() or 1
    while BATCH % n:  # the windows of a step are shared out evenly
        n -= 1
    one, all_threads, several = (
        _rates(folder, 1, processes, threads, BATCH) for processes, threads in ((1, 1), (1, n), (n, 1))
    )
    apart = _rates(folder, n, 1, 1, BATCH // n)
    return {
        "one_thread": round(one, 1),
        "all_threads": round(all_threads, 1),
        "processes": round(several, 1),
        "apart": round(apart, 1),
        "n_processes": n,
        "times_one_thread": round(several / one, 2),
        "apart_times_one_thread": round(apart / one, 2),
    }


def processes_a_second(folder: Path, n: int, threads: int) -> float:
    """Measure the windows per second of `avseld train` on the CPU, of all processes together.

    Args:
        folder: a prepared folder of the benchmark; its boxes are not used.
        n: processes.
        threads: of each.

    Raises:
        BadInput: the training fails.
    """
    return _rates(folder, 1, n, threads, BATCH)


def _rates(folder: Path, trainings: int, n: int, threads: int, batch: int) -> float:
    """Add up the windows per second of some trainings at the same time, each in `n` processes."""
    with tempfile.TemporaryDirectory() as name:
        runs = [Path(name) / str(number) for number in range(trainings)]
        started = [_start(folder, run, n, threads, batch) for run in runs]
        for process in started:
            _, said = process.communicate()
            if process.returncode:
                raise BadInput(f"training in {n} processes fails: {said.strip().splitlines()[-1:]}")
        return sum(_rate(run) for run in runs)


def _start(folder: Path, run: Path, n: int, threads: int, batch: int) -> subprocess.Popen[str]:
    options = [
        "--config", "av_foa", "--data.prepared", str(folder), "--out", str(run), "--data.batch_size", str(batch),
        "--steps", str(2 * EPOCH_STEPS), "--validate_every", str(EPOCH_STEPS),
        "--data.video", "blank", "--data.validate", "[fold4]",
        "--hardware.accelerator", "cpu", "--hardware.devices", str(n),
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "avseld", "train", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    )


def _rate(run: Path) -> float:
    board = EventAccumulator(str(run)).Reload()
    return float(board.Scalars("throughput/windows_per_s")[-1].value)
