"""Lists of classes that differ: what is predicted for one list is given the indices of another, by name."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.events import Events

log = logging.getLogger(__name__)

STARSS_CLASSES = (
    "female_speech",
    "male_speech",
    "clapping",
    "telephone",
    "laughter",
    "domestic_sounds",
    "footsteps",
    "door",
    "music",
    "musical_instrument",
    "water_tap",
    "bell",
    "knock",
)
"""of STARSS22, STARSS23 and DCASE2026, in their order"""
MAX_NAMES = 8
"""class names that a message lists"""


@dataclass(frozen=True)
class ClassMap:
    """How the events of one list of classes are given those of another."""

    indices: np.ndarray
    """(class,) index in the other list, -1 for classes that it lacks"""
    names: tuple[str, ...]
    """the other list"""


def class_indices(names: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """Find names in another list.

    Args:
        names: class names.
        others: class names to find them in.

    Returns:
        (name,) index in `others`, -1 where it is absent.
    """
    place = {name: index for index, name in enumerate(others)}
    return np.array([place.get(name, -1) for name in names], int)


def compare_classes(
    names: Sequence[str], others: Sequence[str], origin: object, other_origin: object
) -> ClassMap | None:
    """Compare two lists of classes, and log where they differ.

    Args:
        names: classes of predictions.
        others: classes that they are to be given as.
        origin: where `names` come from, for messages.
        other_origin: where `others` come from.

    Returns:
        None for equal lists.

    Raises:
        BadInput: no name in common.
    """
    if list(names) == list(others):
        return None
    indices = class_indices(names, others)
    if (indices < 0).all():
        raise BadInput(
            f"{other_origin}: none of the classes of {origin} ({listed(names)}) is among {listed(others)}; "
            "prepare the folder with these classes"
        )
    absent = [name for name, index in zip(names, indices, strict=True) if index < 0]
    left_out = f"; left out, as not listed there: {listed(absent)}" if absent else ""
    log.warning("%s has other classes than %s: they are matched by name%s", origin, other_origin, left_out)
    return ClassMap(indices, tuple(others))


def give_classes(events: Events, class_map: ClassMap | None) -> Events:
    """Give events the class indices of another list.

    Args:
        events: events.
        class_map: as from `compare_classes`; None leaves the events as they are.

    Returns:
        The events of classes that the other list has.
    """
    if class_map is None:
        return events
    label = class_map.indices[events.label]
    return replace(events, label=label, classes=class_map.names).select(label >= 0)


def listed(names: Sequence[str]) -> str:
    """Write class names for a message."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
