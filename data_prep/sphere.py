"""Sound on a rigid sphere: what a microphone on it hears of a plane wave, scattering included.

The series that the STARSS and TAU corpora give for their array (`DCASE baselines` spec; E. G. Williams, Fourier
Acoustics, 1999, section 6.10).
"""

import numpy as np
from scipy.special import eval_legendre, spherical_jn, spherical_yn

SPEED_OF_SOUND = 343.0
ORDER = 30


def on_sphere(
    cosine: np.ndarray,
    frequency: np.ndarray,
    radius: float,
    order: int = ORDER,
    speed: float = SPEED_OF_SOUND,
) -> np.ndarray:
    """Pressure on the sphere, relative to that in its middle if it were not there.

    Args:
        cosine: (angle,) of the angle between the wave's origin and the microphone, seen from the middle.
        frequency: (frequency,) Hz.
        radius: metres.
        order: of the series; enough as long as it is well above 2 pi f radius / speed.
        speed: of sound, metres a second.

    Returns:
        (angle, frequency) complex; time runs as exp(+j 2 pi f t), so that a microphone that faces the wave leads.
    """
    wavenumber = np.maximum(2 * np.pi * np.asarray(frequency, float) * radius / speed, 1e-6)
    n = np.arange(order + 1)[:, None]
    slope = spherical_jn(n, wavenumber, True) - 1j * spherical_yn(n, wavenumber, True)
    with np.errstate(over="ignore", invalid="ignore"):
        term = 1j ** (n - 1) / slope * (2 * n + 1) / wavenumber**2
    term = np.where(np.isfinite(term), term, 0)
    legendre = eval_legendre(n, np.asarray(cosine, float))
    pressure = legendre.T @ term
    return np.where(wavenumber < 1e-3, 1.0, pressure)
