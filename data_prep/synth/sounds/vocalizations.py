"""Sounds of animals and of people who do not speak: barks, meows, screams, coughs.

Every function takes seconds and a random generator and gives (sample,) at 24 kHz; levels are set elsewhere.
"""

import numpy as np

from data_prep.synth.signals import add, band, gate, noise, seconds_of, silence
from data_prep.synth.sounds.classes import SAMPLE_RATE


def bark(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Short hoarse calls that fall in pitch, two or three a second."""
    sound = silence(seconds)
    pitch, length = rng.uniform(320, 620), rng.uniform(0.12, 0.2)
    onset = 0.0
    while onset < seconds - length:
        time = seconds_of(length)
        call = _harmonics(pitch * rng.uniform(0.95, 1.05) * (1.25 - 0.6 * time / length), 14, 0.8)
        rough = band(noise(length, rng), 600, 2800) * 0.8
        add(sound, onset, (call + rough) * np.sin(np.pi * time / length) ** 0.5 * rng.uniform(0.7, 1.0))
        onset += length + rng.uniform(0.12, 0.35)
    return sound


def meow(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Calls of half a second to a second that rise and fall, their mouth opening and closing."""
    sound = silence(seconds)
    pitch, onset = rng.uniform(480, 760), 0.0
    while onset < seconds - 0.4:
        length = min(rng.uniform(0.5, 0.9), seconds - onset)
        time = seconds_of(length) / length
        call = _harmonics(pitch * (0.85 + 0.4 * np.sin(np.pi * time)), 10, 1.1)
        opening = 0.5 + 0.5 * np.sin(np.pi * time)
        call = (1 - opening) * band(call, 300, 900) + opening * band(call, 900, 3000)
        add(sound, onset, call * gate(time * length, length, 0.06))
        onset += length + rng.uniform(0.2, 0.6)
    return sound


def crying_baby(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Wails of a second, at 400 to 550 Hz with a tremor, a breath between."""
    sound = silence(seconds)
    pitch, onset = rng.uniform(400, 550), 0.0
    while onset < seconds - 0.3:
        length = min(rng.uniform(0.7, 1.2), seconds - onset)
        time = seconds_of(length)
        glide = np.interp(time / length, [0, 0.2, 0.8, 1], [0.8, 1.1, 1.0, 0.75])
        tremor = 1 + 0.02 * np.sin(2 * np.pi * rng.uniform(6, 9) * time)
        wail = band(_harmonics(pitch * glide * tremor, 12, 0.7), 700, 4200)
        add(sound, onset, wail * gate(time, length, 0.08))
        breath = band(noise(0.18, rng), 1500, 5000) * gate(seconds_of(0.18), 0.18, 0.06)
        add(sound, onset + length + 0.05, 0.15 * breath)
        onset += length + rng.uniform(0.3, 0.45)
    return sound


def female_scream(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A woman's scream."""
    return _scream(seconds, rng.uniform(900, 1400), rng)


def male_scream(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A man's scream."""
    return _scream(seconds, rng.uniform(330, 520), rng)


def cough(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Blasts of noise with a voiced end, in pairs."""
    sound = silence(seconds)
    onset, low = 0.0, rng.uniform(350, 600)
    while onset < seconds - 0.3:
        for _ in range(rng.integers(1, 4)):
            time = seconds_of(0.28)
            blast = band(noise(0.28, rng), low, low * 6) * np.exp(-time / 0.05)
            voice = _harmonics(np.full(len(time), low * 0.4), 8, 1.0) * np.exp(-(((time - 0.12) / 0.05) ** 2))
            if onset < seconds - 0.28:
                add(sound, onset, blast + 0.35 * voice)
            onset += rng.uniform(0.28, 0.36)
        onset += rng.uniform(0.2, 0.5)
    return sound


def clear_throat(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A rattle of low pulses, twice, the mouth nearly shut."""
    sound = silence(seconds)
    onset, rate = 0.0, rng.uniform(35, 60)
    while onset < seconds - 0.35:
        length = rng.uniform(0.3, 0.45)
        time = seconds_of(length)
        pulses = (np.sin(2 * np.pi * rate * time) > 0.6) * rng.standard_normal(len(time))
        rattle = band(pulses, 180, 1100) + 0.5 * _harmonics(np.full(len(time), rate * 2.5), 6, 1.2)
        add(sound, onset, rattle * gate(time, length, 0.05))
        onset += length + rng.uniform(0.08, 0.3)
    return sound


def _scream(seconds: float, pitch: float, rng: np.random.Generator) -> np.ndarray:
    time = seconds_of(seconds)
    glide = np.interp(time / seconds, [0, 0.15, 0.7, 1], [0.7, 1.1, 1.0, 0.7])
    knots = np.arange(0, seconds + 0.02, 0.012)
    rough = 1 + 0.03 * np.interp(time, knots, rng.standard_normal(len(knots)))
    voice = _harmonics(pitch * glide * rough, 8, 0.5)
    breath = band(noise(seconds, rng), 1500, 7000)
    return (voice + 0.4 * breath) * gate(time, seconds, 0.08)


def _harmonics(pitch: np.ndarray, n: int, slope: float) -> np.ndarray:
    """A tone of n partials that fall off by a power; those beyond the range of hearing are left out."""
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    top = float(np.max(pitch, initial=1.0))
    return np.sum(
        [np.sin(k * phase) / k**slope for k in range(1, n + 1) if k * top < 0.45 * SAMPLE_RATE], axis=0
    )
