"""What a stream says: rows of events with their track, score and latency, as every output writes them."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from avseld.io.array_setup import ArraySetup
from avseld.io.events import Events
from avseld.reporting.tracks import TrackFollower
from avseld.streaming.engine import Stretch
from avseld.system.build import System
from avseld.system.inference import decode_heads

Message = dict[str, Any]
"""one line of JSON"""


@dataclass(frozen=True)
class Update:
    """What was found since the last one.

    Args:
        until: second of the stream up to which it is known.
        events: rows of label frames, with class names.
        rows: the same as messages.
        latency: seconds from the beginning of its first label frame, at the microphone, until it is said.
        activity: (class,) 0 to 1, the highest of its label frames; None for networks that do not say it.
    """

    until: float
    events: Events
    rows: tuple[Message, ...]
    latency: float
    activity: np.ndarray | None

    @property
    def summary(self) -> Message:
        """The update without its rows."""
        return {"type": "until", "time": round(self.until, 3), "latency": round(self.latency, 4)}


class Teller:
    """Turns what the network says into rows: events, the tracks that they continue, and their scores.

    Args:
        system: that runs.
        array: of the microphones, which turns directions to the room; None for one that faces the front.
    """

    def __init__(self, system: System, array: ArraySetup | None = None) -> None:
        self._system, self._array, self._tracks = system, array, TrackFollower()

    def decode(self, stretch: Stretch) -> tuple[Events, np.ndarray | None]:
        """Decode a stretch: its events, and the activity of its label frames (label frame, class)."""
        classes = self._system.blueprint.classes
        events = decode_heads(self._system, stretch.first, stretch.heads)
        if self._array is not None:
            events = self._array.to_room(events)
        return events.with_classes(classes), self._activity(stretch)

    def update(
        self, stretch: Stretch, events: Events, activity: np.ndarray | None, latencies: np.ndarray
    ) -> Update:
        """Write an update.

        Args:
            stretch: of the network.
            events: of it, as from `decode`.
            activity: of it.
            latencies: (label frame,) seconds from the beginning of each label frame until now.
        """
        system = self._system
        first = stretch.first // system.label_frames
        n_frames = len(next(iter(stretch.heads.values())))
        ordered = events.sorted()
        numbers = self._tracks.follow(ordered)
        rows = []
        for number, event in zip(numbers.tolist(), ordered, strict=True):
            frame = min(max(round(event.onset / system.label_hop) - first, 0), len(latencies) - 1)
            score = None if activity is None else float(activity[frame, event.label])
            rows.append(
                {
                    "type": "event", "time": round(event.onset, 3), "duration": round(event.offset - event.onset, 3),
                    "class": event.name or str(event.label), "label": event.label, "track": number,
                    "azimuth": _rounded(event.azimuth, 1), "elevation": _rounded(event.elevation, 1),
                    "distance": _rounded(event.distance, 2), "score": None if score is None else round(score, 3),
                    "latency": round(float(latencies[frame]), 4),
                }
            )  # fmt: skip
        until = (stretch.first + n_frames) * system.hop
        highest = None if activity is None else activity.max(axis=0)
        return Update(until, events, tuple(rows), float(latencies.max()), highest)

    def _activity(self, stretch: Stretch) -> np.ndarray | None:
        target, group = self._system.target, self._system.label_frames
        if target.class_activity is not None:
            batch = {name: head[None] for name, head in stretch.heads.items()}
            activity = target.class_activity(batch)[0].numpy()
        elif target.probabilities is not None:
            activity = target.probabilities({name: head.numpy() for name, head in stretch.heads.items()})
        else:
            return None
        firsts = np.arange(0, len(activity), group)
        counts = np.diff(np.append(firsts, len(activity)))
        return np.add.reduceat(activity, firsts, axis=0) / counts[:, None]


def _rounded(value: float, decimals: int) -> float | None:
    return None if np.isnan(value) else round(float(value), decimals)


def line(message: Message) -> str:
    """Write a message as one line of JSON."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False) + "\n"
