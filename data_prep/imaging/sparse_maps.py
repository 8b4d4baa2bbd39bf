"""Energies of a lattice of directions that explain what the capsules receive: proximal gradient steps.

For each band and frame, x >= 0 minimises ||S - A diag(x) A^H||^2 + c (|x|_1 + |x|_2^2) / 2, where S is the covariance
of the channels divided by its largest eigenvalue, and A holds the phases of plane waves at the capsules. The label
generator of DCASE2026 multiplies 32 x 32 matrices in every step; here a step is one product with
G = |A^H A|^2 (direction x direction), since the gradient is 2 (G x - b), b = diag(A^H S A), and the objective
x^T G x - 2 b^T x + ||S||^2. Source: docs/sources.md, DCASE2026.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from avseld.directions.eigenmike import steering
from data_prep.imaging.bands import BAND_CENTRES_HZ

SPEED_OF_SOUND_M_S = 340.5
"""the value of the label generator (scipy.constants)"""
ORDER = 10
N_DIRECTIONS = 4 * (ORDER + 1) ** 2
COMMON_FREQUENCY_HZ = BAND_CENTRES_HZ[-1] + 500
"""whose wavelength the label generator takes for every band"""
MAX_STEPS = 200
SMALLEST_CHANGE = 1e-3
"""of the objective, relative, at which the steps end"""
MOMENTUM_DELAY = 50


def lattice() -> np.ndarray:
    """Return the directions, (484, 3) unit vectors from the highest to the lowest."""
    number = np.arange(N_DIRECTIONS)
    z = 1 - (2 * number + 1) / N_DIRECTIONS
    azimuth = 4 * np.pi * number / (1 + np.sqrt(5))
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=1)


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Plane waves from the directions of the lattice, for one band or for all."""

    waves: np.ndarray
    """(band or 1, capsule, direction) complex"""
    products: np.ndarray
    """(band or 1, direction, direction): |A^H A|^2"""
    slope: np.ndarray
    """(band or 1,): twice the largest eigenvalue of the products, the Lipschitz constant of the gradient"""


@lru_cache(maxsize=2)
def dictionary(own_wavelengths: bool = False) -> Dictionary:
    """Make the plane waves.

    Args:
        own_wavelengths: of each band, in place of one for all.
    """
    frequencies = BAND_CENTRES_HZ if own_wavelengths else np.array([COMMON_FREQUENCY_HZ])
    waves = np.stack([steering(lattice(), SPEED_OF_SOUND_M_S / each) for each in frequencies])
    products = np.abs(waves.conj().transpose(0, 2, 1) @ waves) ** 2
    return Dictionary(waves, products, 2 * np.linalg.eigvalsh(products)[:, -1])


@dataclass(frozen=True, eq=False)
class Problem:
    """What the maps of the bands of a frame have to explain."""

    fit: np.ndarray
    """(band, direction): diag(A^H S A)"""
    square: np.ndarray
    """(band,): ||S||^2"""


def problems(spectra: np.ndarray, waves: Dictionary) -> Iterator[Problem]:
    """Compute what each frame has to explain, from the spectra of its windows, without the covariance itself.

    S = sum conj(s) s^T over the windows, so that a^H S a = sum |s^T a|^2, and S has the eigenvalues of the inner
    products of the windows.

    Args:
        spectra: (frame, band, window, capsule) complex.
        waves: plane waves.
    """
    for windows in spectra:
        inner = windows @ windows.conj().transpose(0, 2, 1)
        values = np.linalg.eigvalsh(inner)
        largest = values[:, -1]
        scale = np.divide(1.0, largest, out=np.zeros_like(largest), where=largest > 0)
        beams = np.square(np.abs(windows @ waves.waves)).sum(axis=1)
        yield Problem(beams * scale[:, None], np.square(values * scale[:, None]).sum(axis=1))


def sparse_maps(spectra: np.ndarray, own_wavelengths: bool = False, momentum: bool = False) -> np.ndarray:
    """Compute the energies of the directions; each frame starts from the solution of the one before.

    Args:
        spectra: (frame, band, window, capsule) complex.
        own_wavelengths: steering vectors of each band's wavelength, in place of one wavelength for all.
        momentum: accelerated steps, which the label generator means to take and, by a mistake, does not.

    Returns:
        (frame, band, direction), 0 or more.
    """
    waves = dictionary(own_wavelengths)
    solution = np.zeros((spectra.shape[1], N_DIRECTIONS))
    maps = np.empty((len(spectra), *solution.shape))
    for frame, problem in enumerate(problems(spectra, waves)):
        solution = maps[frame] = _solve(problem, waves, solution, momentum)
    return maps


def _solve(problem: Problem, waves: Dictionary, start: np.ndarray, momentum: bool) -> np.ndarray:
    """Take the steps of a frame in all bands at once; a band that has ended stays as it is.

    Args:
        problem: of the frame.
        waves: plane waves.
        start: (band, direction).
        momentum: see `sparse_maps`.

    Returns:
        (band, direction).
    """
    fit, slope = problem.fit, np.broadcast_to(waves.slope, len(start))
    penalty = 0.4 * fit.max(axis=1)
    solution, product = start.copy(), _times(waves.products, start)
    previous, previous_product = solution.copy(), product.copy()
    objective = _objective(problem, penalty, solution, product)
    active, seen = np.arange(len(start)), np.zeros(len(start), bool)
    for step in range(1, MAX_STEPS + 1):
        share = (step - 1) / (step + MOMENTUM_DELAY) if momentum else 0.0
        at = solution[active] + share * (solution[active] - previous[active])
        at_product = product[active] + share * (product[active] - previous_product[active])
        previous[active], previous_product[active] = solution[active], product[active]
        shrink = (penalty[active] / slope[active])[:, None]
        moved = at - 2 * (at_product - fit[active]) / slope[active, None]
        solution[active] = np.maximum(0, (moved - 0.5 * shrink) / (shrink + 1))
        product[active] = _times(_of(waves.products, active), solution[active])
        before, objective = objective, _objective(problem, penalty, solution, product)
        seen |= objective != 0
        change = np.abs(objective - before)[active] / _nonzero(objective, before)[active]
        active = active[~((change < SMALLEST_CHANGE) & seen[active])]
        if not len(active):
            break
    return solution


def _times(products: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Multiply maps (band, direction) by one symmetric matrix, or each by its own."""
    return maps @ products[0] if len(products) == 1 else (products @ maps[..., None])[..., 0]


def _of(products: np.ndarray, bands: np.ndarray) -> np.ndarray:
    return products if len(products) in (1, len(bands)) else products[bands]


def _objective(
    problem: Problem, penalty: np.ndarray, solution: np.ndarray, product: np.ndarray
) -> np.ndarray:
    """Return the objective of each band, (band,)."""
    misfit = (solution * (product - 2 * problem.fit)).sum(axis=1) + problem.square
    return misfit + 0.5 * penalty * (solution.sum(axis=1) + np.square(solution).sum(axis=1))


def _nonzero(objective: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return what a change is relative to: the objective, the one before where it is 0, else 1."""
    return np.where(objective != 0, objective, np.where(before != 0, before, 1.0))
