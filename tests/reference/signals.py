"""Test signals with known features."""

import numpy as np
import torch

from avseld.io.geometry import unit_vector


def tone_mixture(n: int) -> np.ndarray:
    """Return four channels (4, n) at 24 kHz, each a mixture of two tones of its own frequency and phase."""
    t, c = np.arange(n) / 24000, np.arange(4)[:, None]
    turn = 2 * np.pi * t
    signal = 0.5 * np.sin((300 + 100 * c) * turn + 0.3 * c) + 0.1 * np.sin((1777 + 13 * c) * turn + c)
    return signal.astype(np.float32)


def plane_wave(
    azimuth: float, elevation: float, seconds: float = 1.0, noise: float = 0.02, seed: int = 0
) -> torch.Tensor:
    """Create bursts of noise from one direction with faint noise in every channel, (1, channel, sample)."""
    random = np.random.default_rng(seed)
    n = round(seconds * 24000)
    sound = random.normal(size=n) * (np.arange(n) // 4800 % 2)
    x, y, z = unit_vector(azimuth, elevation)
    waveform = np.array([1, y, z, x])[:, None] * sound + noise * random.normal(size=(4, n))
    return torch.from_numpy(waveform)[None]
