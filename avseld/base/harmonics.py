"""Real spherical harmonics, N3D: each has a mean square of 1 over the sphere, so that the order 0 is 1 everywhere."""

import math

import numpy as np


def spherical_harmonics(directions: np.ndarray, order: int) -> np.ndarray:
    """Evaluate all real spherical harmonics up to an order (M. A. Gerzon's B-format, extended; ACN order, N3D).

    Args:
        directions: (point, 3) unit vectors x y z.
        order: largest one.

    Returns:
        (point, (order + 1)^2), float64; channels 1 to 3 are y, z, x times the square root of 3.
    """
    x, y, z = np.asarray(directions, np.float64).T
    columns = np.empty(((order + 1) ** 2, len(x)))
    turned, around = np.ones(len(x)), x + 1j * y  # (x + iy)^m: the azimuth, with sin(colatitude)^m
    for m in range(order + 1):
        for degree, legendre in zip(range(m, order + 1), _reduced_legendre(z, m, order), strict=True):
            ratio = math.factorial(degree - m) / math.factorial(degree + m)
            scale = math.sqrt((2 * degree + 1) * ratio * (1 if m == 0 else 2))
            columns[degree * (degree + 1) + m] = scale * legendre * turned.real
            if m:
                columns[degree * (degree + 1) - m] = scale * legendre * turned.imag
        turned = turned * around
    return columns.T


def _reduced_legendre(z: np.ndarray, m: int, order: int) -> list[np.ndarray]:
    """Compute the associated Legendre functions of degrees m to `order` over sin^m, without the Condon-Shortley phase.

    Args:
        z: cosine of the colatitude.
        m: order.
        order: largest degree.
    """
    values = [np.full_like(z, math.prod(range(1, 2 * m, 2)))]
    before = np.zeros_like(z)
    for degree in range(m, order):
        after = ((2 * degree + 1) * z * values[-1] - (degree + m) * before) / (degree - m + 1)
        before = values[-1]
        values.append(after)
    return values
