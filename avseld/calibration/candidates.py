"""What is heard from each place if the channels have some order and polarity: candidates for an explanation."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from avseld.base.sphere import fibonacci_sphere
from avseld.calibration.heard import Arrivals
from avseld.directions.arrays import MIN_RADIUS_GAIN, RADII_M, STARSS23, Microphones, RigidSphere
from avseld.directions.steered_power import coherence, steering, strongest
from avseld.directions.tetrahedra import AS_GIVEN, Order
from avseld.io.array_setup import ambisonics_of

N_COARSE, N_FINE = 1000, 6000
"""directions in which candidates are searched (6 degrees apart), and found (2.5 degrees)"""
A_FORMAT_BAND_HZ = (200.0, 2500.0)
"""capsules 2 cm apart are coincident in it"""
PHASE_BAND_HZ = (300.0, 5000.0)
"""below, time differences are small parts of a period"""
LIKELY_RATIOS = (0.3, 4.5)
"""of the energies of Y, Z and X to that of W: 1 in SN3D, 2 of FuMa, 3 in N3D"""

UNEVEN, MOST_UNEVEN = 4.0, 400.0
"""ratio of the energies of two of Y, Z and X from which they are taken for uneven, 6 dB, and up to which, 26 dB"""
DELAYED_FIT = 0.75
"""from which delays are clear: of claps in generated rooms, capsules have 0.87 and more, ambisonics 0.65 and less"""
BELOW = 0.1
"""sine of the angle by which sounds may be below a flat array"""

Signs = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Candidate:
    """An order and polarity of the channels, and what is heard with them.

    Args:
        order: (channel,) index in the recording of each channel of the format.
        polarity: (channel,) 1 or -1, of the channels in this order.
        directions: (place, 3) unit vectors in the axes of the array.
        fit: how well the channels fit it, at most 1; only comparable within a format.
    """

    order: Order
    polarity: Signs
    directions: np.ndarray
    fit: float


def polarities(n_channels: int) -> list[Signs]:
    """List polarities, of which the first channel is positive: the sign of all channels together is inaudible."""
    return [(1, *rest) for rest in product((1, -1), repeat=n_channels - 1)]


def of_ambisonics(places: Sequence[Arrivals]) -> list[Candidate]:
    """Measure intensity vectors for all 24 orders of four channels and the 8 polarities that differ.

    The right W has the same level in all sounds, relative to the other three together; any other channel has not.

    Args:
        places: onsets of the sounds from each place, of four channels.
    """
    covariances = np.array([each.covariance() for each in places])
    found = []
    for order in permutations(range(4)):
        gains = evening_gains(covariances, order[0])
        evened = covariances * np.outer(gains, gains)
        ratios = energy_ratios(evened, order[0])
        level = float(ratios.min() / ratios.max())
        clarity = float(directedness(evened, order[0]).mean())
        is_likely = LIKELY_RATIOS[0] < np.median(ratios) < LIKELY_RATIOS[1]
        yzx = evened[:, order[0], list(order[1:])]
        length = np.linalg.norm(yzx, axis=1, keepdims=True)
        for signs in polarities(4) if is_likely else []:
            y, z, x = (yzx * signs[1:] / np.maximum(length, 1e-30)).T
            found.append(Candidate(order, signs, np.stack([x, y, z], axis=1), min(level, clarity)))
    return found


def energy_ratios(covariances: np.ndarray, omni: int) -> np.ndarray:
    """Compute the energy of all other channels relative to one, (place,), of covariances (place, channel, channel)."""
    energy = np.maximum(np.einsum("kcc->kc", covariances), 1e-12)
    return (energy.sum(axis=1) - energy[:, omni]) / energy[:, omni]


def directedness(covariances: np.ndarray, omni: int) -> np.ndarray:
    """Compute the intensity relative to the energies, (place,): 1 of a plane wave, 0 of sound from everywhere."""
    energy = np.maximum(np.einsum("kcc->kc", covariances), 1e-12)
    others = [channel for channel in range(4) if channel != omni]
    length = np.linalg.norm(covariances[:, omni, others], axis=1)
    return length / np.sqrt(energy[:, omni] * energy[:, others].sum(axis=1))


def evening_gains(covariances: np.ndarray, omni: int) -> np.ndarray:
    """Find gains that bring Y, Z and X to SN3D where they differ clearly from one another; else all are 1.

    Of three directions at right angles, each of them receives together what W receives of one.

    Args:
        covariances: (place, channel, channel).
        omni: channel that is taken for W.

    Returns:
        (channel,)
    """
    energy = np.maximum(np.einsum("kcc->kc", covariances), 1e-12)
    each = (energy / energy[:, [omni]]).sum(axis=0)
    others = np.delete(each, omni)
    gains = np.ones(4)
    if UNEVEN * others.min() < others.max() <= MOST_UNEVEN * others.min():
        gains = np.maximum(each, 1e-12) ** -0.5
        gains[omni] = 1.0
    return gains


def of_capsules(places: Sequence[Arrivals], facing: np.ndarray) -> list[Candidate]:
    """Measure intensity vectors for all 24 orders of four cardioid capsules, of which some may be inverted.

    Cardioids have a positive sign in all directions, so that the polarity is that in which all channels agree.

    Args:
        places: onsets of the sounds from each place, of four channels.
        facing: (4, 3) unit vectors to which the capsules face, in the array's axes.
    """
    covariances = np.array([each.covariance(A_FORMAT_BAND_HZ) for each in places])
    together = covariances.sum(axis=0)
    principal = np.linalg.eigh(together)[1][:, -1]
    by_channel = np.where(principal < 0, -1, 1) * (-1 if principal[0] < 0 else 1)
    covariances = covariances * np.outer(by_channel, by_channel)
    mixing = ambisonics_of(facing)
    found = []
    for order in permutations(range(4)):
        chosen = covariances[:, list(order)][:, :, list(order)]
        mixed = np.einsum("oc,kcd,pd->kop", mixing, chosen, mixing)
        y, z, x = mixed[:, 0, 1:].T
        vectors = np.stack([x, y, z], axis=1)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        fit = float(directedness(mixed, 0).mean())
        signs = tuple(int(by_channel[channel]) for channel in order)
        found.append(Candidate(order, signs, vectors / np.maximum(length, 1e-30), fit))
    return found


def of_microphones(
    places: Sequence[Arrivals], microphones: Microphones | None = None
) -> tuple[list[Candidate], Microphones]:
    """Measure directions by steered power for all 24 orders of four microphones and the 8 polarities that differ.

    Args:
        places: onsets of the sounds from each place, of four channels.
        microphones: where they are; None for a tetrahedron on a rigid sphere whose radius fits best.

    Returns:
        Candidates, and the microphones.
    """
    chosen = fitting_sphere(places) if microphones is None else microphones
    phases = _phases(chosen, places[0], N_COARSE)
    keys = [(order, signs) for order in permutations(range(4)) for signs in polarities(4)]
    coherent = np.stack([_ordered(each, *key) for key in keys for each in places])
    directions, power = strongest(coherent, phases, heard_by(chosen, N_COARSE))
    # Channels without sound have no coherence: ambisonics, of which some do not hear a place, fit badly.
    most = np.array([_most(each) for each in places])
    fits = (power.reshape(len(keys), -1) / most).mean(axis=1)
    shaped = directions.reshape(len(keys), -1, 3)
    return [
        Candidate(order, _in_order(signs, order), found, float(fit))
        for (order, signs), found, fit in zip(keys, shaped, fits, strict=True)
    ], chosen


def refined(candidate: Candidate, places: Sequence[Arrivals], microphones: Microphones) -> Candidate:
    """Measure the directions of one candidate on a finer lattice; arguments as for `of_microphones`."""
    by_channel = np.empty(4, int)
    by_channel[list(candidate.order)] = candidate.polarity
    coherent = np.stack([_ordered(each, candidate.order, tuple(by_channel)) for each in places])
    directions, _ = strongest(
        coherent, _phases(microphones, places[0], N_FINE), heard_by(microphones, N_FINE)
    )
    return Candidate(candidate.order, candidate.polarity, directions, candidate.fit)


def heard_by(microphones: Microphones, n_directions: int) -> np.ndarray | None:
    """Return which directions (direction,) count: of a flat array, those that are not below it; None for all."""
    normal = None if isinstance(microphones, RigidSphere) else microphones.normal
    return None if normal is None else fibonacci_sphere(n_directions) @ normal >= -BELOW


def fitting_sphere(places: Sequence[Arrivals]) -> RigidSphere:
    """Find the radius of a tetrahedral array: every order of its capsules fits the phases as well as the right one."""
    fits = _fits_of_radii(places)
    best = max(fits, key=fits.__getitem__)
    return RigidSphere(radius=best) if fits[best] >= MIN_RADIUS_GAIN * fits[STARSS23.radius] else STARSS23


def have_delays(places: Sequence[Arrivals]) -> bool:
    """Return whether the channels clearly differ by delays, as those of separate capsules, rather than by signs alone.

    Args:
        places: onsets of the sounds from each place, of four channels.
    """
    coherent = np.array(
        [[_ordered(each, AS_GIVEN, signs).real.sum() for signs in polarities(4)] for each in places]
    )
    coincident = float((coherent.max(axis=1) / [_most(each) for each in places]).mean())
    delayed = max(_fits_of_radii(places).values())
    return delayed >= DELAYED_FIT and delayed > coincident


def _fits_of_radii(places: Sequence[Arrivals]) -> dict[float, float]:
    """Return how well the phases fit those of a tetrahedron of each radius, at the best polarity."""
    coherent = np.stack([_ordered(each, AS_GIVEN, signs) for signs in polarities(4) for each in places])
    most = np.array([_most(each) for each in places])
    fits = {}
    for radius in RADII_M:
        _, power = strongest(coherent, _phases(RigidSphere(radius=radius), places[0], N_COARSE))
        fits[radius] = float((power.reshape(-1, len(places)) / most).mean(axis=1).max())
    return fits


def _in_order(by_channel: Sequence[int], order: Order) -> Signs:
    """Return the polarity of the channels in an order, of which the first is positive."""
    signs = [by_channel[channel] for channel in order]
    return tuple(each * signs[0] for each in signs)


def _phases(microphones: Microphones, like: Arrivals, n_directions: int) -> np.ndarray:
    return steering(microphones, like.sample_rate, like.n_fft, PHASE_BAND_HZ, n_directions)


def _most(arrivals: Arrivals) -> float:
    """Return the steered power of a plane wave without reverberation."""
    kept = (arrivals.frequency >= PHASE_BAND_HZ[0]) & (arrivals.frequency <= PHASE_BAND_HZ[1])
    return max(6 * float(arrivals.weight[kept].sum()), 1e-30)


def _ordered(arrivals: Arrivals, order: Order, by_channel: Signs) -> np.ndarray:
    """Return coherences of the pairs of channels in an order, (pair times bin of `PHASE_BAND_HZ`,), less of noise."""
    kept = (arrivals.frequency >= PHASE_BAND_HZ[0]) & (arrivals.frequency <= PHASE_BAND_HZ[1])
    signs = np.array(by_channel)
    signed = arrivals.cross[..., kept] * np.outer(signs, signs)[..., None]
    found = coherence(signed[list(order)][:, list(order)])
    return found / np.maximum(np.abs(found), 1.0) * np.tile(arrivals.weight[kept], len(found) // kept.sum())
