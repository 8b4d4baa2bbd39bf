"""From the frames of a network to events in label frames: what several decoders share."""

from collections.abc import Sequence

import numpy as np

from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events
from avseld.io.geometry import angle_between, direction


def mean_of_groups(x: np.ndarray, group: int) -> np.ndarray:
    """Average groups of consecutive frames; the last group may have fewer frames.

    Args:
        x: (frame, ...).
        group: frames in a group.

    Returns:
        (group of frames, ...), double precision.
    """
    x = np.asarray(x, np.float64)
    if group == 1 or len(x) == 0:
        return x
    first = np.arange(0, len(x), group)
    count = np.diff(np.append(first, len(x)))
    return np.add.reduceat(x, first, axis=0) / count.reshape(-1, *[1] * (x.ndim - 1))


def active_tracks(
    activity: np.ndarray, threshold: Thresholds, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Select the frames and classes with an active track; most are silent.

    Args:
        activity: (frame, class, track).
        threshold: a track is active above it; one, or one of each class.
        values: (frame, class, track, axis).

    Returns:
        Frame and class (cell,) of each; their activity and whether they are active, both (cell, track); their values
        (cell, track, axis).

    Raises:
        BadInput: another number of thresholds than of classes.
    """
    above = activity > per_class(threshold, activity.shape[1])[:, None]
    cell = above.any(axis=-1)
    frame, label = np.nonzero(cell)
    return frame, label, activity[cell], above[cell], values[cell]


def merge_close_tracks(
    values: np.ndarray,
    active: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    vectors: np.ndarray,
    unify_deg: float,
    weight: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Average the active tracks of a class whose directions are close.

    Two close tracks become one; so do all three when two pairs are close. K. Shimada et al., Multi-ACCDOA, ICASSP 2022,
    as in sony/audio-visual-seld-dcase2023 @ d712445, `seld_predictor.py`.

    Args:
        values: (frame, class, track = 3, axis), what is averaged.
        active: (frame, class, track).
        pairs: the three pairs of tracks; a merged pair takes the place of its first track, all three that of track 0.
        vectors: (frame, class, track, axis = x y z) of any length, whose angles are compared.
        unify_deg: tracks are close below this angle, degrees.
        weight: (frame, class, track) weights of the average; equal ones if None.

    Returns:
        Values after merging, in the shape of `values`, and which tracks are left, in the shape of `active`.
    """
    close = np.stack(
        [
            (angle_between(vectors[..., a, :], vectors[..., b, :]) < unify_deg)
            & active[..., a]
            & active[..., b]
            for a, b in pairs
        ]
    )
    weight = np.ones(active.shape) if weight is None else weight
    all_three = close.sum(axis=0) >= 2
    groups = [(close[i] & ~all_three, pair) for i, pair in enumerate(pairs)] + [(all_three, (0, 1, 2))]
    merged, left = values.copy(), active.copy()
    for where, (first, *others) in groups:
        tracks = [first, *others]
        share = weight[where][:, tracks]
        total = np.maximum(share.sum(axis=1), 1e-12)[:, None]
        merged[where, first] = (share[..., None] * values[where][:, tracks]).sum(axis=1) / total
        for other in others:
            left[where, other] = False
    return merged, left


def rows(
    frame: np.ndarray,
    label: np.ndarray,
    source: np.ndarray,
    vector: np.ndarray,
    hop: float,
    distance: np.ndarray | None = None,
    onscreen: np.ndarray | None = None,
    confidence: np.ndarray | None = None,
) -> Events:
    """Make a table of events, each one label frame long.

    Args:
        frame: (row,) label frame.
        label: (row,) class.
        source: (row,) number that tells sources of one class apart.
        vector: (row, axis = x y z) of any length.
        hop: seconds between label frames.
        distance: (row,) metres, None if unknown.
        onscreen: (row,) 0 or 1, None if unknown.
        confidence: (row,) activity that was decided on, which is at most 1 here; None if unknown.
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
        confidence=None if confidence is None else np.minimum(confidence, 1.0),
    )


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Turn logits into probabilities without overflow."""
    return (1 + np.tanh(np.asarray(x, np.float64) / 2)) / 2
