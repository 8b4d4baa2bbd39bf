"""The end of a stream in words and as JSON: how long, how many events, the latency, what went wrong, what was lost."""

from collections import Counter
from collections.abc import Sequence

from avseld.streaming.budget import Budget
from avseld.streaming.faults import KINDS, FaultLog
from avseld.streaming.messages import Message, Update
from avseld.streaming.sinks.queued import QueuedSink


class Tally:
    """Counts the tracks of each class; its memory does not grow with the stream."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._highest = -1

    def add(self, update: Update) -> None:
        """Take an update."""
        for row in update.rows:
            if row["track"] > self._highest:  # tracks are numbered in the order of their beginnings
                self._highest = row["track"]
                self.counts[row["class"]] += 1


def summary_message(
    seconds: float, tally: Tally, budget: Budget, faults: FaultLog, sinks: Sequence[QueuedSink], drift: float
) -> Message:
    """Return the summary for JSON.

    Args:
        seconds: length of the stream.
        tally: of the events.
        budget: of the latency.
        faults: what went wrong.
        sinks: outputs.
        drift: by which the clock of the input is slow, as a share.
    """
    return {
        "type": "summary",
        "seconds": round(seconds, 3),
        "events": dict(tally.counts.most_common()),
        "latency": budget.as_dict(),
        "faults": [fault.as_dict() for fault in faults.all],
        "lost_messages": {sink.sink.name: sink.lost for sink in sinks},
        "drift_ppm": round(1e6 * drift, 1),
        "status": faults.status,
    }


def summary_text(
    seconds: float, tally: Tally, budget: Budget, faults: FaultLog, sinks: Sequence[QueuedSink], drift: float
) -> str:
    """Write the summary in words; arguments as for `summary_message`."""
    classes = ", ".join(f"{name} {count}" for name, count in tally.counts.most_common())
    lines = [f"{seconds:.1f} s: {tally.counts.total()} events{': ' * bool(classes)}{classes}"]
    if budget.measured:
        lines.append(budget.table().rstrip("\n"))
    if drift:
        lines.append(
            f"the clock of the input is {abs(1e6 * drift):.0f} ppm {'slow' if drift > 0 else 'fast'}"
        )
    for fault in faults.all:
        lines.append(f"{fault.line}; {KINDS[fault.kind].remedy}")
    lines += [f"{sink.sink.name}: {sink.lost} messages reached nobody" for sink in sinks if sink.lost]
    lines.append("nothing was lost" if not faults.all else f"exit status {faults.status}")
    return "".join(f"{line}\n" for line in lines)
