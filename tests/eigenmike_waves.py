"""Plane waves on the 32 capsules of an Eigenmike without its sphere."""

import numpy as np

from avseld.base.sphere import unit_vector
from avseld.directions.eigenmike import capsule_positions

RATE = 24000


def plane_waves(directions: list[tuple[float, float]], frames: int = 2, seed: int = 0) -> np.ndarray:
    """Return noises (sample, 32) that reach the capsules in the free field from azimuths and elevations."""
    n_samples = frames * 2400
    sound = np.zeros((n_samples, 32))
    random = np.random.default_rng(seed)
    frequency = np.fft.rfftfreq(n_samples, 1 / RATE)
    for azimuth, elevation in directions:
        advance = capsule_positions() @ unit_vector(azimuth, elevation) / 343.0
        spectrum = np.fft.rfft(random.standard_normal(n_samples))
        sound += np.fft.irfft(
            spectrum[:, None] * np.exp(2j * np.pi * np.outer(frequency, advance)), n_samples, 0
        )
    return 0.1 * sound
