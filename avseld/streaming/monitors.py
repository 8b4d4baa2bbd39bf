"""Monitors of an input: samples against the clock, and what the channels hold."""

from itertools import combinations

import numpy as np

from avseld.streaming.faults import FaultLog

SPAN_S = 2.0
"""seconds within which the earliest block tells how late the device is; blocks that come late alone do not count"""
LEAST_GAP_S = 0.02
"""shortest gap that is noticed; blocks of a sound card have 3 to 40 ms"""
LARGEST_DRIFT = 1e-3
"""by which the clock of a sound card may run fast or slow against that of the machine; quartzes have 1e-4 at most"""

FULL_SCALE = 32766.5 / 32768
"""samples of 16 bits reach it"""
CLIPPED_IN_A_ROW = 3
"""samples at full scale one after the other: one alone may be a loud sound"""
DEAD_S = 1.0
"""seconds without any change after which a channel is dead, while others change; microphones have noise"""
SILENT_S = 3.0
"""the same of all channels"""
IDENTICAL_S = 2.0
"""seconds of equal samples after which two channels are one"""


class GapMonitor:
    """Compares the samples of a device with the clock: it finds those that were lost without a word.

    A block may come late, never early. So in each span of time the least delay of a block shows where the device
    stands; where it jumps, samples are missing. Drift of the two clocks is no gap.

    Args:
        sample_rate: Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._missing = 0
        self._begin: float | None = None
        self._least = np.inf
        self._before: float | None = None
        self._first: tuple[float, float] | None = None
        self.drift = 0.0
        """by which the device's clock is slow, as a share; of the last span against the first"""

    @property
    def base(self) -> float:
        """Second of the clock at which the stream began, as the blocks of the last seconds say."""
        return min(self._least, np.inf if self._before is None else self._before)

    def add(self, position: int, time: float) -> int:
        """Take a block.

        Args:
            position: number of its first sample, with those known to be lost.
            time: second of the clock at which it was heard.

        Returns:
            Samples that are found missing now; they are counted from now on.
        """
        delay = time - (position + self._missing) / self._rate
        if self._begin is None:
            self._begin = time
        missing = 0
        if time - self._begin >= SPAN_S:
            missing = self._close(time)
            delay -= missing / self._rate
        self._least = min(self._least, delay)
        return missing

    def _close(self, time: float) -> int:
        """End a span; return the samples that are missing in it."""
        assert self._begin is not None
        jump = 0.0 if self._before is None else self._least - self._before
        missing = 0
        if jump > max(LEAST_GAP_S, LARGEST_DRIFT * (time - self._begin)):
            missing = round(jump * self._rate)
            self._missing += missing
            self._least -= jump
        self._before, self._least = self._least, np.inf
        if self._first is None:
            self._first = self._begin, self._before
        elif time > self._first[0] + 10 * SPAN_S:
            self.drift = (self._before - self._first[1]) / (time - self._first[0])
        self._begin = time
        return missing


class ChannelMonitor:
    """Watches the channels that are used: numbers, full scale, silence, and channels that are the same.

    Args:
        channels: (channel,) their indices in the input, for messages.
        sample_rate: Hz.
        faults: gets what is found.
        is_device: the input is a microphone, which is never quite silent; a file may be.
    """

    def __init__(self, channels: np.ndarray, sample_rate: int, faults: FaultLog, is_device: bool) -> None:
        self._channels, self._rate, self._faults = np.unique(channels), sample_rate, faults
        self._is_device = is_device
        self._silent = 0.0
        self._alone = np.zeros(len(self._channels))
        self._pairs = list(combinations(range(len(self._channels)), 2))
        self._same = np.zeros(len(self._pairs))
        self._last = np.zeros(len(self._channels), np.float32)

    def check(self, block: np.ndarray, time: float) -> np.ndarray:
        """Check a block.

        Args:
            block: (sample, channel) of the input.
            time: second of the stream at which it begins.

        Returns:
            The block, with silence for what is no finite number.
        """
        used = block[:, self._channels]
        finite = np.isfinite(used)
        if not finite.all():
            self._faults.report("not_finite", time, int((~finite).any(axis=1).sum()))
            block = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)
            used = block[:, self._channels]
        if len(used):
            self._check_scale(used, time)
            self._check_still(used, time)
            self._check_same(used, time)
            self._last = used[-1]
        return block

    def _check_scale(self, used: np.ndarray, time: float) -> None:
        if np.abs(used).max() < FULL_SCALE:
            return
        full = np.abs(used) >= FULL_SCALE
        row = full[CLIPPED_IN_A_ROW - 1 :].copy()
        for step in range(1, CLIPPED_IN_A_ROW):
            row &= full[CLIPPED_IN_A_ROW - 1 - step : len(full) - step]
        for channel in np.flatnonzero(row.any(axis=0)).tolist():
            self._faults.report("clipped", time, int(full[:, channel].sum()), self._name(channel))

    def _check_still(self, used: np.ndarray, time: float) -> None:
        still = (used == self._last).all(axis=0)
        duration = len(used) / self._rate
        before = self._silent
        self._silent = before + duration if still.all() else 0.0
        if self._is_device and before < SILENT_S <= self._silent:
            self._faults.report("silent", time)
        if still.all():
            return
        alone = np.where(still, self._alone + duration, 0.0)
        for channel in np.flatnonzero((alone >= DEAD_S) & (self._alone < DEAD_S)).tolist():
            self._faults.report("dead", time, where=self._name(channel))
        self._alone = alone

    def _check_same(self, used: np.ndarray, time: float) -> None:
        for index, (one, other) in enumerate(self._pairs):
            before = self._same[index]
            if (used[:, one] != used[:, other]).any():
                self._same[index] = 0.0
            elif (used[:, one] != used[0, one]).any():  # silence is the same everywhere
                self._same[index] += len(used) / self._rate
            if before < IDENTICAL_S <= self._same[index]:
                self._faults.report(
                    "identical", time, where=f"{self._name(one)} and {self._channels[other] + 1}"
                )

    def _name(self, channel: int) -> str:
        """Name a channel as `--channels` counts it."""
        return f"channel {self._channels[channel] + 1}"
