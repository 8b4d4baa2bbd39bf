"""Which format, order, polarity, gains and turn of an array explain the sounds from the places, as an array setup."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from avseld.base.rotation import rotation_angles
from avseld.base.sphere import unit_vector
from avseld.calibration.candidates import (
    A_FORMAT_BAND_HZ,
    Candidate,
    energy_ratios,
    evening_gains,
    have_delays,
    of_ambisonics,
    of_capsules,
    of_microphones,
    refined,
)
from avseld.calibration.explanation import Explanation, explain, explanations, levelled
from avseld.calibration.heard import BAND_HZ, Arrivals
from avseld.directions.arrays import STARSS23, FreeField, Microphones, RigidSphere
from avseld.directions.intensity import MAX_RATIO, MIN_RATIO, NAMED_RATIO
from avseld.io.array_setup import CAPSULES_DEG, ArrayFormat, ArraySetup
from avseld.io.geometry import angle_between

AS_USUAL, FUMA = (0, 1, 2, 3), (0, 2, 3, 1)
"""channels of the recording in the order of the format; W X Y Z as W Y Z X"""
KNOWN = {"foa": (AS_USUAL, FUMA), "mic": (AS_USUAL,), "a_format": (AS_USUAL,)}
LEAST_FIT = {"foa": 0.35, "mic": 0.6, "a_format": 0.6}
"""below which sounds have no clear direction; of claps in generated rooms, the worst have 0.6, 0.9 and 0.9"""
ALIKE_DB = 6.0
"""largest difference between the levels of microphones; of generated rooms, claps have 2.3 and words mostly 4, while
cardioids have 10 and more (facing away attenuates by 12), ambisonics 11 and more"""
CLEARER = 0.7
"""by which factor cardioids miss the places less than ambisonics do, where nobody says that they are some"""
LOW_BAND_HZ = (200.0, 1000.0)


@dataclass(frozen=True, eq=False)
class Fit:
    """How a format fits.

    Args:
        format: foa, mic or a_format.
        candidates: that were tried.
        best: the simplest explanation; None if nothing explains what is heard.
        microphones: where they are, of a mic format.
        gains: (channel,) factors of the recording's channels.
        hint: what else to try if nothing explains what is heard.
    """

    format: ArrayFormat
    candidates: list[Candidate]
    best: Explanation | None
    microphones: Microphones | None = None
    gains: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    hint: str = ""


def fit_ambisonics(arrivals: Sequence[Arrivals], towards: np.ndarray) -> Fit:
    """Explain the sounds as those of first-order ambisonics.

    Args:
        arrivals: by place, of four channels.
        towards: (place, 3) unit vectors, three at right angles.
    """
    candidates = of_ambisonics(arrivals)
    found = explanations(candidates, towards, LEAST_FIT["foa"], KNOWN["foa"])
    if not found:
        return Fit("foa", candidates, None)
    gains = ambisonic_gains(arrivals, found[0].order)
    return Fit("foa", candidates, levelled(found[0], towards), gains=tuple(gains.tolist()))


def ambisonic_gains(arrivals: Sequence[Arrivals], order: Sequence[int]) -> np.ndarray:
    """Find the gains that bring ambisonics to SN3D: of channels that are uneven, or of a convention.

    Args:
        arrivals: by place, of four channels.
        order: index in the recording of W, Y, Z and X.

    Returns:
        (channel,) factors in the order of the recording.
    """
    covariances = np.array([each.covariance() for each in arrivals])
    gains = evening_gains(covariances, order[0])
    ratio = float(np.median(energy_ratios(covariances, order[0])))
    others = list(order[1:])
    if (gains != 1).any():
        return gains.round(3)
    if ratio > NAMED_RATIO:
        gains[others] = 3**-0.5
    elif ratio > MAX_RATIO:
        gains[order[0]] = 2**0.5
    elif ratio < MIN_RATIO:
        gains[others] = ratio**-0.5
    return gains.round(3)


def fit_capsules(
    arrivals: Sequence[Arrivals], towards: np.ndarray, positions: Sequence[Sequence[float]] | None = None
) -> Fit:
    """Explain the sounds as those of four cardioid capsules; arguments as for `fit_microphones`."""
    facing = unit_vector(*np.array(CAPSULES_DEG).T) if positions is None else np.array(positions)
    candidates = of_capsules(arrivals, facing / np.linalg.norm(facing, axis=1, keepdims=True))
    found = explanations(candidates, towards, LEAST_FIT["a_format"], KNOWN["a_format"])
    return Fit("a_format", candidates, levelled(found[0], towards) if found else None)


def fit_microphones(
    arrivals: Sequence[Arrivals], towards: np.ndarray, positions: Sequence[Sequence[float]] | None = None
) -> Fit:
    """Explain the sounds as those of four microphones.

    Args:
        arrivals: by place, of four channels.
        towards: (place, 3) unit vectors.
        positions: x, y, z of each microphone in metres; None for a tetrahedron on a rigid sphere, as that of STARSS23.
    """
    given = None if positions is None else FreeField(tuple(tuple(map(float, each)) for each in positions))
    candidates, microphones = of_microphones(arrivals, given)
    found = explanations(candidates, towards, LEAST_FIT["mic"], KNOWN["mic"])
    if not found:
        return Fit("mic", candidates, None, microphones)
    finer = explain(refined(found[0].candidate, arrivals, microphones), towards)
    return Fit("mic", candidates, levelled(finer, towards), microphones)


FITS: dict[str, Callable[..., Fit]] = {
    "foa": fit_ambisonics,
    "mic": fit_microphones,
    "a_format": fit_capsules,
}


def fit_likeliest(arrivals: Sequence[Arrivals], towards: np.ndarray) -> Fit:
    """Explain the sounds as those of the format that four channels seem to have.

    All microphones of an array are about equally loud. Cardioids, which face different ways, and ambisonics are not:
    cardioids of separate capsules differ by delays, and miss the places much less than they would as ambisonics.

    Args:
        arrivals: by place, of four channels.
        towards: (place, 3) unit vectors.
    """
    if level_spread_db(arrivals) <= ALIKE_DB:
        return fit_microphones(arrivals, towards)
    ambisonics, capsules = fit_ambisonics(arrivals, towards), fit_capsules(arrivals, towards)
    if capsules.best is None:
        return ambisonics
    if have_delays(arrivals):
        return capsules
    if ambisonics.best is not None:
        return ambisonics
    if capsules.best.misses.mean() <= CLEARER * least_miss(ambisonics, towards):
        return capsules
    return replace(ambisonics, hint="; if they are four cardioid capsules, give --format a_format")


def least_miss(fit: Fit, towards: np.ndarray) -> float:
    """Return the degrees by which the best candidate misses the places on average, whether it is believed or not."""
    able = [each for each in fit.candidates if each.fit >= LEAST_FIT[fit.format]]
    return min((float(explain(each, towards).misses.mean()) for each in able), default=np.inf)


def level_spread_db(arrivals: Sequence[Arrivals]) -> float:
    """Return the difference between the loudest and the weakest channel at low frequencies, dB, median of places."""
    spreads = []
    for each in arrivals:
        power = np.diag(each.covariance(LOW_BAND_HZ))
        spreads.append(10 * np.log10(power.max() / max(power.min(), 1e-3 * power.max())))
    return float(np.median(spreads))


def setup_of(
    fit: Fit,
    best: Explanation,
    channels: Sequence[int],
    positions: Sequence[Sequence[float]] | None = None,
) -> ArraySetup:
    """Describe an explanation as the setup of the array.

    Args:
        fit: of a format.
        best: its explanation.
        channels: numbers, counted from 1, of the channels that were looked at.
        positions: of microphones or capsules, if they were given.
    """
    signs = list(best.polarity)
    if fit.format == "foa" and sum(sign < 0 for sign in signs) == len(signs) - 1:
        signs = [-1, 1, 1, 1]  # W alone is inverted
    inverted = [axis for axis, sign in zip("yzx", signs[1:], strict=True) if sign < 0]
    is_mirrored = fit.format == "foa" and best.order in KNOWN["foa"] and signs[0] > 0 and len(inverted) == 1
    yaw, pitch, roll = (round(angle, 1) + 0.0 for angle in rotation_angles(best.rotation))
    return ArraySetup(
        fit.format,
        tuple(channels[index] for index in best.order),
        (1, 1, 1, 1) if is_mirrored else tuple(signs),
        tuple(fit.gains[index] for index in best.order),
        tuple(inverted) if is_mirrored else (),
        yaw,
        pitch,
        roll,
        None if positions is None else tuple(tuple(map(float, each)) for each in positions),
    )


def is_unusual(microphones: Microphones | None) -> bool:
    """Whether microphones are those of another tetrahedron than STARSS23's."""
    return isinstance(microphones, RigidSphere) and microphones != STARSS23


def missed_by(
    setup: ArraySetup, best: Explanation, arrivals: Sequence[Arrivals], towards: np.ndarray
) -> np.ndarray:
    """Measure by how many degrees each place is missed with the channels that a setup gives.

    Args:
        setup: of the array.
        best: explanation that it was made of.
        arrivals: by place, of all channels of the recordings.
        towards: (place, 3) unit vectors.

    Returns:
        (place,)
    """
    if setup.output == "mic":
        return best.misses
    chosen = setup.channel_map(len(arrivals[0].cross), "the recording")
    gains = np.zeros((4, len(arrivals[0].cross)))
    gains[:, chosen.order] = (np.eye(4) if chosen.mixing is None else chosen.mixing) * chosen.gains
    band = A_FORMAT_BAND_HZ if setup.format == "a_format" else BAND_HZ
    wyzx = np.array([each.taken(gains).covariance(band)[0] for each in arrivals])
    return angle_between(wyzx[:, [3, 1, 2]], towards)
