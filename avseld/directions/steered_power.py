"""Directions from the phases between microphones: steered response power.

The coherence of each pair of channels is compared with the phases that a plane wave from each direction has (SRP-PHAT,
J. DiBiase, A high-accuracy, low-latency technique for talker localization in reverberant environments, 2000; weighted
by the coherence instead of whitened, which leaves out bins of noise).
"""

from functools import lru_cache
from itertools import combinations

import numpy as np

from avseld.base.sphere import fibonacci_sphere
from avseld.directions.arrays import Microphones
from avseld.directions.bands import in_band


def pairs_of(n_channels: int) -> tuple[tuple[int, int], ...]:
    """List the pairs of channels, in the order that all functions here use."""
    return tuple(combinations(range(n_channels), 2))


def cross_spectra(spectrum: np.ndarray) -> np.ndarray:
    """Sum the products of channels over windows.

    Args:
        spectrum: (channel, window, bin) complex.

    Returns:
        (channel, channel, bin) complex, Hermitian.
    """
    return np.einsum("iwf,jwf->ijf", spectrum, spectrum.conj())


def coherence(cross: np.ndarray) -> np.ndarray:
    """Compute the complex coherence of each pair of channels.

    Args:
        cross: (channel, channel, bin), from `cross_spectra`.

    Returns:
        (pair times bin,), of magnitude 1 where two channels differ by a delay and a gain.
    """
    power = np.einsum("iif->if", cross).real
    return np.concatenate(
        [cross[i, j] / np.sqrt(np.maximum(power[i] * power[j], 1e-30)) for i, j in pairs_of(len(cross))]
    )


@lru_cache(maxsize=16)
def steering(
    microphones: Microphones, sample_rate: int, n_fft: int, band_hz: tuple[float, float], n_directions: int
) -> np.ndarray:
    """Return the phases between pairs of microphones of plane waves from directions all around.

    Args:
        microphones: of the array.
        sample_rate: Hz.
        n_fft: samples of the transform.
        band_hz: lowest and highest frequency.
        n_directions: of the lattice `avseld.base.sphere.fibonacci_sphere`.

    Returns:
        (direction, pair times bin) complex64 of magnitude 1.
    """
    frequency = np.fft.rfftfreq(n_fft, 1 / sample_rate)[in_band(n_fft, sample_rate, band_hz)]
    response = microphones.responses(fibonacci_sphere(n_directions), frequency)
    phases = np.stack(
        [response[:, i] * response[:, j].conj() for i, j in pairs_of(response.shape[1])], axis=1
    )
    return (phases / np.abs(phases)).reshape(n_directions, -1).astype(np.complex64)


def strongest(
    coherences: np.ndarray, phases: np.ndarray, allowed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the direction whose phases fit coherences best.

    Args:
        coherences: (frame, pair times bin), each from `coherence`.
        phases: from `steering`.
        allowed: (direction,) bool, directions that are looked at; None for all.

    Returns:
        (frame, 3) unit vectors, and the steered power (frame,), which is at most the number of pairs times bins.
    """
    power = (coherences @ phases.conj().T).real
    if allowed is not None:
        power[:, ~allowed] = -np.inf
    return fibonacci_sphere(len(phases))[power.argmax(axis=1)], power.max(axis=1, initial=0.0)
