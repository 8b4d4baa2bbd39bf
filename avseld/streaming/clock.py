"""Clocks of a stream: one that runs, and one that stands still while the machine computes."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time of a stream in seconds."""

    def now(self) -> float:
        """Return the present time; it never goes back."""
        ...


class RunningClock:
    """The clock of the machine, which no one sets."""

    def now(self) -> float:
        """Return the present time in seconds."""
        return time.monotonic()


class StandingClock:
    """A clock that moves with the sound alone: computing takes no time on it.

    Latencies on it are those of the method; those on a running clock are of the method and of the machine.
    """

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        """Return the time until which sound was heard."""
        return self._now

    def move(self, to: float) -> None:
        """Move to a time, seconds; an earlier one changes nothing."""
        self._now = max(self._now, to)
