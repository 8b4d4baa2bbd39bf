"""Sounds of hands, feet and things, each of its own making, none like another of its class.

Every function takes seconds and a random generator and gives (sample,) at 24 kHz; levels are set elsewhere.
"""

import numpy as np
from scipy.signal import lfilter

from data_prep.synth.signals import add, band, gate, noise, reed, regular, ring, seconds_of, silence
from data_prep.synth.sounds.classes import SAMPLE_RATE

SEMITONE = 2 ** (1 / 12)
MINOR, MAJOR = (0, 3, 7), (0, 4, 7)
PENTATONIC = (0, 2, 4, 7, 9, 12, 14)


def clapping(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Bursts of noise around 1 to 2 kHz, two to five a second."""
    sound = silence(seconds)
    rate, centre = rng.uniform(2.0, 5.0), rng.uniform(1000, 1900)
    for onset in regular(seconds, rate, 0.06, rng):
        length = rng.uniform(0.05, 0.09)
        burst = noise(length, rng) * np.exp(-seconds_of(length) / rng.uniform(0.006, 0.012))
        middle = centre * rng.uniform(0.9, 1.1)
        add(sound, onset, band(burst, middle * 0.6, middle * 1.7) * rng.uniform(0.7, 1.0))
    return sound


def telephone(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A trill of two tones, or the short melody of a mobile phone, again and again with rests."""
    time = seconds_of(seconds)
    if rng.random() < 0.5:
        low, trill = rng.uniform(900, 1500), rng.uniform(14, 24)
        high = low * rng.uniform(1.2, 1.35)
        first = (time * trill) % 1 < 0.5
        tone = np.where(first, reed(low * time), reed(high * time))
    else:
        note = rng.uniform(0.09, 0.16)
        pitches = rng.uniform(900, 1300) * SEMITONE ** rng.choice(PENTATONIC, 8)
        tone = reed(np.cumsum(pitches[(time / note).astype(int) % 8]) / SAMPLE_RATE)
        tone *= np.exp(-(time % note) / 0.12)
    ring, rest = rng.uniform(0.8, 1.4), rng.uniform(0.15, 0.28)
    return tone * gate(time % (ring + rest), ring)


def domestic(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A motor: hum with its harmonics, and the broad noise of air that it moves."""
    time = seconds_of(seconds)
    speed = rng.uniform(85, 190) * (1 + 0.03 * np.sin(2 * np.pi * rng.uniform(0.2, 0.8) * time))
    run_up = 1 - rng.uniform(0.0, 0.5) * np.exp(-time / 0.25)
    phase = np.cumsum(speed * run_up) / SAMPLE_RATE
    hum = sum(
        np.sin(2 * np.pi * k * phase + rng.uniform(0, 6)) * rng.uniform(0.3, 1) / k for k in range(1, 9)
    )
    air = band(noise(seconds, rng), rng.uniform(150, 350), rng.uniform(1500, 3500))
    flutter = 1 + rng.uniform(0.1, 0.5) * np.sin(2 * np.pi * rng.uniform(4, 14) * time)
    return (0.5 * hum + rng.uniform(1.0, 2.2) * air * flutter) * gate(time, seconds, 0.05)


def footsteps(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Thumps with a click of the heel and a scrape of the sole, about two a second."""
    sound = silence(seconds)
    body, hard = rng.uniform(70, 130), rng.uniform(0.15, 0.8)
    for onset in regular(seconds, rng.uniform(1.7, 2.4), 0.04, rng):
        time = seconds_of(0.22)
        thump = np.sin(2 * np.pi * body * rng.uniform(0.92, 1.08) * time) * np.exp(-time / 0.03)
        click = band(noise(0.22, rng) * np.exp(-time / 0.006), 900, 3000)
        scrape = band(noise(0.22, rng), 300, 1200) * np.exp(-(((time - 0.1) / 0.035) ** 2))
        add(sound, onset, (thump + hard * 1.5 * click + 0.25 * scrape) * rng.uniform(0.7, 1.0))
    return sound


def door(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Hinges that creak (pulses of stick and slip through wood), then the slam."""
    sound = silence(seconds)
    slam = seconds - rng.uniform(0.35, 0.5)
    time = seconds_of(slam)
    pulses = np.diff(
        np.floor(np.cumsum(rng.uniform(25, 50) + 70 * (time / slam) ** 2) / SAMPLE_RATE), prepend=0
    )
    pulses = pulses * rng.uniform(0.4, 1.0, len(pulses))
    wood = sum(
        ring(pulses, rng.uniform(low, high), 0.012) for low, high in ((450, 700), (1000, 1500), (1900, 2600))
    )
    add(sound, 0.0, 0.6 * wood * gate(time, slam, 0.1))
    time = seconds_of(0.35)
    blow = np.sin(2 * np.pi * rng.uniform(55, 90) * time) * np.exp(-time / 0.07)
    crash = band(noise(0.35, rng), 120, rng.uniform(1500, 2500)) * np.exp(-time / 0.05)
    add(sound, slam, 2.0 * blow + 3.0 * crash)
    return sound


def music(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Chords on a beat, a bass, a drum and a cymbal."""
    sound = silence(seconds)
    beat = 60 / rng.uniform(95, 140)
    root = rng.uniform(170, 260)
    for index, onset in enumerate(np.arange(0, seconds, beat)):
        shift = (0, 0, 5, 5, 7, 7, 0, 0)[index % 8]
        length = min(beat * 1.1, seconds - onset)
        time = seconds_of(length)
        fade = np.exp(-time / (0.9 * beat)) * np.minimum(time / 0.01, 1)
        for step in rng.choice(np.array([MINOR, MAJOR])):
            pitch = root * SEMITONE ** (shift + step)
            partials = sum(np.sin(2 * np.pi * k * pitch * time) / k**1.3 for k in range(1, 7))
            add(sound, onset, 0.3 * partials * fade)
        add(sound, onset, 0.7 * np.sin(np.pi * root / 2 * SEMITONE**shift * time) * fade)
        kick = np.sin(2 * np.pi * (50 * time + 6 * (1 - np.exp(-time / 0.03)))) * np.exp(-time / 0.08)
        add(sound, onset, 0.8 * kick)
        hat = noise(length, rng) * np.exp(-time / 0.02)
        add(sound, onset + beat / 2, 0.5 * band(hat, 6000, 11000))
    return sound


def instrument(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A melody of single notes on a plucked string or a flute."""
    return (_plucked if rng.random() < 0.5 else _flute)(seconds, rng)


def water_tap(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """The hiss of a jet, and bubbles that ring at their size."""
    time = seconds_of(seconds)
    jet = band(noise(seconds, rng), rng.uniform(1800, 3000), rng.uniform(8000, 11000))
    slow = np.interp(time, np.linspace(0, seconds, 12), rng.uniform(0.75, 1.0, 12))
    sound = jet * slow * gate(time, seconds, 0.08)
    for onset in rng.uniform(0, seconds - 0.05, int(seconds * rng.uniform(15, 40))):
        length = seconds_of(0.04)
        rise = rng.uniform(700, 2600) * (1 + 4 * length)
        bubble = np.sin(2 * np.pi * np.cumsum(rise) / SAMPLE_RATE) * np.exp(-length / 0.008)
        add(sound, onset, rng.uniform(0.3, 1.2) * bubble)
    return sound


def bell(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Strokes of inharmonic partials (hum, prime, tierce, quint, nominal), the high ones short."""
    sound = silence(seconds)
    prime = rng.uniform(500, 1100)
    ratios = np.array([0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 2.66, 3.01, 4.16]) * rng.normal(1, 0.004, 9)
    weights = rng.uniform(0.4, 1.0, 9) / np.arange(1, 10) ** 0.4
    for onset in np.arange(0, seconds - 0.4, rng.uniform(0.5, 1.6)):
        time = seconds_of(seconds - onset)
        stroke = sum(
            weight * np.sin(2 * np.pi * ratio * prime * time) * np.exp(-time * ratio / rng.uniform(0.7, 1.1))
            for ratio, weight in zip(ratios, weights, strict=True)
        )
        add(sound, onset, stroke * rng.uniform(0.7, 1.0))
    return sound * gate(seconds_of(seconds), seconds, 0.02)


def knock(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Groups of two to five knocks on wood."""
    sound = silence(seconds)
    modes = np.array([rng.uniform(140, 220), rng.uniform(300, 460), rng.uniform(600, 900)])
    onset, between = 0.0, rng.uniform(0.13, 0.22)
    while onset < seconds - 0.12:
        for _ in range(rng.integers(2, 6)):
            time = seconds_of(0.12)
            wood = sum(np.sin(2 * np.pi * mode * time) * np.exp(-time / 0.018) for mode in modes)
            click = band(noise(0.12, rng) * np.exp(-time / 0.003), 1200, 4000)
            if onset < seconds - 0.12:
                add(sound, onset, (wood + 1.2 * click) * rng.uniform(0.75, 1.0))
            onset += between * rng.uniform(0.9, 1.1)
        onset += rng.uniform(0.15, 0.25)
    return sound


def _plucked(seconds: float, rng: np.random.Generator) -> np.ndarray:
    # Karplus and Strong, Computer Music Journal 7(2), 1983: a burst of noise in a loop with a dull end.
    sound = silence(seconds)
    root, note = rng.uniform(150, 330), rng.uniform(0.22, 0.42)
    for onset in np.arange(0, seconds - 0.1, note):
        period = round(SAMPLE_RATE / (root * SEMITONE ** rng.choice(PENTATONIC)))
        pluck = np.zeros(round(min(2.5 * note, seconds - onset) * SAMPLE_RATE))
        pluck[:period] = rng.uniform(-1, 1, period)[: len(pluck)]
        loop = np.zeros(period + 2)
        loop[0], loop[period], loop[period + 1] = 1, -0.498, -0.498
        add(sound, onset, lfilter([1.0], loop, pluck))
    return sound


def _flute(seconds: float, rng: np.random.Generator) -> np.ndarray:
    time = seconds_of(seconds)
    note = rng.uniform(0.25, 0.5)
    steps = rng.choice(PENTATONIC, int(seconds / note) + 1)
    pitch = rng.uniform(420, 620) * SEMITONE ** steps[(time / note).astype(int)]
    vibrato = 1 + 0.008 * np.sin(2 * np.pi * rng.uniform(4.5, 6.0) * time)
    phase = 2 * np.pi * np.cumsum(pitch * vibrato) / SAMPLE_RATE
    tone = np.sin(phase) + 0.35 * np.sin(2 * phase) + 0.12 * np.sin(3 * phase)
    breath = 0.08 * band(noise(seconds, rng), 800, 4000)
    return (tone + breath) * (0.25 + 0.75 * gate(time % note, note, 0.04)) * gate(time, seconds, 0.03)
