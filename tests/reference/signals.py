"""Test signals with known features."""

import numpy as np


def tone_mixture(n: int) -> np.ndarray:
    """Return four channels (4, n) at 24 kHz, each a mixture of two tones of its own frequency and phase."""
    t, c = np.arange(n) / 24000, np.arange(4)[:, None]
    turn = 2 * np.pi * t
    signal = 0.5 * np.sin((300 + 100 * c) * turn + 0.3 * c) + 0.1 * np.sin((1777 + 13 * c) * turn + c)
    return signal.astype(np.float32)
