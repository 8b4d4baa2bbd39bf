"""Intensity and energies of first-order ambisonics, and what the energies say about its gains."""

import numpy as np

BAND_HZ = (200.0, 5000.0)
"""below is the rumble of rooms, and small arrays attenuate Y, Z and X; above is the spatial aliasing of small arrays"""
MAX_RATIO, MIN_RATIO = 1.6, 0.5
"""of the energy of Y, Z and X to that of W, beyond which channels are not in SN3D"""
NAMED_RATIO = 2.45
"""between the 2 of FuMa, whose W is 3 dB lower, and the 3 of N3D"""


def intensity(spectrum: np.ndarray) -> np.ndarray:
    """Compute the active intensity, Re(conj(W) [others]), summed over bins.

    Source: V. Pulkki, Spatial sound reproduction with directional audio coding, JAES 55(6), 2007.

    Args:
        spectrum: (4, bin) complex, W first.

    Returns:
        (3,) in the order of channels 1 to 3.
    """
    return np.real(np.conj(spectrum[0]) * spectrum[1:4]).sum(axis=-1)


def energies(spectrum: np.ndarray) -> np.ndarray:
    """Compute the energy of each channel (channel,) of a spectrum (channel, bin)."""
    return np.square(np.abs(spectrum)).sum(axis=-1)
