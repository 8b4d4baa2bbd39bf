"""Spheres: directions as unit vectors, evenly spread ones, and the pressure of a plane wave on a rigid sphere."""

import numpy as np
from numpy.typing import ArrayLike

from avseld.base.physics import SPEED_OF_SOUND_M_S

ORDER = 30
"""order of the series; enough for the array of STARSS23 up to 24 kHz, where kr is 18"""


def unit_vector(azimuth: ArrayLike, elevation: ArrayLike) -> np.ndarray:
    """Convert degrees to unit vectors.

    Args:
        azimuth: (...,) degrees.
        elevation: (...,) degrees.

    Returns:
        (..., 3), x, y, z.
    """
    azimuth, elevation = np.radians(np.asarray(azimuth, float)), np.radians(np.asarray(elevation, float))
    horizontal = np.cos(elevation)
    return np.stack(
        np.broadcast_arrays(horizontal * np.cos(azimuth), horizontal * np.sin(azimuth), np.sin(elevation)),
        axis=-1,
    )


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
    with np.errstate(over="ignore", invalid="ignore"):
        term = radial_filter(n, wavenumber) * (2 * n + 1)
    # High orders overflow at low frequencies, where they contribute nothing.
    term = np.where(np.isfinite(term), term, 0)
    from scipy.special import eval_legendre  # slow to import, and few systems need it

    legendre = eval_legendre(n, np.asarray(cosine, float))
    pressure = legendre.T @ term
    return np.where(wavenumber < 1e-3, 1.0, pressure)


def radial_filter(order: int | np.ndarray, kr: np.ndarray) -> np.ndarray:
    """Compute the pressure of a spherical mode on a rigid sphere, by that of a plane wave of 1 in the free field.

    Source and time convention as for `on_sphere`.

    Args:
        order: of the mode.
        kr: wavenumber times radius of the sphere, above 0.

    Returns:
        Complex, order and kr broadcast.
    """
    from scipy.special import spherical_jn, spherical_yn  # as above

    slope = spherical_jn(order, kr, True) - 1j * spherical_yn(order, kr, True)
    return 1j ** (order - 1) / slope / kr**2
