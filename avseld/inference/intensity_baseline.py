"""A plain localizer of first-order ambisonics without training: peaks of the histogram of intensity directions.

S. Tervo, "Direction estimation based on sound intensity vectors", EUSIPCO 2009, and D. Pavlidi et al., "3D localization
of multiple sound sources with intensity vector estimates in single source zones", EUSIPCO 2015, describe the family;
this is its simplest member.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import stft
from scipy.spatial import KDTree

from avseld.base.rates import LABEL_HOP
from avseld.io.events import Events
from avseld.io.geometry import direction

N_FFT_S = 0.04
"""window of the spectra; hop 20 ms"""
BLOCKS = 5
"""spectra a label frame"""
BAND_HZ = (200.0, 6000.0)
"""below, wavelengths are longer than rooms; above, first-order microphones are no longer coincident"""
N_DIRECTIONS = 2048
"""points of the histogram, 4.5 degrees apart"""


@dataclass(frozen=True)
class IntensityHistogram:
    """Options of the localizer.

    Args:
        gate_db: a label frame is silent if its level is less than this above the background, which is the level that
            `background` of the frames do not exceed.
        background: share of the frames.
        kernel_deg: width of the smoothing of the histogram.
        peak_share: a peak counts if the histogram there is at least this share of its highest value ...
        separation_deg: ... and no higher peak is closer.
        max_sources: largest number of peaks in a frame.
        smoothing_frames: label frames whose histograms are averaged.
    """

    gate_db: float = 6.0
    background: float = 0.1
    kernel_deg: float = 12.0
    peak_share: float = 0.65
    separation_deg: float = 30.0
    max_sources: int = 2
    smoothing_frames: int = 5

    def predict(self, waveform: np.ndarray, sample_rate: int) -> Events:
        """Locate the sounds of a recording.

        Args:
            waveform: (W Y Z X, sample).
            sample_rate: Hz.

        Returns:
            A row a sound and label frame, class 0.
        """
        return self.predict_at_gates(waveform, sample_rate, [self.gate_db])[0]

    def predict_at_gates(
        self, waveform: np.ndarray, sample_rate: int, gates_db: Sequence[float]
    ) -> list[Events]:
        """Locate the sounds of a recording with several energy gates in place of `gate_db`.

        Args:
            waveform: (W Y Z X, sample).
            sample_rate: Hz.
            gates_db: levels above the background.

        Returns:
            Events by gate, as from `predict`.
        """
        histogram, level = _histograms(waveform, sample_rate, self.kernel_deg)
        histogram = uniform_filter1d(histogram, self.smoothing_frames, axis=0, mode="nearest")
        above = level - np.quantile(level, self.background) if len(level) else level
        rows: list[tuple[float, ...]] = []
        excess = []
        for frame in np.flatnonzero(above > min(gates_db)):
            for source, point in enumerate(self._peaks(histogram[frame])):
                azimuth, elevation = map(float, direction(GRID[point]))
                rows.append(
                    (frame * LABEL_HOP, (frame + 1) * LABEL_HOP, 0, source, azimuth, elevation, np.nan)
                )
                excess.append(above[frame])
        events = Events.from_rows(rows)
        return [events.select(np.array(excess, float) > gate) for gate in gates_db]

    def _peaks(self, histogram: np.ndarray) -> list[int]:
        """List the grid points of the peaks, the highest first."""
        left = histogram.copy()
        peaks: list[int] = []
        least = self.peak_share * histogram.max()
        while len(peaks) < self.max_sources and left.max() >= least > 0:
            peak = int(left.argmax())
            peaks.append(peak)
            left[GRID @ GRID[peak] > np.cos(np.radians(self.separation_deg))] = 0
        return peaks


def _histograms(waveform: np.ndarray, sample_rate: int, kernel_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Collect the directions of the intensity in time and frequency.

    Every bin counts with its power relative to all of its label frame, and as far as its sound field is that of one
    plane wave: by the square of the ratio of intensity to energy density, which is 0 in a diffuse field.

    Returns:
        The smoothed histogram (label frame, direction) and the level of W (label frame,) in dB.
    """
    n_fft, hop = round(N_FFT_S * sample_rate), round(LABEL_HOP * sample_rate / BLOCKS)
    n_frames = waveform.shape[1] // (hop * BLOCKS)
    # Spectra are centred half a hop after the start of their block.
    shifted = np.pad(waveform[:, hop // 2 :], ((0, 0), (0, n_fft)))
    frequency, _, spectra = stft(shifted, sample_rate, nperseg=n_fft, noverlap=n_fft - hop)
    band = (frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1])
    w, y, z, x = spectra[:, band, : n_frames * BLOCKS]
    intensity = np.real(np.conj(w) * np.stack([x, y, z]))
    length = np.maximum(np.linalg.norm(intensity, axis=0), np.finfo(float).tiny)
    energy = (np.abs(w) ** 2 + np.abs(x) ** 2 + np.abs(y) ** 2 + np.abs(z) ** 2) / 2
    weight = length**2 / np.maximum(energy, np.finfo(float).tiny)
    # The first and the last spectrum of a label frame reach beyond it.
    power = np.square(np.abs(w)).sum(axis=0).reshape(n_frames, BLOCKS)[:, 1:-1].mean(axis=1)
    unit = intensity / length
    histogram = np.zeros((n_frames, N_DIRECTIONS))
    for frame in range(n_frames):
        part = slice(frame * BLOCKS, (frame + 1) * BLOCKS)
        points = unit[:, :, part].reshape(3, -1)
        share = weight[:, part].ravel()
        nearest = TREE.query(points.T)[1]
        histogram[frame] = np.bincount(nearest, share / max(share.sum(), 1e-300), N_DIRECTIONS)
    return histogram @ _kernel(kernel_deg), 10 * np.log10(np.maximum(power, 1e-20))


@lru_cache(maxsize=2)
def _kernel(width_deg: float) -> np.ndarray:
    """Return the von Mises-Fisher kernel around each point of the grid: (direction, direction)."""
    return np.exp((GRID @ GRID.T - 1) / np.radians(width_deg) ** 2)


def _fibonacci(n: int) -> np.ndarray:
    """Spread points evenly over the sphere: (point, x y z)."""
    z = 1 - (2 * np.arange(n) + 1) / n
    azimuth = np.pi * (3 - 5**0.5) * np.arange(n)
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=1)


GRID = _fibonacci(N_DIRECTIONS)
TREE = KDTree(GRID)
