"""Labels of one class, to train a network that locates sounds of any kind."""

from dataclasses import replace

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.events import Events


def one_class_list(name: str) -> tuple[str, ...]:
    """Return the class list of a corpus whose classes are merged.

    Args:
        name: of the one class, for example sound.

    Raises:
        BadInput: the name holds a line break or is empty.
    """
    name = name.strip()
    if not name or not name.isprintable():
        raise BadInput(f"--one_class: {name!r} is no name of a class; give a word such as sound")
    return (name,)


def merge_classes(events: Events) -> Events:
    """Give all events class 0; sources of different classes keep different numbers.

    Args:
        events: labels of one recording.

    Returns:
        The same rows. A source number stands for one pair of class and source of before, in their order.
    """
    if not len(events):
        return events
    pairs = np.stack([events.label, events.source], axis=1)
    _, source = np.unique(pairs, axis=0, return_inverse=True)
    return replace(events, label=np.zeros(len(events), int), source=np.ravel(source))
