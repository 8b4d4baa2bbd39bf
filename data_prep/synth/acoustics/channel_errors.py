"""Errors of real arrays: gains, frequency responses and delays of the microphones, and their own noise."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.fft import irfft, rfftfreq
from scipy.signal import oaconvolve

from avseld.io.geometry import unit_vector
from data_prep.synth.acoustics.formats import ReceiverFormat
from data_prep.synth.sounds.classes import SAMPLE_RATE

TETRAHEDRON_DEG = ((45.0, 35.264), (-45.0, -35.264), (135.0, -35.264), (-135.0, 35.264))
"""azimuth and elevation of the capsules from which first-order ambisonics is encoded"""
N_KNOTS = 6
"""frequencies at which the response of a microphone is drawn, evenly in octaves from `LOWEST_KNOT_HZ`"""
LOWEST_KNOT_HZ = 80.0
N_TAPS = 512
"""samples of the filters of the microphones, whose responses are smooth over the 47 Hz between their frequencies"""


@dataclass(frozen=True)
class ErrorRanges:
    """Standard deviations and ranges of the errors of an array."""

    gain_db: float = 0.6
    """standard deviation of the gain of a channel"""
    response_db: float = 0.4
    """standard deviation of the deviation from a flat response, at each of `N_KNOTS` frequencies"""
    delay_us: float = 4.0
    """standard deviation of the delay of a microphone: 1 mm is 3 microseconds"""
    calibrated: float = 0.35
    """errors that calibration leaves in the capsules of an ambisonic array, relative to those of a channel: they leak
    sound pressure into the dipoles, which hides the direction of sources in reverberation"""
    self_noise_db: tuple[float, float] = (-95.0, -65.0)
    """power of the noise of a microphone, relative to full scale"""
    level_db: tuple[float, float] = (-16.0, 8.0)
    """gain of the whole recording"""


def draw_responses(
    n_microphones: int, size: int, errors: ErrorRanges, rng: np.random.Generator
) -> np.ndarray:
    """Draw the frequency responses of the microphones of an array.

    Args:
        n_microphones: number of microphones.
        size: samples of the transform.
        errors: ranges.
        rng: source of randomness.

    Returns:
        (microphone, size // 2 + 1) complex, relative to a microphone without errors.
    """
    frequency = rfftfreq(size, 1 / SAMPLE_RATE)
    octave = np.log(np.maximum(frequency, LOWEST_KNOT_HZ))
    knots = np.linspace(np.log(LOWEST_KNOT_HZ), np.log(SAMPLE_RATE / 2), N_KNOTS)
    gain_db = rng.normal(0, errors.gain_db, (n_microphones, 1))
    response_db = gain_db + rng.normal(0, errors.response_db, (n_microphones, N_KNOTS))
    delay_s = rng.normal(0, errors.delay_us, n_microphones) * 1e-6
    gain = np.stack([np.interp(octave, knots, row) for row in response_db])
    return (10 ** (gain / 20) * np.exp(-2j * np.pi * frequency * delay_s[:, None])).astype(np.complex64)


def apply_errors(
    sound: np.ndarray, format: ReceiverFormat, errors: ErrorRanges, rng: np.random.Generator
) -> np.ndarray:
    """Record a sound with an array whose microphones have errors.

    Channels get errors of their own. First-order ambisonics is also decoded to four cardioid capsules, which have what
    calibration leaves of such errors, and encoded again.

    Args:
        sound: (channel, sample), channels of the audio file.
        format: their format.
        errors: ranges.
        rng: source of randomness; generators of the same state give the same errors.

    Returns:
        (channel, sample) float32.
    """
    recorded = _filter(sound, draw_responses(len(sound), N_TAPS, errors, rng))
    if format.receiver is not None or format.mixdown is not None:
        return recorded
    share = errors.calibrated
    left = replace(
        errors,
        gain_db=share * errors.gain_db,
        response_db=share * errors.response_db,
        delay_us=share * errors.delay_us,
    )
    encoding = np.linalg.inv(capsule_gains())
    capsules = mix_channels(capsule_gains(), recorded)
    return mix_channels(encoding, _filter(capsules, draw_responses(len(sound), N_TAPS, left, rng)))


def mix_channels(gains: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """Mix (output, channel) gains of a sound (channel, sample) with the same rounding on any number of threads."""
    return np.einsum("oc,cs->os", gains.astype(np.float32), sound)


def _filter(sound: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Filter each channel (channel, sample) with its response (channel, N_TAPS // 2 + 1), without delay."""
    taps = np.roll(irfft(responses, N_TAPS), N_TAPS // 2, axis=1).astype(np.float32)
    filtered = oaconvolve(sound, taps, axes=-1)[:, N_TAPS // 2 : N_TAPS // 2 + sound.shape[1]]
    return filtered.astype(np.float32)


def capsule_gains() -> np.ndarray:
    """Return the gains (capsule, channel) of W Y Z X in cardioids that face the corners of a tetrahedron."""
    x, y, z = unit_vector(*np.array(TETRAHEDRON_DEG).T).T
    return 0.5 * np.stack([np.ones(4), y, z, x], axis=1)


def self_noise(shape: tuple[int, int], errors: ErrorRanges, rng: np.random.Generator) -> np.ndarray:
    """Draw the noise of the microphones themselves, (channel, sample) float32, independent in each channel."""
    level = 10 ** (rng.uniform(*errors.self_noise_db) / 20)
    return np.float32(level) * rng.standard_normal(shape, dtype=np.float32)
