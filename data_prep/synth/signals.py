"""What synthetic sounds are made of: time, noise, pulses, resonances. Everything is (sample,) at 24 kHz."""

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from data_prep.synth.sounds.classes import SAMPLE_RATE


def silence(seconds: float) -> np.ndarray:
    """So many seconds of nothing."""
    return np.zeros(round(seconds * SAMPLE_RATE))


def seconds_of(seconds: float) -> np.ndarray:
    """The time of every sample."""
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def noise(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """White noise of power 1."""
    return rng.standard_normal(round(seconds * SAMPLE_RATE))


def regular(seconds: float, rate: float, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """Onsets at a rate a second, none before 0, scattered by a share of their distance."""
    times = np.arange(0, seconds - 0.08, 1 / rate)
    return np.maximum(times + rng.normal(0, jitter / rate, len(times)), 0) * (np.arange(len(times)) > 0)


def add(sound: np.ndarray, onset: float, part: np.ndarray) -> None:
    """Add a part to a sound, in place, as far as it fits."""
    first = round(onset * SAMPLE_RATE)
    room = max(len(sound) - first, 0)
    sound[first : first + len(part)] += part[:room]


def gate(time: np.ndarray, stop: float, edge: float = 0.015) -> np.ndarray:
    """1 from 0 to a time, with straight edges."""
    return np.clip(np.minimum(time / edge, (stop - time) / edge), 0, 1)


def reed(phase: np.ndarray) -> np.ndarray:
    """A hollow tone: odd harmonics."""
    return np.sin(2 * np.pi * phase) + 0.3 * np.sin(6 * np.pi * phase) + 0.12 * np.sin(10 * np.pi * phase)


def band(signal: np.ndarray, low: float, high: float) -> np.ndarray:
    """What lies between two frequencies."""
    return sosfilt(butter(2, [low, high], "bandpass", fs=SAMPLE_RATE, output="sos"), signal)


def ring(signal: np.ndarray, frequency: float, decay: float) -> np.ndarray:
    """A resonance that decays by 1/e in `decay` seconds."""
    radius = np.exp(-1 / (decay * SAMPLE_RATE))
    return lfilter([1.0], [1, -2 * radius * np.cos(2 * np.pi * frequency / SAMPLE_RATE), radius**2], signal)
