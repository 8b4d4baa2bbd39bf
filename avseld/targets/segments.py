"""From probabilities over time to events with onset and offset (`DCASE2019 Task 4` spec, section 7)."""

from collections.abc import Sequence

import numpy as np

Thresholds = float | Sequence[float]
"""one for all classes, or one a class"""


def per_class(value: Thresholds, n_classes: int) -> np.ndarray:
    """A threshold for every class, (class,).

    Raises:
        ValueError: another number of them.
    """
    return np.broadcast_to(np.asarray(value, float), (n_classes,))


def runs(active: np.ndarray) -> np.ndarray:
    """Stretches of truth: (run, 2), the first frame and the one after the last.

    Args:
        active: (frame,).
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.asarray(active, bool), [False]])))
    return edges.reshape(-1, 2)


def segments(
    x: np.ndarray, high: float = 0.9, low: float | None = 0.5, n_smooth: int = 16, n_salt: int = 16
) -> np.ndarray:
    """Stretches in which something is heard.

    They begin where x passes the high threshold and reach as far as it does not fall below the low one (hysteresis).
    Gaps of up to n_smooth frames are closed, then what lasts up to n_salt frames is dropped.

    Args:
        x: (frame,) probabilities.
        high: surely heard above.
        low: still heard from here on. Without one, stretches are told as published: their last frame is missing,
            and gaps count one more.
        n_smooth: frames.
        n_salt: frames.

    Returns:
        (segment, 2), the first frame and the one after the last.
    """
    sure = runs(x > high)
    if low is None:
        found = sure - [0, 1]
    else:
        heard = runs(x >= min(low, np.nextafter(high, 2)))  # what is surely heard is always heard
        found = heard[[bool(((sure[:, 0] >= a) & (sure[:, 1] <= b)).any()) for a, b in heard]]
        found = _merge(found, 1)
    found = _merge(found, n_smooth)
    return found[found[:, 1] - found[:, 0] > n_salt]


def median(x: np.ndarray, width: int) -> np.ndarray:
    """Median of a sliding stretch of frames, ends repeated.

    Args:
        x: (frame, class).
        width: odd; 1 changes nothing.
    """
    if width <= 1 or len(x) == 0:
        return x
    padded = np.pad(x, ((width // 2, width // 2), (0, 0)), mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width, axis=0), axis=-1)


def _merge(found: np.ndarray, gap: int) -> np.ndarray:
    """Join what is no more than so many frames apart."""
    if len(found) < 2:
        return found
    apart = found[1:, 0] - found[:-1, 1] > gap
    first = np.concatenate([[True], apart])
    last = np.concatenate([apart, [True]])
    return np.stack([found[first, 0], found[last, 1]], axis=1)
