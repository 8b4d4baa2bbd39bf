"""Measured first-order room responses: their convention, their direct sound, their rotation and their diffuse noise.

Channels inside are W Y Z X with SN3D, as in the FOA recordings of STARSS23: a plane wave has as much energy in Y, Z and
X together as in W.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from scipy.fft import irfft, next_fast_len, rfft

from avseld.base.errors import BadInput
from avseld.io.audio import audio_info, read_audio
from avseld.io.channel_map import AMBISONIC_CHANNELS, CONVENTIONS
from avseld.io.geometry import direction, unit_vector
from data_prep.synth.sounds.classes import SAMPLE_RATE

DIRECT_MS = 2.0
"""length of the direct sound after its onset: the first reflection in a room comes later, unless source or microphone
stand within 35 cm of a wall"""
LEAD_SAMPLES = SAMPLE_RATE // 1000
"""kept before the onset (1 ms): the slope that resampling and band limits put there"""
ONSET_SHARE = 0.1
"""the onset is where the magnitude of W first reaches this share of its maximum"""
LATE_MS = 80.0
"""the late response begins this long after the onset: mixing times of rooms are 20 to 80 ms, and 80 ms separate early
from late energy in ISO 3382-1"""
LATE_FADE_MS = 10.0
MIN_LATE_MS = 100.0
"""shortest late response that noise can be made of"""
N_NOISES = 12
"""independent noises, each through the late response in another orientation; together they have no direction"""
PINK_FROM_HZ = 50.0
"""pink noise is flat below this frequency, else its lowest bins hold most of its power"""
TOLERANCE = 1.2
"""largest factor between the energies of a direct sound and those of a convention; the conventions differ by 1.5"""


@dataclass(frozen=True)
class RoomResponse:
    """First-order response of a room.

    Args:
        name: of the file.
        convention: of the file, a key of `CONVENTIONS`.
        channels: (W Y Z X, sample) at `SAMPLE_RATE`, from `LEAD_SAMPLES` before the direct sound.
        direct: (x y z) unit vector towards the source, from the intensity of the direct sound.
    """

    name: str
    convention: str
    channels: np.ndarray
    direct: np.ndarray

    @property
    def angles(self) -> tuple[float, float]:
        """Return azimuth and elevation of the direct sound, degrees."""
        azimuth, elevation = direction(self.direct)
        return float(azimuth), float(elevation)


def read_response(path: Path, convention: str = "auto") -> RoomResponse:
    """Read a room response of any sample rate.

    Args:
        path: four channels; of a higher order (9, 16, ... channels) the first four are taken, which every convention
            gives to the first order.
        convention: a key of `CONVENTIONS`, or auto to choose it by the energies of the direct sound.

    Raises:
        BadInput: unreadable, another number of channels, silent, another convention than given, or none that is known.
    """
    info = audio_info(path)
    if info.channels not in AMBISONIC_CHANNELS:
        raise BadInput(
            f"{path}: {info.channels} channels instead of 4 (9, 16, ... of a higher order); give an ambisonic room "
            "response"
        )
    waveform = read_audio(path)[:4]
    raw = soxr.resample(waveform.T.astype(np.float64), info.sample_rate, SAMPLE_RATE).T
    onset = _onset(raw[0], path)
    raw = np.pad(raw, ((0, 0), (LEAD_SAMPLES, 0)))[:, onset:]
    found = _convention(raw, convention, path)
    chosen = CONVENTIONS[found]
    channels = raw[list(chosen.order)] * np.array([chosen.gains[0], *[chosen.gains[1]] * 3])[:, None]
    channels /= np.sqrt(np.square(channels[0]).sum())
    return RoomResponse(path.name, found, channels, direct_vector(channels))


def direct_vector(channels: np.ndarray) -> np.ndarray:
    """Read the direction of the direct sound from the intensity in its first `DIRECT_MS`.

    Args:
        channels: (W Y Z X, sample).

    Returns:
        (x y z) unit vector towards the source.
    """
    w, y, z, x = _direct(channels)
    intensity = np.array([x, y, z]) @ w
    return intensity / max(np.linalg.norm(intensity), np.finfo(float).tiny)


def turn(channels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Rotate first-order sound.

    Args:
        channels: (W Y Z X, sample).
        matrix: (3, 3) rotation of vectors x y z.
    """
    y, z, x = channels[1:]
    x, y, z = matrix @ np.stack([x, y, z])
    return np.stack([channels[0], y, z, x])


def turned_to(response: RoomResponse, azimuth: float, elevation: float) -> np.ndarray:
    """Rotate a whole response so that its direct sound comes from a direction.

    The response is turned to the front and level first, then up, then around: the room keeps its floor at the bottom as
    far as the two elevations are alike.

    Args:
        response: the response.
        azimuth: degrees.
        elevation: degrees.

    Returns:
        (W Y Z X, sample).
    """
    return turn(response.channels, _frame(azimuth, elevation) @ _frame(*response.angles).T)


def diffuse_noise(response: RoomResponse, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Make noise without direction: pink noises through the late response in `N_NOISES` orientations.

    Args:
        response: of the room.
        n_samples: length.
        rng: draws noises and orientations.

    Returns:
        (W Y Z X, sample), stationary, with unit power in W.

    Raises:
        BadInput: the response ends before its late part.
    """
    late = response.channels[:, LEAD_SAMPLES + _samples(LATE_MS) :].copy()
    if late.shape[1] < _samples(MIN_LATE_MS):
        raise BadInput(
            f"{response.name}: ends {LATE_MS + MIN_LATE_MS:.0f} ms after its direct sound or earlier, so that no "
            "noise of this room can be made; give a longer response"
        )
    late[:, : _samples(LATE_FADE_MS)] *= np.linspace(0, 1, _samples(LATE_FADE_MS))
    # Periodic noise through a circular convolution is stationary from the first sample on.
    period = next_fast_len(n_samples + late.shape[1], real=True)
    w, y, z, x = rfft(late, period)
    total_w, total_xyz = np.zeros(len(w), complex), np.zeros((3, len(w)), complex)
    for _ in range(N_NOISES):
        noise = _pink_spectrum(period, rng)
        total_w += noise * w
        total_xyz += _random_rotation(rng) @ np.stack([x, y, z]) * noise
    total = irfft(np.stack([total_w, total_xyz[1], total_xyz[2], total_xyz[0]]), period)[:, :n_samples]
    return total / np.sqrt(np.square(total[0]).mean())


def _samples(milliseconds: float) -> int:
    return round(milliseconds / 1000 * SAMPLE_RATE)


def _direct(channels: np.ndarray) -> np.ndarray:
    return channels[:, : LEAD_SAMPLES + _samples(DIRECT_MS)]


def _onset(w: np.ndarray, path: Path) -> int:
    magnitude = np.abs(w)
    if not len(w) or not magnitude.max() > 0:
        raise BadInput(f"{path}: the first channel is silent; give a first-order room response")
    return int(np.argmax(magnitude >= ONSET_SHARE * magnitude.max()))


def _convention(raw: np.ndarray, wanted: str, path: Path) -> str:
    """Choose or check the convention by the energies of the direct sound."""
    if wanted not in ("auto", *CONVENTIONS):
        raise BadInput(f"convention '{wanted}': choose one of auto, {', '.join(CONVENTIONS)}")
    energy = np.square(_direct(raw)).sum(axis=1)
    ratio = float(energy[1:].sum() / energy[0])
    factors = {
        name: max(ratio / each.energy, each.energy / max(ratio, 1e-12)) for name, each in CONVENTIONS.items()
    }
    nearest = min(factors, key=lambda name: factors[name])
    found = f"X, Y and Z have {ratio:.2f} times the energy of W in the direct sound"
    if wanted == "auto":
        if factors[nearest] > TOLERANCE:
            known = ", ".join(f"{each.energy:g} in {name}" for name, each in CONVENTIONS.items())
            raise BadInput(f"{path}: {found} ({known}); name its convention with --conventions")
        return nearest
    if nearest != wanted and factors[wanted] > TOLERANCE:
        raise BadInput(
            f"{path}: {found}, as in {nearest} ({CONVENTIONS[nearest].about}) and not in {wanted}; correct "
            "--conventions"
        )
    return wanted


def _frame(azimuth: float, elevation: float) -> np.ndarray:
    """Return the rotation (3, 3) of front, left and up by an elevation and then an azimuth, degrees."""
    front = unit_vector(azimuth, elevation)
    left = unit_vector(azimuth + 90, 0.0)
    return np.stack([front, left, np.cross(front, left)], axis=1)


def _random_rotation(rng: np.random.Generator) -> np.ndarray:
    """Draw a rotation (3, 3), all orientations equally likely."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def _pink_spectrum(period: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the spectrum of periodic noise with power inversely proportional to frequency: (bin,)."""
    frequency = np.fft.rfftfreq(period, 1 / SAMPLE_RATE)
    white = rng.normal(size=(2, len(frequency)))
    return (white[0] + 1j * white[1]) / np.sqrt(np.maximum(frequency, PINK_FROM_HZ))
