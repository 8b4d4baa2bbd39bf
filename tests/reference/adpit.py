"""ADPIT labels and loss as loops, from K. Shimada et al., "Multi-ACCDOA", ICASSP 2022 (arXiv 2110.07124)."""

from itertools import permutations, product

import numpy as np

from avseld.io.geometry import unit_vector


def label(rows, start_ms: int, n_frames: int, n_classes: int) -> np.ndarray:
    """Fill six slots per class and 10 ms frame from rows (frame of 100 ms, class, source, azimuth, elevation)."""
    target = np.zeros((n_frames, 6, 3, n_classes))
    for frame in range(n_frames):
        csv_frame = (start_ms + 10 * frame) // 100
        for c in range(n_classes):
            here = [row for row in rows if row[0] == csv_frame and row[1] == c]
            places = {0: [], 1: [0], 2: [1, 2]}.get(len(here), [3, 4, 5])
            for place, row in zip(places, here, strict=False):
                target[frame, place, :, c] = unit_vector(row[3], row[4])
    return target


def loss(output: np.ndarray, target: np.ndarray) -> float:
    """Compute the loss of the best assignment of sources to tracks, every source on at least one track.

    Arrays are (frame, track or slot, axis, class).
    """
    n_frames, n_tracks, _, n_classes = output.shape
    total = 0.0
    for frame in range(n_frames):
        for c in range(n_classes):
            slots = target[frame, :, :, c]
            if slots[3:].any():
                choices = [slots[[3, 4, 5]][list(order)] for order in permutations(range(3))]
            elif slots[1:3].any():
                choices = [slots[list(o)] for o in product((1, 2), repeat=n_tracks) if set(o) == {1, 2}]
            else:
                choices = [slots[[0, 0, 0]]]
            total += min(float(np.mean((output[frame, :, :, c] - choice) ** 2)) for choice in choices)
    return total / (n_frames * n_classes)


def ideal_output(label: np.ndarray) -> np.ndarray:
    """Return the output (frame, track, axis, class) that equals the active dummy tracks of (frame, 6, axis, class)."""
    three, two = label[:, 3:].any(axis=(1, 2)), label[:, 1:3].any(axis=(1, 2))
    output = np.where(
        three[:, None, None],
        label[:, 3:],
        np.where(two[:, None, None], label[:, [1, 2, 2]], label[:, [0, 0, 0]]),
    )
    return output
