"""Decoding of energy maps on the sphere; see `avseld.targets.sphere_map`."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from avseld.base.harmonics import spherical_harmonics
from avseld.base.rates import LABEL_HOP
from avseld.decoding.frames import mean_of_groups, rows, sigmoid
from avseld.decoding.thresholds import Thresholds, per_class
from avseld.io.events import Events
from avseld.io.row_maps import RowMaps
from avseld.io.sphere_grid import AREA, COLUMNS, DIRECTIONS, ROWS

GAIN, OFFSET = 16.0, -5.0
"""logit of an energy = GAIN * harmonics + OFFSET: coefficients of the size of 1 make peaks of some 20 degrees"""
LEAST_SHARE = 0.02
"""of a source's largest energy, below which a cell has none"""
CHUNK = 4096
"""maps that are evaluated at once"""


@lru_cache
def harmonics_of_cells(order: int) -> np.ndarray:
    """Evaluate the spherical harmonics at the cells of the grid: (cell, (order + 1)^2), N3D / (2 degree + 1).

    So divided, high degrees begin small, and a step of the optimizer changes a map smoothly.
    """
    degree = np.repeat(np.arange(order + 1), 2 * np.arange(order + 1) + 1)
    return spherical_harmonics(DIRECTIONS, order) / (2 * degree + 1)


@dataclass(frozen=True)
class SphereMapDecoder:
    """Decodes activity and energy map of each class into its sources: the peaks of the map.

    Args:
        sh_order: largest order of the spherical harmonics.
        threshold: a class is active above this probability; one, or one of each class.
        apart_deg: peaks of a class that are closer are one source, degrees.
        peak_share: of the largest energy of the map, below which a peak is no source.
        radius_deg: a source has no energy farther from its peak, as labels have none; a network that is not sure of
            the direction makes wide maps, whose overlap with any label is small.
    """

    sh_order: int = 6
    threshold: Thresholds = 0.5
    apart_deg: float = 30.0
    peak_share: float = 0.5
    radius_deg: float = 20.0

    def decode(self, output: dict[str, np.ndarray], hop: float) -> Events:
        """Decode sources in label frames of 100 ms.

        Every cell near a peak of an active class belongs to the nearest one. The direction of a source
        is the mean of its cells,
        weighted by the square of their energy; its confidence the probability of the class, times the share of its
        peak in the largest one.

        Args:
            output: maps (frame, class, 1 + (sh_order + 1)^2): logit of the activity, then coefficients of the map.
            hop: seconds between frames.

        Returns:
            One row per source and label frame, ordered by frame, class and confidence, with energies.
        """
        group = round(LABEL_HOP / hop)
        maps = np.asarray(output["maps"])
        probability = mean_of_groups(sigmoid(maps[..., 0]), group)
        frame, label = np.nonzero(probability > per_class(self.threshold, probability.shape[1]))
        coefficients = mean_of_groups(maps[..., 1:], group)[frame, label]
        parts = [self._sources(coefficients[first : first + CHUNK]) for first in range(0, len(frame), CHUNK)]
        if not parts:
            return rows(frame, label, frame, np.zeros((0, 3)), LABEL_HOP, confidence=np.zeros(0))
        row = np.concatenate([first * CHUNK + row for first, (row, _, _) in enumerate(parts)])
        share, energies = (np.concatenate([part[place] for part in parts]) for place in (1, 2))
        vector = (AREA * np.square(energies)) @ DIRECTIONS
        source = np.arange(len(row)) - np.searchsorted(row, row)
        frame, label = frame[row], label[row]
        confidence = share * probability[frame, label]
        found = rows(frame, label, source, vector, LABEL_HOP, confidence=confidence)
        return found.with_energies(RowMaps.from_dense(energies))

    def _sources(self, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Split maps into sources.

        Args:
            coefficients: (map, harmonic).

        Returns:
            Of each source the number of its map, the share of its peak in the largest one, and energies (cell,) over
            their largest.
        """
        energies = sigmoid(GAIN * coefficients @ harmonics_of_cells(self.sh_order).T + OFFSET)
        energies /= energies.max(axis=1, keepdims=True)
        number, share, found = [], [], []
        near = np.cos(np.radians(self.radius_deg))
        for place, energy in enumerate(energies):
            peaks = self._peaks(energy)
            cosine = DIRECTIONS @ DIRECTIONS[peaks].T
            owner = np.where(cosine.max(axis=1) >= near, cosine.argmax(axis=1), -1)
            for source, peak in enumerate(peaks):
                own = np.where((owner == source) & (energy >= LEAST_SHARE * energy[peak]), energy, 0)
                number.append(place)
                share.append(energy[peak])
                found.append((own / energy[peak]).astype(np.float32))
        return np.array(number), np.array(share), np.array(found)

    def _peaks(self, energy: np.ndarray) -> list[int]:
        """Find the cells of the peaks of a map (cell,), the largest first."""
        around = np.pad(energy.reshape(ROWS, COLUMNS), ((1, 1), (0, 0)), constant_values=-1)
        high = np.maximum(np.maximum(around[:-2], around[2:]), around[1:-1])
        high = np.maximum(np.maximum(np.roll(high, 1, axis=1), np.roll(high, -1, axis=1)), high).ravel()
        candidates = np.flatnonzero((energy >= high) & (energy >= self.peak_share))
        near = np.cos(np.radians(self.apart_deg))
        peaks: list[int] = []
        for cell in candidates[np.argsort(-energy[candidates], kind="stable")].tolist():
            if not peaks or (DIRECTIONS[peaks] @ DIRECTIONS[cell]).max() < near:
                peaks.append(cell)
        return peaks
