"""From frames of a network to label frames."""

import numpy as np

from avseld.io.events import Events
from avseld.io.geometry import direction


def mean_of_groups(x: np.ndarray, group: int) -> np.ndarray:
    """Mean of every so many frames, the last ones together even if they are fewer.

    Args:
        x: (frame, ...).
        group: frames that become one.

    Returns:
        (label frame, ...), double precision.
    """
    x = np.asarray(x, np.float64)
    if group == 1 or len(x) == 0:
        return x
    first = np.arange(0, len(x), group)
    count = np.diff(np.append(first, len(x)))
    return np.add.reduceat(x, first, axis=0) / count.reshape(-1, *[1] * (x.ndim - 1))


def rows(
    frame: np.ndarray,
    label: np.ndarray,
    source: np.ndarray,
    vector: np.ndarray,
    hop: float,
    distance: np.ndarray | None = None,
    onscreen: np.ndarray | None = None,
) -> Events:
    """Events of one label frame each.

    Args:
        frame: (row,).
        label: (row,) class.
        source: (row,).
        vector: (row, axis = x y z) of any length.
        hop: seconds between label frames.
        distance: (row,) metres, None if not known.
        onscreen: (row,) 0 or 1, None if not known.
    """
    azimuth, elevation = direction(vector)
    unknown = np.full(len(frame), np.nan)
    return Events(
        frame * hop,
        (frame + 1) * hop,
        label,
        source,
        azimuth,
        elevation,
        unknown if distance is None else distance,
        unknown if onscreen is None else onscreen,
    )


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Probability of a logit, without overflow."""
    return (1 + np.tanh(np.asarray(x, np.float64) / 2)) / 2
