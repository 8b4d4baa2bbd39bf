"""A ring of samples between the thread that hears and the thread that computes."""

import threading
from collections import deque
from typing import NamedTuple

import numpy as np


class Block(NamedTuple):
    """Consecutive samples of an input."""

    samples: np.ndarray
    """(sample, channel) float32"""
    position: int
    """number of its first sample since the beginning, lost ones counted"""
    time: float
    """second of the clock at which its first sample was heard"""
    lost: int = 0
    """samples that were lost right before it"""
    overflow: bool = False
    """whether the device said that it had lost samples before it, without saying how many"""

    @property
    def stop(self) -> int:
        """Number of the sample after its last one."""
        return self.position + len(self.samples)


class _Mark(NamedTuple):
    """Where the samples of a block lie."""

    start: int
    n_samples: int
    position: int
    time: float
    lost: int
    overflow: bool


class Ring:
    """Samples in memory of a fixed size, for one thread that writes and one that reads.

    Neither waits for the other: the writer copies its samples once and never blocks, as the callback of a sound card
    must not. Where there is no room, the samples are lost, and the next block says how many.

    Args:
        n_samples: room.
        n_channels: channels of a sample.
    """

    def __init__(self, n_samples: int, n_channels: int) -> None:
        self._samples = np.zeros((n_samples, n_channels), np.float32)
        self._marks: deque[_Mark] = deque()
        # Each number is written by one thread alone.
        self._written = 0
        self._read = 0
        self._position = 0
        self._lost = 0
        self._overflow = False
        self._ended = False
        self._news = threading.Event()

    @property
    def room(self) -> int:
        """Samples that can be written now."""
        return len(self._samples) - (self._written - self._read)

    @property
    def waiting(self) -> int:
        """Samples that wait to be read."""
        return self._written - self._read

    @property
    def ended(self) -> bool:
        """Whether everything that will ever be written was read."""
        return self._ended and not self._marks

    @property
    def lost_at_end(self) -> int:
        """Samples lost since the last block that found room."""
        return self._lost

    def write(self, samples: np.ndarray, time: float, lost: int = 0, overflow: bool = False) -> bool:
        """Append a block; only the writing thread calls this.

        Args:
            samples: (sample, channel).
            time: second of the clock at which its first sample was heard.
            lost: samples that are known to be lost right before it.
            overflow: the device says that it lost some.

        Returns:
            Whether there was room.
        """
        n = len(samples)
        self._position += lost
        self._lost += lost
        self._overflow |= overflow
        if n > self.room:
            self._position += n
            self._lost += n
            self._news.set()
            return False
        start = self._written % len(self._samples)
        first = min(n, len(self._samples) - start)
        self._samples[start : start + first] = samples[:first]
        self._samples[: n - first] = samples[first:]
        self._marks.append(_Mark(start, n, self._position, time, self._lost, self._overflow))
        self._position += n
        self._written += n
        self._lost, self._overflow = 0, False
        self._news.set()
        return True

    def end(self) -> None:
        """Say that nothing will be written any more; only the writing thread calls this."""
        self._ended = True
        self._news.set()

    def read(self) -> Block | None:
        """Take the oldest block; only the reading thread calls this.

        Returns:
            The block; None if nothing waits.
        """
        if not self._marks:
            return None
        start, n, position, time, lost, overflow = self._marks.popleft()
        first = min(n, len(self._samples) - start)
        samples = np.concatenate([self._samples[start : start + first], self._samples[: n - first]])
        self._read += n
        return Block(samples, position, time, lost, overflow)

    def wait(self, seconds: float) -> None:
        """Wait until something is written, or for so many seconds; only the reading thread calls this."""
        self._news.clear()
        if not self._marks and not self._ended:
            self._news.wait(seconds)
