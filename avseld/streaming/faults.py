"""What goes wrong while a stream runs: counted, stamped with its time, said once and again at the end."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FaultKind:
    """A way in which a stream can be worse than it looks.

    Args:
        status: of the command where nothing graver happens; the smallest status of all that happened is taken.
        about: what has happened.
        remedy: what to do.
        unit: of its amount; empty if it is counted only.
    """

    status: int
    about: str
    remedy: str
    unit: str = ""


LOST, CHANNELS, CLIPPED, CAMERA, OUTPUT = 3, 4, 5, 6, 7
"""exit statuses: sound was lost, channels are no microphones, too loud, no picture, results were not written"""

KINDS: Mapping[str, FaultKind] = MappingProxyType(
    {
        "overflow": FaultKind(
            LOST, "the sound card lost samples (overflow)", "raise --block, or use fewer other devices"
        ),
        "gap": FaultKind(
            LOST, "samples are missing against the clock, without a word of the sound card",
            "raise --block; several USB devices on one bus are a usual cause", "samples",
        ),
        "full": FaultKind(
            LOST, "samples found no room, as this program stood still", "is the machine busy with something else?",
            "samples",
        ),
        "late": FaultKind(
            LOST, "the machine is too slow, sound was skipped to stay at the present",
            "a longer --step (or --step auto), --keep to skip nothing", "samples",
        ),
        "stopped": FaultKind(LOST, "the input has stopped", "is the device still plugged in?"),
        "dead": FaultKind(
            CHANNELS, "a channel gives no sound", "check the cable, and which channels are microphones (--channels)"
        ),
        "silent": FaultKind(
            CHANNELS, "no channel gives any sound", "may this program use the microphone? is it muted?"
        ),
        "identical": FaultKind(
            CHANNELS, "two channels are identical: one microphone, heard twice",
            "take the raw microphones (--channels, avseld stream --list)",
        ),
        "not_finite": FaultKind(
            CHANNELS, "samples are no numbers, taken as silence", "check --pcm_format and --pcm_channels", "samples"
        ),
        "clipped": FaultKind(CLIPPED, "samples reach full scale", "lower the gain of the input", "samples"),
        "camera": FaultKind(
            CAMERA, "the camera has stopped, sound alone goes on", "check the cable, the address or the file"
        ),
        "output": FaultKind(OUTPUT, "results could not be written", "make room, or name another place"),
    }
)  # fmt: skip
"""faults by name"""


@dataclass
class Fault:
    """Occurrences of one kind at one place.

    Args:
        kind: a key of `KINDS`.
        where: channels, camera or file; empty for the input as a whole.
        first: second of the stream.
        last: second of the stream.
        count: occurrences.
        amount: sum of their amounts.
    """

    kind: str
    where: str
    first: float
    last: float
    count: int = 0
    amount: int = 0

    @property
    def line(self) -> str:
        """What has happened, where, when and how often, in one line."""
        about = KINDS[self.kind]
        place = f" ({self.where})" if self.where else ""
        when = f"at {self.first:.1f} s" if self.count == 1 else f"from {self.first:.1f} to {self.last:.1f} s"
        amount = f", {self.amount} {about.unit}" if about.unit else ""
        times = f", {self.count} times" if self.count > 1 else ""
        return f"{about.about}{place} {when}{times}{amount}"

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "type": "fault", "kind": self.kind, "about": KINDS[self.kind].about, "where": self.where,
            "first": round(self.first, 3), "last": round(self.last, 3), "count": self.count, "amount": self.amount,
        }  # fmt: skip


class FaultLog:
    """Collects faults; any thread may report one.

    Args:
        tell: called with each occurrence as a dictionary, of outputs with the first one alone: what is said of an
            output that takes nothing would be lost in turn, without end. None for nobody.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None] | None = None) -> None:
        self._faults: dict[tuple[str, str], Fault] = {}
        self._lock = threading.Lock()
        self.tell = tell

    def report(self, kind: str, time: float, amount: int = 0, where: str = "") -> None:
        """Count an occurrence, and log the first one of its kind and place.

        Args:
            kind: a key of `KINDS`.
            time: second of the stream.
            amount: see `FaultKind.unit`.
            where: see `Fault`.
        """
        with self._lock:
            new = (kind, where) not in self._faults
            fault = self._faults.setdefault((kind, where), Fault(kind, where, time, time))
            fault.count, fault.amount, fault.last = fault.count + 1, fault.amount + amount, time
            line, told = fault.line, fault.as_dict()
        if new:
            log.warning("%s; %s", line, KINDS[kind].remedy)
        if self.tell is not None and (new or KINDS[kind].status != OUTPUT):
            self.tell(told)

    @property
    def all(self) -> list[Fault]:
        """All faults, gravest first."""
        with self._lock:
            return sorted(self._faults.values(), key=lambda fault: (KINDS[fault.kind].status, fault.first))

    @property
    def status(self) -> int:
        """Exit status: 0 without faults, else that of the gravest."""
        return min((KINDS[fault.kind].status for fault in self.all), default=0)
