"""Check the channel order and axes of ambisonic recordings: compare the intensity vector with the labels."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from avseld.directions.bands import in_band
from avseld.directions.intensity import BAND_HZ, energies, intensity
from avseld.io.events import Events
from avseld.io.geometry import angle_between
from avseld.io.manifest import Recording
from data_prep.check.single_sources import MIN_FRAMES, single_source_frames

MIN_LEAD_DEG = 8.0
"""how much nearer to the labels an order must be than all others, as for arrays"""
Axes = tuple[tuple[int, int], ...]
"""for x, y, z: channel (1 to 3) and sign"""

FUMA: Axes = ((1, 1), (2, 1), (3, 1))
DECLARED: Axes = ((3, 1), (1, 1), (2, 1))
KNOWN: dict[Axes, str] = {
    FUMA: "channels in the order W X Y Z (FuMa); reorder them to W Y Z X (own --channels W,X,Y,Z)",
    ((3, 1), (1, -1), (2, 1)): "azimuth mirrored; it must be positive to the left",
    ((3, -1), (1, 1), (2, 1)): "front and back exchanged",
    ((3, -1), (1, -1), (2, 1)): "everything turned by 180 degrees",
    ((3, 1), (1, 1), (2, -1)): "up and down exchanged",
    ((1, 1), (3, -1), (2, 1)): "azimuth 0 at the left; 0 must be the front, 90 the left",
    ((1, -1), (3, 1), (2, 1)): "azimuth 0 at the right, 90 in front; 0 must be the front, 90 the left",
    ((1, 1), (3, 1), (2, 1)): "azimuth 0 at the left, 90 in front; 0 must be the front, 90 the left",
    ((1, -1), (3, -1), (2, 1)): "azimuth 0 at the right, 90 behind; 0 must be the front, 90 the left",
    ((3, -1), (1, -1), (2, -1)): "the sign of W turned",
}


@dataclass(frozen=True)
class Fit:
    """Agreement of measured and labelled directions."""

    n_frames: int
    declared: float
    """mean angle in degrees with the channels W Y Z X"""
    best: float
    """mean angle in degrees with the best order and signs of the three directional channels"""
    axes: Axes
    """order and signs of `best`"""
    lead: float = np.inf
    """degrees by which `best` is nearer than every other order"""

    @property
    def suspicious(self) -> bool:
        """Whether another orientation is clearly better than the declared one."""
        return self.n_frames >= MIN_FRAMES and self.best < min(0.7 * self.declared, self.declared - 10)

    @property
    def unambiguous(self) -> bool:
        """Whether no third orientation fits nearly as well: sounds from one direction fit several."""
        return self.lead > MIN_LEAD_DEG

    @property
    def words(self) -> str:
        """Description of the best orientation."""
        spelled = (
            f"{axis} = {'+' if sign > 0 else '-'}channel {channel + 1}"
            for axis, (channel, sign) in zip("xyz", self.axes, strict=True)
        )
        return KNOWN.get(self.axes, ", ".join(spelled))


def measure(recording: Recording, events: Events) -> tuple[np.ndarray, np.ndarray]:
    """Measure the intensity vector in frames in which exactly one source is labelled.

    The louder half of the frames is used.

    Args:
        recording: first-order ambisonics, W first.
        events: its labels.

    Returns:
        measured (frame, 3), the unit intensity vector in the order of channels 1 to 3, and labelled
        (frame, 3), unit vectors x, y, z.
    """
    single = single_source_frames(recording, events)
    band = in_band(single.n_samples, single.sample_rate, BAND_HZ)
    window = np.hanning(single.n_samples)
    vectors, power = np.zeros((len(single.frames), 3)), np.zeros(len(single.frames))
    for index, sound in enumerate(single.sounds()):
        spectrum = np.fft.rfft(sound * window)[:, band]
        vectors[index] = intensity(spectrum)
        power[index] = energies(spectrum[0])
    length = np.linalg.norm(vectors, axis=-1)
    loud = (power >= np.median(power) if len(power) else power > 0) & (length > 0)
    return vectors[loud] / length[loud, None], single.labelled[loud]


def fit(measured: Iterable[np.ndarray], labelled: Iterable[np.ndarray]) -> Fit:
    """Try all 48 orders and signs of the directional channels.

    Args:
        measured: per recording (frame, 3), from `measure`.
        labelled: the same.
    """
    vectors = np.concatenate([np.zeros((0, 3)), *measured])
    references = np.concatenate([np.zeros((0, 3)), *labelled])
    if not len(vectors):
        return Fit(0, np.nan, np.nan, DECLARED)
    errors = {
        tuple(zip(order, signs, strict=True)): float(
            angle_between(vectors[:, np.array(order) - 1] * signs, references).mean()
        )
        for order in permutations((1, 2, 3))
        for signs in product((1, -1), repeat=3)
    }
    best = min(errors, key=errors.__getitem__)
    second = min(error for axes, error in errors.items() if axes != best)
    return Fit(len(vectors), errors[DECLARED], errors[best], best, second - errors[best])
