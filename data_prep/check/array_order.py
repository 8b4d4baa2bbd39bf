"""Check the channel order of a microphone array: compare directions from time differences with the labels.

The array is taken to be a tetrahedron on a rigid sphere, oriented as that of STARSS23 (`avseld.io.formats`). Its radius
is the one that the phases between its channels fit best.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from avseld.base.rotation import angle_of, rotation_matrix
from avseld.base.sphere import fibonacci_sphere
from avseld.directions.arrays import MIN_RADIUS_GAIN, RADII_M, STARSS23, RigidSphere
from avseld.directions.bands import in_band
from avseld.directions.steered_power import coherence, cross_spectra, pairs_of, steering, strongest
from avseld.directions.tetrahedra import AS_GIVEN, Order, order_matrices
from avseld.io.events import Events
from avseld.io.formats import FORMATS
from avseld.io.geometry import angle_between
from avseld.io.manifest import Recording
from data_prep.check.single_sources import MIN_FRAMES, single_source_frames

ARRAY = FORMATS["mic"]
BAND_HZ = (300.0, 6000.0)
"""below, time differences are small parts of a period; above, reverberation has most of the power"""
N_FFT = 512
"""samples of the windows whose cross-spectra are averaged over a label frame; 21 ms at 24 kHz"""
N_DIRECTIONS = 1000
"""directions that are compared, 6 degrees apart"""
COHERENT_SHARE = 0.5
"""share of the frames of a recording that is used, those whose channels fit one direction best"""
YAW_STEP_DEG = 5
MIN_YAW_DEG = 15
"""smaller turns are within the error of the directions"""
MAX_ANGLE_DEG = 50.0
"""mean angle above which no order is believed: the best of all reaches 45 with labels of another recording"""
MIN_LEAD_DEG = 8.0
"""how much nearer to the labels an order must be than all others"""
MIN_DIRECTIONS = 4
"""of `N_CELLS` parts of the sphere, in which labelled directions must lie: one direction fits several orders"""
N_CELLS = 42
"""30 degrees wide"""
ALIKE_DEG = 30.0
"""turns that differ by less are neighbours, not competitors"""


@dataclass(frozen=True)
class ArrayFit:
    """Agreement of directions from time differences with labelled ones.

    Args:
        n_frames: label frames with one source.
        declared: mean angle in degrees with the channels as given.
        best: mean angle in degrees with the best order or turn of the array.
        order: channels of the file, from 0, in the order of the array's microphones, of `best`.
        yaw: degrees that labelled azimuths lie left of the measured ones, of `best`; 0 if the order is another.
        n_directions: parts of the sphere with labelled directions.
        lead: degrees by which `best` is nearer than any clearly different order or turn.
        radius: metres, of the array that fits the phases best.
    """

    n_frames: int
    declared: float
    best: float
    order: Order
    yaw: int
    n_directions: int
    lead: float
    radius: float

    @property
    def suspicious(self) -> bool:
        """Whether another order or turn fits clearly better than the channels as given, and none else does."""
        changed = self.order != AS_GIVEN or abs(self.yaw) >= MIN_YAW_DEG
        better = self.best < min(0.7 * self.declared, self.declared - 10, MAX_ANGLE_DEG)
        enough = self.n_frames >= MIN_FRAMES and self.n_directions >= MIN_DIRECTIONS
        return enough and changed and better and self.lead > MIN_LEAD_DEG

    @property
    def words(self) -> str:
        """Description of the best order or turn, with both angles."""
        fits = f"fits the labels with {self.best:.1f} degrees, as given {self.declared:.1f}"
        if self.yaw:
            return f"the array looks turned: {self.yaw} degrees less in the labels' azimuths {fits}"
        numbers = ",".join(str(channel + 1) for channel in self.order)
        turned = " (the same as an array turned by 180 degrees)" if self.order == AS_GIVEN[::-1] else ""
        return f"channels look permuted: order {numbers} {fits}{turned}"


@dataclass(frozen=True)
class Measured:
    """Directions of single sources in a recording.

    Args:
        directions: (frame, 3) unit vectors x, y, z, from time differences.
        labelled: (frame, 3) the same, of the labels.
        radius: metres, of the array that fits best.
    """

    directions: np.ndarray
    labelled: np.ndarray
    radius: float


def measure(recording: Recording, events: Events) -> Measured:
    """Measure the direction of sound in frames in which exactly one source is labelled.

    Steered response power (`avseld.directions.steered_power`) of the windows of a frame. The more coherent half of the
    frames is used.

    Args:
        recording: of a tetrahedral array.
        events: its labels.
    """
    single = single_source_frames(recording, events)
    band = in_band(N_FFT, single.sample_rate, BAND_HZ)
    coherent = np.zeros((len(single.frames), len(pairs_of(ARRAY.channels)) * int(band.sum())), np.complex64)
    for index, sound in enumerate(single.sounds()):
        coherent[index] = coherence(cross_spectra(_spectrum(sound, band)))
    sounding = np.abs(coherent).any(axis=1)
    coherent, labelled = coherent[sounding], single.labelled[sounding]
    found = {
        radius: strongest(
            coherent, steering(RigidSphere(radius=radius), single.sample_rate, N_FFT, BAND_HZ, N_DIRECTIONS)
        )
        for radius in RADII_M
    }
    mean = {radius: float(peak.sum()) for radius, (_, peak) in found.items()}
    radius = max(RADII_M, key=mean.__getitem__)
    if mean[radius] < MIN_RADIUS_GAIN * mean[ARRAY.radius]:
        radius = ARRAY.radius
    directions, peak = found[radius]
    used = peak >= np.quantile(peak, 1 - COHERENT_SHARE) if len(peak) else np.zeros(0, bool)
    return Measured(directions[used], labelled[used], radius)


def fit(measured: Sequence[Measured]) -> ArrayFit:
    """Try all 24 orders of the channels, and the given order in an array turned about the vertical.

    An order of the capsules of a tetrahedron is a rotation or mirror image of it, so that it turns or mirrors the
    measured directions; nothing is measured again.

    Args:
        measured: of every recording.
    """
    vectors = np.concatenate([np.zeros((0, 3)), *(each.directions for each in measured)])
    references = np.concatenate([np.zeros((0, 3)), *(each.labelled for each in measured)])
    if not len(vectors):
        return ArrayFit(0, np.nan, np.nan, AS_GIVEN, 0, 0, 0.0, ARRAY.radius)
    candidates = _candidates()
    angles = np.array(
        [float(angle_between(vectors @ matrix.T, references).mean()) for _, _, matrix in candidates]
    )
    best = int(angles.argmin())
    order, yaw, matrix = candidates[best]
    elsewhere = np.array([angle_of(other @ matrix.T) > ALIKE_DEG for _, _, other in candidates])
    lead = float(angles[elsewhere].min() - angles[best])
    n_directions = len(np.unique((references @ fibonacci_sphere(N_CELLS).T).argmax(axis=1)))
    radius = float(
        np.median(np.repeat([each.radius for each in measured], [len(each.labelled) for each in measured]))
    )
    return ArrayFit(
        len(vectors), float(angles[0]), float(angles[best]), order, yaw, n_directions, lead, radius
    )


def _spectrum(sound: np.ndarray, band: np.ndarray) -> np.ndarray:
    """Transform windows of sound (channel, sample), half a window apart, into (channel, window, bin of the band)."""
    starts = range(0, sound.shape[1] - N_FFT + 1, N_FFT // 2)
    windows = np.stack([sound[:, start : start + N_FFT] for start in starts], axis=1) * np.hanning(N_FFT)
    return np.fft.rfft(windows)[..., band]


@cache
def _candidates() -> list[tuple[Order, int, np.ndarray]]:
    """List orders and turns, the given one first, with the (3, 3) matrix that each applies to measured directions."""
    matrices = order_matrices(tuple(map(tuple, STARSS23.facing)))
    found: list[tuple[Order, int, np.ndarray]] = [(order, 0, matrix) for order, matrix in matrices.items()]
    for yaw in range(-180 + YAW_STEP_DEG, 180, YAW_STEP_DEG):  # 180 degrees is an order
        if yaw:
            found.append((AS_GIVEN, yaw, rotation_matrix(yaw)))
    return found
