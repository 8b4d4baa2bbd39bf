"""Synthetic sounds of the street, for the classes of UrbanSound8K.

Every function takes a duration in seconds and a random generator, and returns (sample,) at `SAMPLE_RATE`; the level is
normalized later.
"""

import numpy as np

from data_prep.synth.signals import add_at, bandpass, gate, silence, time_axis, white_noise
from data_prep.synth.sounds.classes import SAMPLE_RATE


def car_horn(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize car horns: two tones a third apart, rich in harmonics, held or in short blasts."""
    sound, pitch = silence(seconds), rng.uniform(360, 460)
    onset = 0.0
    while onset < seconds - 0.2:
        length = min(rng.uniform(0.25, 1.2), seconds - onset)
        time = time_axis(length)
        blast = sum(
            np.sin(2 * np.pi * k * tone * time) / k**0.7
            for tone in (pitch, 1.26 * pitch)
            for k in range(1, 9)
        )
        add_at(sound, onset, blast * gate(time, length, 0.01))
        onset += length + rng.uniform(0.08, 0.3)
    return sound


def drilling(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a drill: a high whine of gears in noise, slower under load."""
    time = time_axis(seconds)
    load = 1 - 0.25 * (np.sin(2 * np.pi * rng.uniform(0.3, 0.8) * time) > 0)
    phase = 2 * np.pi * np.cumsum(rng.uniform(900, 1300) * load) / SAMPLE_RATE
    whine = sum(np.sin(k * phase) / k for k in range(1, 6))
    return (whine + bandpass(white_noise(seconds, rng), 2500, 9000)) * gate(time, seconds, 0.05)


def gun_shot(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize gun shots: sharp broadband blasts with a low tail, about two per second."""
    sound = silence(seconds)
    onset = 0.0
    while onset < seconds - 0.3:
        time = time_axis(0.4)
        crack = white_noise(0.4, rng) * np.exp(-time / 0.008)
        tail = bandpass(white_noise(0.4, rng), 40, 350) * np.exp(-time / 0.09)
        add_at(sound, onset, 3 * crack + 2 * tail)
        onset += rng.uniform(0.35, 0.55)
    return sound


def jackhammer(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a jackhammer: 15 to 25 metallic blows per second over the rush of air."""
    sound = 0.1 * bandpass(white_noise(seconds, rng), 300, 3000)
    mode = rng.uniform(700, 1400)
    for onset in np.arange(0, seconds - 0.05, 1 / rng.uniform(15, 25)):
        time = time_axis(0.05)
        ring = np.sin(2 * np.pi * mode * time) + np.sin(2 * np.pi * 2.7 * mode * time)
        blow = ring * np.exp(-time / 0.012) + white_noise(0.05, rng) * np.exp(-time / 0.004)
        add_at(sound, onset, blow * rng.uniform(0.8, 1.0))
    return sound


def siren(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a siren: a tone that wails between two pitches, or changes between them."""
    time = time_axis(seconds)
    low, rate = rng.uniform(500, 700), rng.uniform(0.3, 1.2)
    sweep = np.sin(2 * np.pi * rate * time)
    pitch = low * (1.35 + 0.35 * (np.sign(sweep) if rng.random() < 0.5 else sweep))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    return (np.sin(phase) + 0.25 * np.sin(2 * phase)) * gate(time, seconds, 0.03)
