"""Numbers of reference events of each class, counted while the recordings are scored."""

from collections.abc import Iterable, Iterator

import numpy as np

from avseld.io.events import Events

GAP_S = 1e-6
"""seconds between two rows of one source from which on they are two events; below is rounding"""


def count_events(events: Events, n_classes: int) -> np.ndarray:
    """Count the events of each class: stretches without a gap of one source, whatever its path.

    Args:
        events: of a recording; a moving event is a row for each direction.
        n_classes: number of classes.

    Returns:
        (class,) numbers of events.
    """
    order = np.lexsort((events.onset, events.source, events.label))
    label, source = events.label[order], events.source[order]
    onset, offset = events.onset[order], events.offset[order]
    begins = np.ones(len(order), bool)
    follows = (label[1:] == label[:-1]) & (source[1:] == source[:-1]) & (onset[1:] <= offset[:-1] + GAP_S)
    begins[1:] = ~follows
    return np.bincount(label[begins].astype(int), minlength=n_classes)[:n_classes]


class CountingEvents:
    """Pairs of reference and prediction, whose reference events are counted as they pass.

    Args:
        pairs: reference and prediction of each recording.
        n_classes: number of classes.
    """

    def __init__(self, pairs: Iterable[tuple[Events, Events]], n_classes: int) -> None:
        self.pairs, self.n_classes = pairs, n_classes
        self.counted: list[np.ndarray] = []

    def __iter__(self) -> Iterator[tuple[Events, Events]]:
        self.counted = []
        for reference, prediction in self.pairs:
            self.counted.append(count_events(reference, self.n_classes))
            yield reference, prediction

    def total(self, chosen: np.ndarray | None = None) -> tuple[int, ...]:
        """Return the events of each class, (class,), in all recordings or in chosen ones.

        Args:
            chosen: (recording,) booleans.
        """
        table = np.array(self.counted).reshape(-1, self.n_classes)
        return tuple(int(number) for number in (table if chosen is None else table[chosen]).sum(axis=0))
