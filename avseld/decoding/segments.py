"""From probabilities over time to events with onset and offset.

Thresholds with hysteresis, then smoothing, as in qiuqiangkong/dcase2019_task4 @ d54cde2, `utils/vad.py`
(docs/sources.md, DCASE2019 Task 4 system).
"""

import numpy as np


def runs(active: np.ndarray) -> np.ndarray:
    """Find runs of consecutive true frames.

    Args:
        active: (frame,).

    Returns:
        (run, 2), the first frame and the one after the last.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.asarray(active, bool), [False]])))
    return edges.reshape(-1, 2)


def segments(
    x: np.ndarray, high: float = 0.9, low: float | None = 0.5, n_smooth: int = 16, n_salt: int = 16
) -> np.ndarray:
    """Find the segments in which a class is active.

    A segment has a frame above `high` and extends over all neighbouring frames that are not below `low` (hysteresis).
    Then gaps up to `n_smooth` frames are closed, and segments up to `n_salt` frames are dropped.

    Args:
        x: (frame,) probabilities.
        high: upper threshold.
        low: lower threshold. None reproduces the published code, which drops the last frame of each segment and so
            closes gaps of up to n_smooth - 1 frames only.
        n_smooth: longest gap that is closed, frames.
        n_salt: longest segment that is dropped, frames.

    Returns:
        (segment, 2), the first frame and the one after the last.
    """
    certain = runs(x > high)
    if low is None:
        found = certain - [0, 1]
    else:
        possible = runs(x >= min(low, np.nextafter(high, 2)))  # a frame above high always counts
        found = possible[[bool(((certain[:, 0] >= a) & (certain[:, 1] <= b)).any()) for a, b in possible]]
        found = _merge(found, 1)
    found = _merge(found, n_smooth)
    return found[found[:, 1] - found[:, 0] > n_salt]


def median(x: np.ndarray, width: int) -> np.ndarray:
    """Apply a median filter over frames; the ends are repeated.

    Args:
        x: (frame, class).
        width: frames; odd, 1 changes nothing.
    """
    if width <= 1 or len(x) == 0:
        return x
    padded = np.pad(x, ((width // 2, width // 2), (0, 0)), mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width, axis=0), axis=-1)


def _merge(found: np.ndarray, gap: int) -> np.ndarray:
    """Join segments (segment, 2) that are at most `gap` frames apart."""
    if len(found) < 2:
        return found
    apart = found[1:, 0] - found[:-1, 1] > gap
    first = np.concatenate([[True], apart])
    last = np.concatenate([apart, [True]])
    return np.stack([found[first, 0], found[last, 1]], axis=1)
