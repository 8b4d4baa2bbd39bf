"""Building blocks of synthetic sounds: time axis, noise, onsets, envelopes, filters.

All signals are (sample,) at `SAMPLE_RATE`.
"""

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from data_prep.synth.sounds.classes import SAMPLE_RATE


def silence(seconds: float) -> np.ndarray:
    """Create a signal of zeros, to which parts are added."""
    return np.zeros(round(seconds * SAMPLE_RATE))


def time_axis(seconds: float) -> np.ndarray:
    """Return the time of every sample, seconds."""
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def white_noise(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Draw Gaussian white noise of power 1."""
    return rng.standard_normal(round(seconds * SAMPLE_RATE))


def jittered_onsets(seconds: float, rate_hz: float, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """Draw nearly periodic onsets.

    Args:
        seconds: duration of the sound; the last 80 ms are left free.
        rate_hz: onsets per second.
        jitter: standard deviation of an onset, as a share of the period.
        rng: source of randomness.

    Returns:
        (onset,) seconds, none below 0.
    """
    times = np.arange(0, seconds - 0.08, 1 / rate_hz)
    return np.maximum(times + rng.normal(0, jitter / rate_hz, len(times)), 0) * (np.arange(len(times)) > 0)


def add_at(sound: np.ndarray, onset: float, part: np.ndarray) -> None:
    """Add a part to a sound in place, cut off at the end of the sound.

    Args:
        sound: (sample,), changed.
        onset: seconds.
        part: (sample,).
    """
    first = round(onset * SAMPLE_RATE)
    left = max(len(sound) - first, 0)
    sound[first : first + len(part)] += part[:left]


def gate(time: np.ndarray, stop: float, ramp: float = 0.015) -> np.ndarray:
    """Compute an envelope that is 1 between 0 and `stop` seconds, with linear ramps of `ramp` seconds."""
    return np.clip(np.minimum(time / ramp, (stop - time) / ramp), 0, 1)


def odd_harmonics(phase: np.ndarray) -> np.ndarray:
    """Compute a hollow tone of harmonics 1, 3 and 5; the phase is in cycles."""
    return np.sin(2 * np.pi * phase) + 0.3 * np.sin(6 * np.pi * phase) + 0.12 * np.sin(10 * np.pi * phase)


def bandpass(signal: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Filter with a Butterworth band-pass of second order."""
    return sosfilt(butter(2, [low_hz, high_hz], "bandpass", fs=SAMPLE_RATE, output="sos"), signal)


def resonance(signal: np.ndarray, frequency_hz: float, decay_s: float) -> np.ndarray:
    """Filter with a two-pole resonance that decays by 1/e in `decay_s` seconds."""
    radius = np.exp(-1 / (decay_s * SAMPLE_RATE))
    cosine = np.cos(2 * np.pi * frequency_hz / SAMPLE_RATE)
    return lfilter([1.0], [1, -2 * radius * cosine, radius**2], signal)
