"""The order in which a training reads the recordings of shards, and the order of their windows.

A process reads its archives one after another and holds the recordings that it read last: a buffer of so many bytes.
A window is drawn while its recording is in the buffer. All of it is a function of seed, number of processes and window
number, computed from the lengths in the index without reading any sound, so that a resumed run jumps to its place:

* An epoch visits every recording once: the archives in random order, shared out among the processes, each archive from
  beginning to end.
* A visit gives as many windows as its recording is due (`windows`), rounded up or down at random.
* The recordings of a process are dealt out to some lanes, each with its share of the buffer. Steps take lanes in turn,
  so that a reading process that computes every second step holds half of the recordings.
* A visit arrives in its lane at the number of bytes that arrived before, and stays until `buffer` more have arrived;
  each of its windows has a random moment within that time. Windows follow each other by these moments, across the end
  of an epoch, too.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from avseld.base.errors import BadInput

N_LANES = 4
"""a batch then comes from a quarter of the buffer, and 1, 2 or 4 reading processes share the buffer without overlap"""
STREAM = 0x5A4D
"""sets the draws of the order apart from those of windows"""


class VisitId(NamedTuple):
    """A visit of a lane."""

    epoch: int
    number: int


@dataclass(frozen=True, eq=False)
class Visits:
    """The visits of a lane in an epoch, in the order in which they are read."""

    recording: np.ndarray
    """(visit,) number of the recording"""
    n_windows: np.ndarray
    """(visit,) windows drawn from it, at least 1"""
    arrival: np.ndarray
    """(visit,) bytes of the epoch before it"""
    n_bytes: int
    """of all of them"""

    def __len__(self) -> int:
        return len(self.recording)


@dataclass(frozen=True, eq=False)
class Interval:
    """The windows of a lane while the recordings of an epoch arrive, some of them of recordings of the epoch before."""

    epoch: int
    first: int
    """number of the first window in the lane"""
    moment: np.ndarray
    """(window,) bytes of the epoch that have arrived, rising"""
    visit: np.ndarray
    """(window,) place of the visit: those of the epoch before, then those of the epoch"""
    arrival: np.ndarray
    """(visit,) bytes of the epoch; below 0 for visits of the epoch before"""
    recording: np.ndarray
    """(visit,) number of the recording"""
    n_windows: np.ndarray
    """(visit,) windows of it"""
    n_before: int
    """visits of the epoch before"""
    span: tuple[int, int]
    """bytes for which visits stay: those of the epoch before, those of the epoch"""

    def __len__(self) -> int:
        return len(self.moment)

    def id(self, visit: int) -> VisitId:
        """Name a visit of either epoch."""
        is_before = visit < self.n_before
        return VisitId(self.epoch - is_before, int(visit) - (0 if is_before else self.n_before))

    def held(self, window: int) -> np.ndarray:
        """Return the places of the visits in the buffer at a window of the interval, in the order of their arrival."""
        moment, n = self.moment[window], self.n_before
        # Whole numbers, as searching for a fraction would copy the arrivals of an epoch.
        since = [int(np.floor(moment - span)) for span in self.span]
        old = np.searchsorted(self.arrival[:n], since[0], side="right")
        first, last = np.searchsorted(self.arrival[n:], [since[1], int(moment)], side="right")
        return np.concatenate([np.arange(old, n), np.arange(n + first, n + last)])


class ShardOrder:
    """The order of one process.

    Args:
        shard: (recording,) archive of each recording; those of an archive in the order in which they lie there.
        n_bytes: (recording,) bytes that it takes in the buffer.
        windows: (recording,) windows to draw from it in an epoch, on average; above 0.
        buffer: bytes that the process holds.
        seed: of everything random.
        rank: number of the process.
        n_processes: number of processes.

    Raises:
        BadInput: fewer archives than processes.
    """

    def __init__(
        self,
        shard: np.ndarray,
        n_bytes: np.ndarray,
        windows: np.ndarray,
        buffer: float,
        seed: int,
        rank: int = 0,
        n_processes: int = 1,
    ) -> None:
        self.n_bytes, self.windows, self.seed = n_bytes, windows, seed
        self.rank, self.n_processes = rank, n_processes
        self.members = np.argsort(shard, kind="stable")
        self.shards, count = np.unique(shard, return_counts=True)
        self.begin = np.concatenate([[0], np.cumsum(count)])
        if len(self.shards) < n_processes:
            raise BadInput(
                f"data.prepared: {len(self.shards)} archives to train on for {n_processes} processes; write smaller "
                "ones with avseld-prep shards --shard_mb"
            )
        # So few that every lane gets a recording in every epoch, whichever archives the process has.
        fewest = int(np.sort(count)[: len(self.shards) // n_processes].sum())
        self.n_lanes = min(N_LANES, fewest)
        self.buffer = max(int(buffer) // self.n_lanes, 1)
        self.intervals: dict[int, Interval] = {}
        self.dealt = lru_cache(maxsize=4)(self._dealt)

    def epoch(self, number: int) -> np.ndarray:
        """Return the recordings that the process reads in an epoch, in their order."""
        order = self._random(1, number).permutation(len(self.shards))
        own = order[self.rank :: self.n_processes]
        return np.concatenate([self.members[self.begin[n] : self.begin[n + 1]] for n in own])

    def _random(self, kind: int, *words: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, STREAM, kind, *words])

    def _dealt(self, number: int) -> list[Visits]:
        """Deal out the recordings of an epoch to the lanes."""
        recordings = self.epoch(number)
        random = self._random(2, number, self.rank)
        # Another lane for the same recording in every epoch, as lanes have unequal numbers of recordings.
        lane = (np.arange(len(recordings)) + random.integers(self.n_lanes)) % self.n_lanes
        count = np.floor(self.windows[recordings] + random.random(len(recordings))).astype(np.int64)
        dealt = []
        for each in range(self.n_lanes):
            chosen = (lane == each) & (count > 0)
            size = self.n_bytes[recordings[chosen]].astype(np.int64)
            arrival = np.cumsum(size) - size
            dealt.append(Visits(recordings[chosen], count[chosen], arrival, int(size.sum())))
        return dealt

    def visits(self, lane: int, epoch: int) -> Visits:
        """Return the visits of a lane in an epoch; none in the epoch before the first."""
        if epoch < 0:
            nothing = np.zeros(0, np.int64)
            return Visits(nothing, nothing, nothing, 0)
        return self.dealt(epoch)[lane]

    def _span(self, lane: int, epoch: int) -> int:
        """Bytes for which the visits of an epoch stay; no longer than until the end of the next epoch."""
        return max(min(self.buffer, self.visits(lane, epoch + 1).n_bytes), 1)

    def _moments(self, lane: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw the moments of the windows of an epoch, in bytes of the epoch, and their visits."""
        visits = self.visits(lane, epoch)
        which = np.repeat(np.arange(len(visits)), visits.n_windows)
        random = self._random(3, max(epoch, 0), self.rank, lane)
        return visits.arrival[which] + random.random(len(which)) * self._span(lane, epoch), which

    def _interval(self, lane: int, epoch: int, first: int) -> Interval:
        before, now = self.visits(lane, epoch - 1), self.visits(lane, epoch)
        old_moment, old_visit = self._moments(lane, epoch - 1)
        late = old_moment >= before.n_bytes
        moment, visit = self._moments(lane, epoch)
        early = moment < now.n_bytes
        moments = np.concatenate([old_moment[late] - before.n_bytes, moment[early]])
        order = np.argsort(moments, kind="stable")
        return Interval(
            epoch,
            first,
            moments[order],
            np.concatenate([old_visit[late], visit[early] + len(before)])[order],
            np.concatenate([before.arrival - before.n_bytes, now.arrival]),
            np.concatenate([before.recording, now.recording]),
            np.concatenate([before.n_windows, now.n_windows]),
            len(before),
            (self._span(lane, epoch - 1), self._span(lane, epoch)),
        )

    def find(self, lane: int, number: int) -> tuple[Interval, int]:
        """Find a window of a lane by its number.

        Returns:
            The interval, and the place of the window in it.
        """
        interval = self.intervals.get(lane)
        if interval is None or number < interval.first:
            interval = self._interval(lane, 0, 0)
        while number >= interval.first + len(interval):
            interval = self._interval(lane, interval.epoch + 1, interval.first + len(interval))
        self.intervals[lane] = interval
        return interval, number - interval.first

    def lane_of(self, step: int, share: int, place: int) -> tuple[int, int]:
        """Return lane and number of a window within it.

        Args:
            step: of the training.
            share: windows of a step that the process computes.
            place: of the window among them.
        """
        return step % self.n_lanes, step // self.n_lanes * share + place
