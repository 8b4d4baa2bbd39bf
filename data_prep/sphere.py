"""Spheres: evenly spread directions, and the pressure of a plane wave on a rigid sphere."""

import numpy as np
from scipy.special import eval_legendre, spherical_jn, spherical_yn

from avseld.base.physics import SPEED_OF_SOUND_M_S

ORDER = 30
"""order of the series; enough for the array of STARSS23 up to 24 kHz, where kr is 18"""


def fibonacci_sphere(number: int) -> np.ndarray:
    """Spread directions evenly over the sphere by the Fibonacci lattice.

    Source: A. Gonzalez, Measurement of areas on a sphere using Fibonacci and latitude-longitude lattices,
    Mathematical Geosciences 42, 2010.

    Args:
        number: number of directions.

    Returns:
        (number, 3) unit vectors, from the highest to the lowest.
    """
    index = np.arange(number) + 0.5
    z = 1 - 2 * index / number
    angle = np.pi * (1 + 5**0.5) * index
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


def on_sphere(
    cosine: np.ndarray,
    frequency: np.ndarray,
    radius: float,
    order: int = ORDER,
    speed: float = SPEED_OF_SOUND_M_S,
) -> np.ndarray:
    """Compute the pressure of a plane wave on a rigid sphere, scattering included.

    Source: E. G. Williams, Fourier Acoustics, 1999, section 6.10. The descriptions of the TAU and STARSS corpora give
    the same series for their array.

    Args:
        cosine: (angle,) of the angle between the direction of arrival and the microphone.
        frequency: (frequency,) Hz.
        radius: metres.
        order: of the series; it should be well above kr = 2 pi f radius / speed.
        speed: of sound, metres per second.

    Returns:
        (angle, frequency) complex, relative to the free field at the centre. The time convention is exp(+j 2 pi f t):
        a microphone that faces the source has a positive phase.
    """
    wavenumber = np.maximum(2 * np.pi * np.asarray(frequency, float) * radius / speed, 1e-6)
    n = np.arange(order + 1)[:, None]
    # High orders overflow at low frequencies, where they contribute nothing.
    with np.errstate(over="ignore", invalid="ignore"):
        slope = spherical_jn(n, wavenumber, True) - 1j * spherical_yn(n, wavenumber, True)
        term = 1j ** (n - 1) / slope * (2 * n + 1) / wavenumber**2
    term = np.where(np.isfinite(term), term, 0)
    legendre = eval_legendre(n, np.asarray(cosine, float))
    pressure = legendre.T @ term
    return np.where(wavenumber < 1e-3, 1.0, pressure)
