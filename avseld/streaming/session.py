"""A stream from its input to its outputs: the loop of the thread that computes."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avseld.io.array_setup import ArraySetup
from avseld.streaming.budget import LATENCY, Budget
from avseld.streaming.clock import Clock
from avseld.streaming.conversion import Conversion
from avseld.streaming.engine import Engine, Stretch
from avseld.streaming.faults import FaultLog
from avseld.streaming.messages import Message, Teller
from avseld.streaming.monitors import ChannelMonitor
from avseld.streaming.people import Watcher
from avseld.streaming.record import Recorder
from avseld.streaming.ring import Block, Ring
from avseld.streaming.sinks.queued import QueuedSink
from avseld.streaming.sources import Source
from avseld.streaming.summary import Tally, summary_message, summary_text
from avseld.streaming.timeline import Timeline

log = logging.getLogger(__name__)

RING_S = 10.0
"""seconds of sound that may wait while this program stands still"""
KEPT_RING_S = 60.0
"""the same where nothing may be skipped"""
LATE_S = 1.0
"""seconds behind the present from which sound is skipped"""
SILENCE_S = 2.0
"""seconds without a block after which an input has stopped"""
CHUNK_S = 1.0
"""seconds of silence that are put at once where sound was lost"""


@dataclass
class Parts:
    """What a session is made of.

    Args:
        source: the input.
        clock: of the stream.
        timeline: its seconds.
        conversion: from the input to the system.
        engine: features and network.
        sinks: outputs.
        faults: collects what goes wrong.
        budget: of the latency.
        watcher: looks for people, or None.
        recorder: keeps what is heard, or None.
    """

    source: Source
    clock: Clock
    timeline: Timeline
    conversion: Conversion
    engine: Engine
    sinks: Sequence[QueuedSink]
    faults: FaultLog
    budget: Budget
    watcher: Watcher | None = None
    recorder: Recorder | None = None


class Session:
    """Runs a stream.

    Args:
        parts: its parts.
        step: label frames that are said together, at least.
        keep: skip nothing where the machine is late.
        array: see `Teller`.

    Attributes:
        tally: counts the events.
    """

    def __init__(
        self, parts: Parts, step: int = 1, keep: bool = False, array: ArraySetup | None = None
    ) -> None:
        self._parts, self._step = parts, step
        self._keep = keep or not parts.source.live
        self._teller = Teller(parts.engine.system, array)
        self.tally = Tally()
        rate = parts.source.sample_rate
        self._ring = Ring(round((KEPT_RING_S if self._keep else RING_S) * rate), parts.source.n_channels)
        self._channels = ChannelMonitor(parts.conversion.taken, rate, parts.faults, parts.source.is_device)
        self._heard_at = parts.clock.now()
        self._has_stopped = False

    @property
    def summary(self) -> Message:
        """The summary for JSON."""
        parts, timeline = self._parts, self._parts.timeline
        return summary_message(
            timeline.second, self.tally, parts.budget, parts.faults, parts.sinks, timeline.drift
        )

    @property
    def summary_text(self) -> str:
        """The summary in words."""
        parts, timeline = self._parts, self._parts.timeline
        return summary_text(
            timeline.second, self.tally, parts.budget, parts.faults, parts.sinks, timeline.drift
        )

    @property
    def status(self) -> int:
        """Exit status."""
        return self._parts.faults.status

    def run(self, stop: threading.Event | None = None, seconds: float | None = None) -> None:
        """Run until the input ends.

        Args:
            stop: set to end earlier; None for never.
            seconds: length after which to end; None for no limit.
        """
        parts, stop = self._parts, stop or threading.Event()
        self._heard_at = parts.clock.now()
        parts.source.start(self._ring)
        if parts.watcher is not None:
            parts.watcher.start()
        try:
            while not stop.is_set() and (seconds is None or parts.timeline.second < seconds):
                parts.source.pull()
                if waiting := self._ring.waiting:
                    self._take_all(waiting)
                elif self._ring.ended:
                    break
                elif parts.source.live:
                    self._ring.wait(0.1)
                    self._check_input()
                self._compute()
        finally:
            parts.source.stop()
            if parts.watcher is not None:
                parts.watcher.stop()
        self._finish()

    def _check_input(self) -> None:
        """Report an input from which nothing comes any more, once for each time."""
        if self._parts.clock.now() - self._heard_at > SILENCE_S and not self._has_stopped:
            self._has_stopped = True
            self._parts.faults.report("stopped", self._parts.timeline.second)

    def _take_all(self, waiting: int) -> None:
        """Take the samples that wait now, before the network runs: so it shows how late it is."""
        while waiting > 0 and (block := self._ring.read()) is not None:
            self._take(block)
            waiting -= len(block.samples)

    def _take(self, block: Block) -> None:
        """Check a block, convert it and hand it to the engine; silence stands for what was lost."""
        parts, timeline = self._parts, self._parts.timeline
        self._heard_at, self._has_stopped = parts.clock.now(), False
        missing = timeline.take(block.position, block.time)
        if block.overflow:
            parts.faults.report("overflow", timeline.second)
        for kind, n_lost in (("full", block.lost), ("gap", missing)):
            if n_lost:
                parts.faults.report(kind, timeline.second, n_lost)
                self._insert(n_lost)
        timeline.mark(block.time)
        parts.budget.add("block", parts.clock.now() - block.time)
        self._append(self._channels.check(block.samples, timeline.second))
        if parts.conversion.resamples:
            parts.budget.add("resampling", parts.conversion.delay)
        if parts.watcher is not None:
            parts.watcher.look_until(timeline.second)

    def _insert(self, missing: int) -> None:
        """Put silence where samples were lost, so that times stay right; long silence is passed over."""
        parts = self._parts
        chunk = round(CHUNK_S * parts.source.sample_rate)
        for start in range(0, missing, chunk):
            self._append(np.zeros((min(chunk, missing - start), parts.source.n_channels), np.float32))
            if missing > chunk and (whole := parts.engine.ready // self._step * self._step):
                parts.engine.skip(whole)

    def _append(self, samples: np.ndarray) -> None:
        parts = self._parts
        if parts.recorder is not None:
            parts.recorder.put(samples)
        parts.engine.append(parts.conversion.take(samples))
        parts.timeline.add(len(samples))

    def _compute(self) -> None:
        """Run the network on what is ready."""
        engine = self._parts.engine
        most = max(engine.n_most // self._step, 1) * self._step
        while (ready := engine.ready // self._step * self._step) > 0:
            if skipped := self._skipped(ready):
                second = engine.next_label_frame * engine.system.label_hop
                n_samples = round(skipped * engine.system.label_hop * self._parts.source.sample_rate)
                self._parts.faults.report("late", second, n_samples)
                engine.skip(skipped)
            else:
                self._tell(engine.run(min(ready, most)))

    def _skipped(self, ready: int) -> int:
        """Return how many label frames to pass over, so that the present is reached again: whole steps."""
        engine = self._parts.engine
        if self._keep:
            return 0
        # More label frames from one window cost nothing; a network with a state has to run through all of them.
        most = max((0 if engine.has_state else engine.n_most) // self._step, 1) * self._step
        behind = self._parts.timeline.behind(engine.next_label_frame * engine.system.label_hop)
        return ready - most if ready > most and behind > LATE_S else 0

    def _tell(self, stretch: Stretch) -> None:
        """Decode and hand on."""
        parts, system = self._parts, self._parts.engine.system
        begin = parts.clock.now()
        events, activity = self._teller.decode(stretch)
        n_frames = len(next(iter(stretch.heads.values())))
        first, count = stretch.first // system.label_frames, -(-n_frames // system.label_frames)
        times = [parts.timeline.time_of((first + number) * system.label_hop) for number in range(count)]
        latencies = np.maximum(parts.clock.now() - np.array(times), 0.0)
        update = self._teller.update(stretch, events, activity, latencies)
        for sink in parts.sinks:
            sink.put(update)
        self.tally.add(update)
        for stage, seconds in (*stretch.seconds.items(), ("output", parts.clock.now() - begin)):
            parts.budget.add(stage, seconds)
        for latency in latencies.tolist():
            parts.budget.add(LATENCY, latency)

    def _finish(self) -> None:
        """Give what is left."""
        parts = self._parts
        if parts.source.error is not None:
            log.warning("%s", parts.source.error)
            parts.faults.report("stopped", parts.timeline.second)
        if lost := self._ring.lost_at_end:
            parts.faults.report("full", parts.timeline.second, lost)
        parts.engine.append(parts.conversion.finish())
        for stretch in parts.engine.finish():
            self._tell(stretch)
