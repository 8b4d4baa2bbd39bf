"""Events and seconds of every class in the labels of a folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from avseld.io.events import Events

GAP_S = 1e-3
"""longest time between two rows of one event: rows of neighbouring label frames touch but for rounding"""


@dataclass
class ClassCounts:
    """Events and seconds of classes, added up over recordings.

    Args:
        n_classes: number of classes.
    """

    n_classes: int
    events: np.ndarray = field(init=False)
    """(class,)"""
    seconds: np.ndarray = field(init=False)
    """(class,) of all sources together"""

    def __post_init__(self) -> None:
        self.events, self.seconds = np.zeros(self.n_classes, int), np.zeros(self.n_classes)

    def add(self, events: Events) -> None:
        """Count the events of a recording; rows of one source that touch are one event."""
        events = events.select(events.label < self.n_classes)
        order = np.lexsort((events.onset, events.source, events.label))
        label, source = events.label[order], events.source[order]
        onset, offset = events.onset[order], events.offset[order]
        touches = np.r_[
            False,
            (label[1:] == label[:-1]) & (source[1:] == source[:-1]) & (onset[1:] <= offset[:-1] + GAP_S),
        ][: len(label)]
        np.add.at(self.events, label[~touches], 1)
        np.add.at(self.seconds, label, np.nan_to_num(offset - onset))

    def lines(self, classes: Sequence[str]) -> list[str]:
        """Format a line per class with events, and one that names the classes without any.

        Args:
            classes: names by index.
        """
        width = max(map(len, classes), default=0)
        lines = [
            f"  {name:<{width}} {count:6d} events {seconds:9.1f} s"
            for name, count, seconds in zip(classes, self.events, self.seconds, strict=True)
            if count
        ]
        absent = [name for name, count in zip(classes, self.events, strict=True) if not count]
        if absent:
            lines.append(f"  no events of {len(absent)} of {len(classes)} classes: {', '.join(absent)}")
        return ["events and seconds of each class:", *lines]
