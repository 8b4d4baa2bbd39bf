"""Decoding of energy maps whose sources are lobes; see `avseld.targets.sphere_lobes`."""

from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.decoding.frames import active_tracks, mean_of_groups, merge_close_tracks, rows
from avseld.decoding.lobes import lobes
from avseld.decoding.multi_accdoa import PAIRS
from avseld.decoding.thresholds import Thresholds
from avseld.io.events import Events
from avseld.io.row_maps import RowMaps
from avseld.io.sphere_grid import DIRECTIONS

LEAST = 0.02
"""energy below which a cell has none"""
TINY = 1e-12


@dataclass(frozen=True)
class SphereLobesDecoder:
    """Decodes three vectors per class and the widths of the lobes around them.

    Args:
        threshold: a track is active above this mean vector length; one, or one of each class.
        unify_deg: active tracks of one class closer than this are merged, degrees.
    """

    threshold: Thresholds = 0.3
    unify_deg: float = 15.0

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode sources in label frames of 100 ms: those of `MultiAccdoaDecoder`, each with a lobe around it.

        Widths are averaged as directions are, over the frames of a label frame and over merged tracks.

        Args:
            output: accdoa (frame, track = 3, axis, class) and width (frame, track, class).
            hop: seconds between frames.

        Returns:
            One row per source and label frame, ordered by frame, class and track, with energies; the confidence is the
            mean vector length.
        """
        activity, value = self._means(output, round(LABEL_HOP / hop))
        frame, label, activity, active, value = active_tracks(activity, self.threshold, value)
        merged, left = merge_close_tracks(
            value, active, PAIRS, value[..., :3], self.unify_deg, weight=activity
        )
        row, track = np.nonzero(left)
        vector, width = np.split(merged[row, track], [3], axis=-1)
        centre = vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), TINY)
        energies = lobes(centre @ DIRECTIONS.T, width, np)
        energies /= np.maximum(energies.max(axis=1, keepdims=True, initial=0), TINY)
        found = rows(frame[row], label[row], track, centre, LABEL_HOP, confidence=activity[row, track])
        return found.with_energies(RowMaps.from_dense(np.where(energies < LEAST, 0, energies)))

    def _means(self, output: dict[str, np.ndarray], group: int) -> tuple[np.ndarray, np.ndarray]:
        """Average activity (label frame, class, track) and, weighted by it, unit vector and width (..., 4)."""
        vector = np.asarray(output["accdoa"], np.float64).transpose(0, 3, 1, 2)
        width = np.asarray(output["width"], np.float64).transpose(0, 2, 1)[..., None]
        length = np.linalg.norm(vector, axis=-1, keepdims=True)
        activity = np.minimum(length, 1)
        value = np.concatenate([vector / np.maximum(length, TINY), width], axis=-1)
        mean = mean_of_groups(activity, group)
        value = mean_of_groups(activity * value, group) / np.maximum(mean, TINY)
        value[..., :3] /= np.maximum(np.linalg.norm(value[..., :3], axis=-1, keepdims=True), TINY)
        return mean[..., 0], value
