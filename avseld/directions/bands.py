"""Frequency bands of a transform."""

import numpy as np


def in_band(n_samples: int, sample_rate: int, band_hz: tuple[float, float]) -> np.ndarray:
    """Mark the bins of a transform whose frequencies lie in a band, (n_samples // 2 + 1,) bool."""
    frequency = np.fft.rfftfreq(n_samples, 1 / sample_rate)
    return (frequency >= band_hz[0]) & (frequency <= band_hz[1])
