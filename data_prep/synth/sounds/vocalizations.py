"""Synthetic vocalizations other than speech: barks, meows, crying, screams, coughs.

Every function takes a duration in seconds and a random generator, and returns (sample,) at `SAMPLE_RATE`; the level is
normalized later.
"""

import numpy as np

from data_prep.synth.signals import add_at, bandpass, gate, silence, time_axis, white_noise
from data_prep.synth.sounds.classes import SAMPLE_RATE


def bark(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize barks: short rough calls of falling pitch, two or three per second."""
    sound = silence(seconds)
    pitch, length = rng.uniform(320, 620), rng.uniform(0.12, 0.2)
    onset = 0.0
    while onset < seconds - length:
        time = time_axis(length)
        call = _harmonics(pitch * rng.uniform(0.95, 1.05) * (1.25 - 0.6 * time / length), 14, 0.8)
        rough = bandpass(white_noise(length, rng), 600, 2800) * 0.8
        add_at(sound, onset, (call + rough) * np.sin(np.pi * time / length) ** 0.5 * rng.uniform(0.7, 1.0))
        onset += length + rng.uniform(0.12, 0.35)
    return sound


def meow(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize meows: calls of 0.5 to 0.9 s of rising and falling pitch and brightness."""
    sound = silence(seconds)
    pitch, onset = rng.uniform(480, 760), 0.0
    while onset < seconds - 0.4:
        length = min(rng.uniform(0.5, 0.9), seconds - onset)
        time = time_axis(length) / length
        call = _harmonics(pitch * (0.85 + 0.4 * np.sin(np.pi * time)), 10, 1.1)
        opening = 0.5 + 0.5 * np.sin(np.pi * time)
        call = (1 - opening) * bandpass(call, 300, 900) + opening * bandpass(call, 900, 3000)
        add_at(sound, onset, call * gate(time * length, length, 0.06))
        onset += length + rng.uniform(0.2, 0.6)
    return sound


def crying_baby(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a crying baby: wails of about 1 s at 400 to 550 Hz with tremor, a breath after each."""
    sound = silence(seconds)
    pitch, onset = rng.uniform(400, 550), 0.0
    while onset < seconds - 0.3:
        length = min(rng.uniform(0.7, 1.2), seconds - onset)
        time = time_axis(length)
        glide = np.interp(time / length, [0, 0.2, 0.8, 1], [0.8, 1.1, 1.0, 0.75])
        tremor = 1 + 0.02 * np.sin(2 * np.pi * rng.uniform(6, 9) * time)
        wail = bandpass(_harmonics(pitch * glide * tremor, 12, 0.7), 700, 4200)
        add_at(sound, onset, wail * gate(time, length, 0.08))
        breath = bandpass(white_noise(0.18, rng), 1500, 5000) * gate(time_axis(0.18), 0.18, 0.06)
        add_at(sound, onset + length + 0.05, 0.15 * breath)
        onset += length + rng.uniform(0.3, 0.45)
    return sound


def female_scream(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize the scream of a woman."""
    return _scream(seconds, rng.uniform(900, 1400), rng)


def male_scream(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize the scream of a man."""
    return _scream(seconds, rng.uniform(330, 520), rng)


def cough(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize groups of one to three coughs: noise bursts with a voiced end."""
    sound = silence(seconds)
    onset, low = 0.0, rng.uniform(350, 600)
    while onset < seconds - 0.3:
        for _ in range(rng.integers(1, 4)):
            time = time_axis(0.28)
            blast = bandpass(white_noise(0.28, rng), low, low * 6) * np.exp(-time / 0.05)
            voice = _harmonics(np.full(len(time), low * 0.4), 8, 1.0) * np.exp(-(((time - 0.12) / 0.05) ** 2))
            if onset < seconds - 0.28:
                add_at(sound, onset, blast + 0.35 * voice)
            onset += rng.uniform(0.28, 0.36)
        onset += rng.uniform(0.2, 0.5)
    return sound


def clear_throat(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize throat clearing: rattles of irregular low pulses in a low band."""
    sound = silence(seconds)
    onset, rate = 0.0, rng.uniform(35, 60)
    while onset < seconds - 0.35:
        length = rng.uniform(0.3, 0.45)
        time = time_axis(length)
        pulses = (np.sin(2 * np.pi * rate * time) > 0.6) * rng.standard_normal(len(time))
        rattle = bandpass(pulses, 180, 1100) + 0.5 * _harmonics(np.full(len(time), rate * 2.5), 6, 1.2)
        add_at(sound, onset, rattle * gate(time, length, 0.05))
        onset += length + rng.uniform(0.08, 0.3)
    return sound


def _scream(seconds: float, pitch: float, rng: np.random.Generator) -> np.ndarray:
    time = time_axis(seconds)
    glide = np.interp(time / seconds, [0, 0.15, 0.7, 1], [0.7, 1.1, 1.0, 0.7])
    knots = np.arange(0, seconds + 0.02, 0.012)
    rough = 1 + 0.03 * np.interp(time, knots, rng.standard_normal(len(knots)))
    voice = _harmonics(pitch * glide * rough, 8, 0.5)
    breath = bandpass(white_noise(seconds, rng), 1500, 7000)
    return (voice + 0.4 * breath) * gate(time, seconds, 0.08)


def _harmonics(pitch: np.ndarray, n: int, slope: float) -> np.ndarray:
    """Synthesize n partials of amplitude k**-slope over a pitch (sample,) in Hz, without aliasing."""
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    top = float(np.max(pitch, initial=1.0))
    return np.sum(
        [np.sin(k * phase) / k**slope for k in range(1, n + 1) if k * top < 0.45 * SAMPLE_RATE], axis=0
    )
