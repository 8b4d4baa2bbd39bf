"""The time of a stream: seconds of its sound, and when on the clock they were heard."""

from collections import deque

import numpy as np

from avseld.streaming.clock import Clock, StandingClock
from avseld.streaming.monitors import GapMonitor


class Timeline:
    """Counts the samples of an input, and keeps them beside the clock.

    Args:
        clock: of the stream.
        sample_rate: Hz of the input.
        is_device: its samples are counted against the clock; those that are missing count as heard.
    """

    def __init__(self, clock: Clock, sample_rate: int, is_device: bool) -> None:
        self._clock, self._rate, self._is_device = clock, sample_rate, is_device
        self._gaps = GapMonitor(sample_rate)
        self._position = 0
        self._heard: deque[tuple[float, float]] = deque()
        self._began: float | None = None

    @property
    def second(self) -> float:
        """Seconds of sound so far, lost ones counted."""
        return self._position / self._rate

    @property
    def drift(self) -> float:
        """By which the clock of the input is slow, as a share."""
        return self._gaps.drift

    def take(self, position: int, time: float) -> int:
        """Take note of a block before its samples.

        Args:
            position: number of its first sample, as its ring counts them.
            time: of the clock at which it was heard.

        Returns:
            Samples that are found missing before it; count them as heard (`add`), and those that the ring lost.
        """
        missing = self._gaps.add(position, time) if self._is_device or self._began is None else 0
        if self._began is None:
            self._began = time
        return missing

    def mark(self, time: float) -> None:
        """Say that the next sample was heard at a time of the clock."""
        self._heard.append((self.second, time))

    def add(self, n_samples: int) -> None:
        """Count samples of the input."""
        self._position += n_samples

    def second_of(self, time: float) -> float:
        """Convert a time of the clock to a second of the stream, 0 before its beginning."""
        if isinstance(self._clock, StandingClock):
            return time
        base = self._gaps.base
        return max(time - base, 0.0) if np.isfinite(base) else 0.0

    def now(self) -> float:
        """Return the present second of the stream."""
        return self.second_of(self._clock.now())

    def time_of(self, second: float) -> float:
        """Return the time of the clock at which a second was heard; seconds are asked for in rising order."""
        while len(self._heard) > 1 and self._heard[1][0] <= second:
            self._heard.popleft()
        at, time = self._heard[0] if self._heard else (0.0, self._clock.now())
        return time + second - at

    def behind(self, second: float) -> float:
        """Return how long ago a second sounded.

        Samples that a program writes into a pipe faster than they sound are never late.
        """
        now = self._clock.now()
        behind = now - self.time_of(second)
        return behind if self._is_device else min(behind, now - (self._began or 0.0) - second)
