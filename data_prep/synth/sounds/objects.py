"""Synthetic sounds of hands, feet and objects; the parameters of each sound are drawn at random.

Every function takes a duration in seconds and a random generator, and returns (sample,) at `SAMPLE_RATE`; the level is
normalized later.
"""

import numpy as np
from scipy.signal import lfilter

from data_prep.synth.signals import (
    add_at,
    bandpass,
    gate,
    jittered_onsets,
    odd_harmonics,
    resonance,
    silence,
    time_axis,
    white_noise,
)
from data_prep.synth.sounds.classes import SAMPLE_RATE

SEMITONE = 2 ** (1 / 12)
MINOR, MAJOR = (0, 3, 7), (0, 4, 7)
PENTATONIC = (0, 2, 4, 7, 9, 12, 14)
"""semitones above the root"""


def clapping(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize claps: noise bursts around 1 to 2 kHz, two to five per second."""
    sound = silence(seconds)
    rate, centre = rng.uniform(2.0, 5.0), rng.uniform(1000, 1900)
    for onset in jittered_onsets(seconds, rate, 0.06, rng):
        length = rng.uniform(0.05, 0.09)
        burst = white_noise(length, rng) * np.exp(-time_axis(length) / rng.uniform(0.006, 0.012))
        middle = centre * rng.uniform(0.9, 1.1)
        add_at(sound, onset, bandpass(burst, middle * 0.6, middle * 1.7) * rng.uniform(0.7, 1.0))
    return sound


def telephone(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a ringing telephone: a trill of two tones or a short melody, repeated with pauses."""
    time = time_axis(seconds)
    if rng.random() < 0.5:
        low, trill = rng.uniform(900, 1500), rng.uniform(14, 24)
        high = low * rng.uniform(1.2, 1.35)
        first = (time * trill) % 1 < 0.5
        tone = np.where(first, odd_harmonics(low * time), odd_harmonics(high * time))
    else:
        note = rng.uniform(0.09, 0.16)
        pitches = rng.uniform(900, 1300) * SEMITONE ** rng.choice(PENTATONIC, 8)
        tone = odd_harmonics(np.cumsum(pitches[(time / note).astype(int) % 8]) / SAMPLE_RATE)
        tone *= np.exp(-(time % note) / 0.12)
    ring, rest = rng.uniform(0.8, 1.4), rng.uniform(0.15, 0.28)
    return tone * gate(time % (ring + rest), ring)


def domestic(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a household appliance: motor hum with harmonics, and broadband noise of air."""
    time = time_axis(seconds)
    speed = rng.uniform(85, 190) * (1 + 0.03 * np.sin(2 * np.pi * rng.uniform(0.2, 0.8) * time))
    run_up = 1 - rng.uniform(0.0, 0.5) * np.exp(-time / 0.25)
    phase = np.cumsum(speed * run_up) / SAMPLE_RATE
    hum = sum(
        np.sin(2 * np.pi * k * phase + rng.uniform(0, 6)) * rng.uniform(0.3, 1) / k for k in range(1, 9)
    )
    air = bandpass(white_noise(seconds, rng), rng.uniform(150, 350), rng.uniform(1500, 3500))
    flutter = 1 + rng.uniform(0.1, 0.5) * np.sin(2 * np.pi * rng.uniform(4, 14) * time)
    return (0.5 * hum + rng.uniform(1.0, 2.2) * air * flutter) * gate(time, seconds, 0.05)


def footsteps(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize footsteps: thump, heel click and scrape of the sole, about two per second."""
    sound = silence(seconds)
    body, hard = rng.uniform(70, 130), rng.uniform(0.15, 0.8)
    for onset in jittered_onsets(seconds, rng.uniform(1.7, 2.4), 0.04, rng):
        time = time_axis(0.22)
        thump = np.sin(2 * np.pi * body * rng.uniform(0.92, 1.08) * time) * np.exp(-time / 0.03)
        click = bandpass(white_noise(0.22, rng) * np.exp(-time / 0.006), 900, 3000)
        scrape = bandpass(white_noise(0.22, rng), 300, 1200) * np.exp(-(((time - 0.1) / 0.035) ** 2))
        add_at(sound, onset, (thump + hard * 1.5 * click + 0.25 * scrape) * rng.uniform(0.7, 1.0))
    return sound


def door(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a door: creaking hinges (stick-slip pulses through wood resonances), then a slam."""
    sound = silence(seconds)
    slam = seconds - rng.uniform(0.35, 0.5)
    time = time_axis(slam)
    pulses = np.diff(
        np.floor(np.cumsum(rng.uniform(25, 50) + 70 * (time / slam) ** 2) / SAMPLE_RATE), prepend=0
    )
    pulses = pulses * rng.uniform(0.4, 1.0, len(pulses))
    wood = sum(
        resonance(pulses, rng.uniform(low, high), 0.012)
        for low, high in ((450, 700), (1000, 1500), (1900, 2600))
    )
    add_at(sound, 0.0, 0.6 * wood * gate(time, slam, 0.1))
    time = time_axis(0.35)
    blow = np.sin(2 * np.pi * rng.uniform(55, 90) * time) * np.exp(-time / 0.07)
    crash = bandpass(white_noise(0.35, rng), 120, rng.uniform(1500, 2500)) * np.exp(-time / 0.05)
    add_at(sound, slam, 2.0 * blow + 3.0 * crash)
    return sound


def music(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize music: chords on a beat, bass, drum and cymbal."""
    sound = silence(seconds)
    beat = 60 / rng.uniform(95, 140)
    root = rng.uniform(170, 260)
    for index, onset in enumerate(np.arange(0, seconds, beat)):
        shift = (0, 0, 5, 5, 7, 7, 0, 0)[index % 8]
        length = min(beat * 1.1, seconds - onset)
        time = time_axis(length)
        fade = np.exp(-time / (0.9 * beat)) * np.minimum(time / 0.01, 1)
        for step in rng.choice(np.array([MINOR, MAJOR])):
            pitch = root * SEMITONE ** (shift + step)
            partials = sum(np.sin(2 * np.pi * k * pitch * time) / k**1.3 for k in range(1, 7))
            add_at(sound, onset, 0.3 * partials * fade)
        add_at(sound, onset, 0.7 * np.sin(np.pi * root / 2 * SEMITONE**shift * time) * fade)
        kick = np.sin(2 * np.pi * (50 * time + 6 * (1 - np.exp(-time / 0.03)))) * np.exp(-time / 0.08)
        add_at(sound, onset, 0.8 * kick)
        hat = white_noise(length, rng) * np.exp(-time / 0.02)
        add_at(sound, onset + beat / 2, 0.5 * bandpass(hat, 6000, 11000))
    return sound


def instrument(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a melody of single notes on a plucked string or a flute."""
    return (_plucked if rng.random() < 0.5 else _flute)(seconds, rng)


def water_tap(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a water tap: the hiss of the jet, and resonances of bubbles."""
    time = time_axis(seconds)
    jet = bandpass(white_noise(seconds, rng), rng.uniform(1800, 3000), rng.uniform(8000, 11000))
    slow = np.interp(time, np.linspace(0, seconds, 12), rng.uniform(0.75, 1.0, 12))
    sound = jet * slow * gate(time, seconds, 0.08)
    for onset in rng.uniform(0, seconds - 0.05, int(seconds * rng.uniform(15, 40))):
        length = time_axis(0.04)
        rise = rng.uniform(700, 2600) * (1 + 4 * length)
        bubble = np.sin(2 * np.pi * np.cumsum(rise) / SAMPLE_RATE) * np.exp(-length / 0.008)
        add_at(sound, onset, rng.uniform(0.3, 1.2) * bubble)
    return sound


def bell(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize bell strokes of inharmonic partials (hum, prime, tierce, quint, nominal); high ones decay faster."""
    sound = silence(seconds)
    prime = rng.uniform(500, 1100)
    ratios = np.array([0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 2.66, 3.01, 4.16]) * rng.normal(1, 0.004, 9)
    weights = rng.uniform(0.4, 1.0, 9) / np.arange(1, 10) ** 0.4
    for onset in np.arange(0, seconds - 0.4, rng.uniform(0.5, 1.6)):
        time = time_axis(seconds - onset)
        stroke = sum(
            weight * np.sin(2 * np.pi * ratio * prime * time) * np.exp(-time * ratio / rng.uniform(0.7, 1.1))
            for ratio, weight in zip(ratios, weights, strict=True)
        )
        add_at(sound, onset, stroke * rng.uniform(0.7, 1.0))
    return sound * gate(time_axis(seconds), seconds, 0.02)


def knock(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize groups of two to five knocks on wood."""
    sound = silence(seconds)
    modes = np.array([rng.uniform(140, 220), rng.uniform(300, 460), rng.uniform(600, 900)])
    onset, between = 0.0, rng.uniform(0.13, 0.22)
    while onset < seconds - 0.12:
        for _ in range(rng.integers(2, 6)):
            time = time_axis(0.12)
            wood = sum(np.sin(2 * np.pi * mode * time) * np.exp(-time / 0.018) for mode in modes)
            click = bandpass(white_noise(0.12, rng) * np.exp(-time / 0.003), 1200, 4000)
            if onset < seconds - 0.12:
                add_at(sound, onset, (wood + 1.2 * click) * rng.uniform(0.75, 1.0))
            onset += between * rng.uniform(0.9, 1.1)
        onset += rng.uniform(0.15, 0.25)
    return sound


def _plucked(seconds: float, rng: np.random.Generator) -> np.ndarray:
    # K. Karplus and A. Strong, Computer Music Journal 7(2), 1983: noise in a delay loop with a low-pass filter.
    sound = silence(seconds)
    root, note = rng.uniform(150, 330), rng.uniform(0.22, 0.42)
    for onset in np.arange(0, seconds - 0.1, note):
        period = round(SAMPLE_RATE / (root * SEMITONE ** rng.choice(PENTATONIC)))
        pluck = np.zeros(round(min(2.5 * note, seconds - onset) * SAMPLE_RATE))
        pluck[:period] = rng.uniform(-1, 1, period)[: len(pluck)]
        loop = np.zeros(period + 2)
        loop[0], loop[period], loop[period + 1] = 1, -0.498, -0.498
        add_at(sound, onset, lfilter([1.0], loop, pluck))
    return sound


def _flute(seconds: float, rng: np.random.Generator) -> np.ndarray:
    time = time_axis(seconds)
    note = rng.uniform(0.25, 0.5)
    steps = rng.choice(PENTATONIC, int(seconds / note) + 1)
    pitch = rng.uniform(420, 620) * SEMITONE ** steps[(time / note).astype(int)]
    vibrato = 1 + 0.008 * np.sin(2 * np.pi * rng.uniform(4.5, 6.0) * time)
    phase = 2 * np.pi * np.cumsum(pitch * vibrato) / SAMPLE_RATE
    tone = np.sin(phase) + 0.35 * np.sin(2 * phase) + 0.12 * np.sin(3 * phase)
    breath = 0.08 * bandpass(white_noise(seconds, rng), 800, 4000)
    return (tone + breath) * (0.25 + 0.75 * gate(time % note, note, 0.04)) * gate(time, seconds, 0.03)
