"""Batches of training windows, in the order of their running numbers."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process

import torch
from torch.utils.data import DataLoader, Sampler

from avseld.base.errors import BadInput
from avseld.base.prefetch import prefetch
from avseld.base.rates import exact_div
from avseld.data.windows import Batch, WindowSource


class Numbers(Sampler[int]):
    """Running numbers of the windows that one process computes in some consecutive steps.

    Args:
        first_step: steps done before.
        steps: steps to do.
        batch_size: windows a step over all processes.
        rank: number of this process.
        n_processes: number of processes.
    """

    def __init__(
        self, first_step: int, steps: int, batch_size: int, rank: int = 0, n_processes: int = 1
    ) -> None:
        self.first_step, self.steps, self.batch_size = first_step, steps, batch_size
        self.share = exact_div(batch_size, n_processes, "windows of a batch and processes")
        self.rank, self.n_processes = rank, n_processes

    def __len__(self) -> int:
        return self.steps * self.share

    def __iter__(self) -> Iterator[int]:
        for step in range(self.first_step, self.first_step + self.steps):
            begin = step * self.batch_size + self.rank * self.share
            yield from range(begin, begin + self.share)


class Prefetcher:
    """Lets a thread read the next batches while a step runs.

    Args:
        batches: the batches to read.
    """

    def __init__(self, batches: DataLoader[Batch]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        yield from prefetch(self.batches)


def loader(
    windows: WindowSource, numbers: Numbers, workers: int, device: torch.device | None = None
) -> DataLoader[Batch] | Prefetcher:
    """Load batches of windows in the order of their numbers.

    Without workers, a thread reads ahead while a GPU computes. On a processor reading and computing take turns: all its
    cores work on a step, and a thread beside them keeps them waiting for longer than it reads (docs/performance.md).

    Args:
        windows: the windows to read.
        numbers: their running numbers.
        workers: number of reading processes.
        device: the device that computes; the CPU if None.
    """
    batches = _batches(windows, numbers, numbers.share, workers, device)
    return batches if workers or device is None or device.type == "cpu" else Prefetcher(batches)


def _batches(
    windows: WindowSource,
    numbers: Sampler[int],
    share: int,
    workers: int,
    device: torch.device | None,
    persistent: bool = False,
) -> DataLoader[Batch]:
    return DataLoader(
        windows,
        batch_size=share,
        sampler=numbers,
        num_workers=workers,
        pin_memory=device is not None and device.type == "cuda",
        prefetch_factor=4 if workers else None,
        multiprocessing_context="forkserver" if workers else None,
        worker_init_fn=_prepare_worker if workers else None,
        persistent_workers=persistent and workers > 0,
    )


class LastingLoader:
    """Loads batches of one stretch of steps after the other; reading processes stay, with what they hold in memory.

    Args:
        windows: the windows to read.
        workers: number of reading processes.
        device: the device that computes; the CPU if None.
    """

    def __init__(self, windows: WindowSource, workers: int, device: torch.device | None = None) -> None:
        self.windows, self.workers, self.device = windows, workers, device
        self.numbers: Numbers | None = None
        self.batches: DataLoader[Batch] | None = None

    def over(self, numbers: Numbers) -> "LastingLoader":
        """Set the running numbers of the windows to come."""
        self.numbers = numbers
        self.windows.shared_by(numbers.n_processes)
        return self

    def __len__(self) -> int:
        return 0 if self.numbers is None else self.numbers.steps

    def __iter__(self) -> Iterator[Batch]:
        assert self.numbers is not None
        if self.batches is None:
            sampler = _Current(self)
            self.batches = _batches(
                self.windows, sampler, self.numbers.share, self.workers, self.device, persistent=True
            )
        reads_itself = not self.workers and self.device is not None and self.device.type != "cpu"
        yield from prefetch(self.batches) if reads_itself else self.batches


class _Current(Sampler[int]):
    """The running numbers that a loader is set to."""

    def __init__(self, loader: LastingLoader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return 0 if self.loader.numbers is None else len(self.loader.numbers)

    def __iter__(self) -> Iterator[int]:
        assert self.loader.numbers is not None
        return iter(self.loader.numbers)


def _prepare_worker(worker: int) -> None:
    """Let a reading process go on at Ctrl-C, which reaches all processes, but not without the training.

    At Ctrl-C the training stops after its step. Where it is killed, nothing else ends its readers: they wait for the
    fork server, and the fork server for them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def explaining_workers() -> Iterator[None]:
    """Turn errors of reading processes into one line.

    Raises:
        BadInput: a process ended, or found bad input.
    """
    try:
        yield
    except BadInput as error:
        if "in DataLoader worker process" not in str(error):
            raise
        raise BadInput(str(error).strip().rpartition("BadInput: ")[2]) from error  # after the traceback
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise BadInput(
            "data.workers: a process that reads windows was ended, most often for want of memory; go on with a smaller "
            "--data.workers (--resume RUN takes it)"
        ) from error
