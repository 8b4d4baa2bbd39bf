"""A queue before each output, so that a slow, lost or full one never holds up the network."""

import logging
import queue
import threading
from typing import Protocol

from avseld.streaming.faults import FaultLog
from avseld.streaming.messages import Message, Update

log = logging.getLogger(__name__)

DEPTH = 300
"""updates that wait for an output, half a minute at ten a second"""
PATIENCE_S = 3.0
"""how long the end of a stream waits for an output"""


class Sink(Protocol):
    """An output of a stream; its methods are called by one thread, one after the other.

    Attributes:
        name: for messages, such as the address.
        lost: messages that nobody got.
        is_file: whether what it loses is a fault; programs that listen come and go.
    """

    name: str
    lost: int
    is_file: bool

    def update(self, update: Update) -> None:
        """Write an update."""

    def notice(self, message: Message) -> None:
        """Write a message that is no event: start, fault or summary."""

    def close(self) -> None:
        """Write what is left, and end."""


class QueuedSink:
    """Hands messages to an output in a thread of its own.

    Args:
        sink: the output.
        faults: gets what a file lost.
        depth: messages that wait for it; of more, the newest are lost and counted.
        broken: set when the program at the other end of a pipe has gone.
    """

    def __init__(
        self, sink: Sink, faults: FaultLog, depth: int = DEPTH, broken: threading.Event | None = None
    ) -> None:
        self.sink, self._faults, self._broken = sink, faults, broken
        self._queue: queue.Queue[Update | Message | None] = queue.Queue(depth)
        self._dropped = 0
        self._until = 0.0
        self._thread = threading.Thread(target=self._work, name=sink.name, daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """Messages that nobody got."""
        return self._dropped + self.sink.lost

    def put(self, item: Update | Message) -> None:
        """Take an update or a message; never waits."""
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            self._dropped += 1
            if self.sink.is_file:
                self._faults.report("output", self._until, where=self.sink.name)
        if isinstance(item, Update):
            self._until = item.until

    def close(self) -> None:
        """Wait until everything is written, but not for ever."""
        try:
            self._queue.put(None, timeout=PATIENCE_S)
            self._thread.join(PATIENCE_S)
        except queue.Full:
            log.warning("%s: does not take what it is given", self.sink.name)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                if isinstance(item, Update):
                    self.sink.update(item)
                else:
                    self.sink.notice(item)
            except OSError as error:
                self._dropped += 1
                log.debug("%s: %s", self.sink.name, error)
                if self.sink.is_file:
                    self._faults.report("output", self._until, where=self.sink.name)
                if self._broken is not None and isinstance(error, BrokenPipeError):
                    self._broken.set()
        try:
            self.sink.close()
        except OSError as error:
            if self._broken is None or not self._broken.is_set():
                log.warning("%s: %s", self.sink.name, error)
