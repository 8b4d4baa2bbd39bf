"""Sounds of hands, feet and things, each of its own making, none like another of its class.

Every function takes seconds and a random generator and gives (sample,) at 24 kHz; levels are set elsewhere.
"""

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

from data_prep.synth.classes import SAMPLE_RATE

SEMITONE = 2 ** (1 / 12)
MINOR, MAJOR = (0, 3, 7), (0, 4, 7)
PENTATONIC = (0, 2, 4, 7, 9, 12, 14)


def clapping(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Bursts of noise around 1 to 2 kHz, two to five a second."""
    sound = _silence(seconds)
    rate, centre = rng.uniform(2.0, 5.0), rng.uniform(1000, 1900)
    for onset in _regular(seconds, rate, 0.06, rng):
        length = rng.uniform(0.05, 0.09)
        burst = _noise(length, rng) * np.exp(-_time(length) / rng.uniform(0.006, 0.012))
        middle = centre * rng.uniform(0.9, 1.1)
        _add(sound, onset, _band(burst, middle * 0.6, middle * 1.7) * rng.uniform(0.7, 1.0))
    return sound


def telephone(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A trill of two tones, or the short melody of a mobile phone, again and again with rests."""
    time = _time(seconds)
    if rng.random() < 0.5:
        low, trill = rng.uniform(900, 1500), rng.uniform(14, 24)
        high = low * rng.uniform(1.2, 1.35)
        first = (time * trill) % 1 < 0.5
        tone = np.where(first, _reed(low * time), _reed(high * time))
    else:
        note = rng.uniform(0.09, 0.16)
        pitches = rng.uniform(900, 1300) * SEMITONE ** rng.choice(PENTATONIC, 8)
        tone = _reed(np.cumsum(pitches[(time / note).astype(int) % 8]) / SAMPLE_RATE)
        tone *= np.exp(-(time % note) / 0.12)
    ring, rest = rng.uniform(0.8, 1.4), rng.uniform(0.15, 0.28)
    return tone * _gate(time % (ring + rest), ring)


def domestic(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A motor: hum with its harmonics, and the broad noise of air that it moves."""
    time = _time(seconds)
    speed = rng.uniform(85, 190) * (1 + 0.03 * np.sin(2 * np.pi * rng.uniform(0.2, 0.8) * time))
    run_up = 1 - rng.uniform(0.0, 0.5) * np.exp(-time / 0.25)
    phase = np.cumsum(speed * run_up) / SAMPLE_RATE
    hum = sum(
        np.sin(2 * np.pi * k * phase + rng.uniform(0, 6)) * rng.uniform(0.3, 1) / k for k in range(1, 9)
    )
    air = _band(_noise(seconds, rng), rng.uniform(150, 350), rng.uniform(1500, 3500))
    flutter = 1 + rng.uniform(0.1, 0.5) * np.sin(2 * np.pi * rng.uniform(4, 14) * time)
    return (0.5 * hum + rng.uniform(1.0, 2.2) * air * flutter) * _gate(time, seconds, 0.05)


def footsteps(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Thumps with a click of the heel and a scrape of the sole, about two a second."""
    sound = _silence(seconds)
    body, hard = rng.uniform(70, 130), rng.uniform(0.15, 0.8)
    for onset in _regular(seconds, rng.uniform(1.7, 2.4), 0.04, rng):
        time = _time(0.22)
        thump = np.sin(2 * np.pi * body * rng.uniform(0.92, 1.08) * time) * np.exp(-time / 0.03)
        click = _band(_noise(0.22, rng) * np.exp(-time / 0.006), 900, 3000)
        scrape = _band(_noise(0.22, rng), 300, 1200) * np.exp(-(((time - 0.1) / 0.035) ** 2))
        _add(sound, onset, (thump + hard * 1.5 * click + 0.25 * scrape) * rng.uniform(0.7, 1.0))
    return sound


def door(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Hinges that creak (pulses of stick and slip through wood), then the slam."""
    sound = _silence(seconds)
    slam = seconds - rng.uniform(0.35, 0.5)
    time = _time(slam)
    pulses = np.diff(
        np.floor(np.cumsum(rng.uniform(25, 50) + 70 * (time / slam) ** 2) / SAMPLE_RATE), prepend=0
    )
    pulses = pulses * rng.uniform(0.4, 1.0, len(pulses))
    wood = sum(
        _ring(pulses, rng.uniform(low, high), 0.012) for low, high in ((450, 700), (1000, 1500), (1900, 2600))
    )
    _add(sound, 0.0, 0.6 * wood * _gate(time, slam, 0.1))
    time = _time(0.35)
    blow = np.sin(2 * np.pi * rng.uniform(55, 90) * time) * np.exp(-time / 0.07)
    crash = _band(_noise(0.35, rng), 120, rng.uniform(1500, 2500)) * np.exp(-time / 0.05)
    _add(sound, slam, 2.0 * blow + 3.0 * crash)
    return sound


def music(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Chords on a beat, a bass, a drum and a cymbal."""
    sound = _silence(seconds)
    beat = 60 / rng.uniform(95, 140)
    root = rng.uniform(170, 260)
    for index, onset in enumerate(np.arange(0, seconds, beat)):
        shift = (0, 0, 5, 5, 7, 7, 0, 0)[index % 8]
        length = min(beat * 1.1, seconds - onset)
        time = _time(length)
        fade = np.exp(-time / (0.9 * beat)) * np.minimum(time / 0.01, 1)
        for step in rng.choice(np.array([MINOR, MAJOR])):
            pitch = root * SEMITONE ** (shift + step)
            partials = sum(np.sin(2 * np.pi * k * pitch * time) / k**1.3 for k in range(1, 7))
            _add(sound, onset, 0.3 * partials * fade)
        _add(sound, onset, 0.7 * np.sin(np.pi * root / 2 * SEMITONE**shift * time) * fade)
        kick = np.sin(2 * np.pi * (50 * time + 6 * (1 - np.exp(-time / 0.03)))) * np.exp(-time / 0.08)
        _add(sound, onset, 0.8 * kick)
        hat = _noise(length, rng) * np.exp(-time / 0.02)
        _add(sound, onset + beat / 2, 0.5 * _band(hat, 6000, 11000))
    return sound


def instrument(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A melody of single notes on a plucked string or a flute."""
    return (_plucked if rng.random() < 0.5 else _flute)(seconds, rng)


def water_tap(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """The hiss of a jet, and bubbles that ring at their size."""
    time = _time(seconds)
    jet = _band(_noise(seconds, rng), rng.uniform(1800, 3000), rng.uniform(8000, 11000))
    slow = np.interp(time, np.linspace(0, seconds, 12), rng.uniform(0.75, 1.0, 12))
    sound = jet * slow * _gate(time, seconds, 0.08)
    for onset in rng.uniform(0, seconds - 0.05, int(seconds * rng.uniform(15, 40))):
        length = _time(0.04)
        rise = rng.uniform(700, 2600) * (1 + 4 * length)
        bubble = np.sin(2 * np.pi * np.cumsum(rise) / SAMPLE_RATE) * np.exp(-length / 0.008)
        _add(sound, onset, rng.uniform(0.3, 1.2) * bubble)
    return sound


def bell(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Strokes of inharmonic partials (hum, prime, tierce, quint, nominal), the high ones short."""
    sound = _silence(seconds)
    prime = rng.uniform(500, 1100)
    ratios = np.array([0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 2.66, 3.01, 4.16]) * rng.normal(1, 0.004, 9)
    weights = rng.uniform(0.4, 1.0, 9) / np.arange(1, 10) ** 0.4
    for onset in np.arange(0, seconds - 0.4, rng.uniform(0.5, 1.6)):
        time = _time(seconds - onset)
        stroke = sum(
            weight * np.sin(2 * np.pi * ratio * prime * time) * np.exp(-time * ratio / rng.uniform(0.7, 1.1))
            for ratio, weight in zip(ratios, weights, strict=True)
        )
        _add(sound, onset, stroke * rng.uniform(0.7, 1.0))
    return sound * _gate(_time(seconds), seconds, 0.02)


def knock(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Groups of two to five knocks on wood."""
    sound = _silence(seconds)
    modes = np.array([rng.uniform(140, 220), rng.uniform(300, 460), rng.uniform(600, 900)])
    onset, between = 0.0, rng.uniform(0.13, 0.22)
    while onset < seconds - 0.12:
        for _ in range(rng.integers(2, 6)):
            time = _time(0.12)
            wood = sum(np.sin(2 * np.pi * mode * time) * np.exp(-time / 0.018) for mode in modes)
            click = _band(_noise(0.12, rng) * np.exp(-time / 0.003), 1200, 4000)
            if onset < seconds - 0.12:
                _add(sound, onset, (wood + 1.2 * click) * rng.uniform(0.75, 1.0))
            onset += between * rng.uniform(0.9, 1.1)
        onset += rng.uniform(0.15, 0.25)
    return sound


def _plucked(seconds: float, rng: np.random.Generator) -> np.ndarray:
    # Karplus and Strong, Computer Music Journal 7(2), 1983: a burst of noise in a loop with a dull end.
    sound = _silence(seconds)
    root, note = rng.uniform(150, 330), rng.uniform(0.22, 0.42)
    for onset in np.arange(0, seconds - 0.1, note):
        period = round(SAMPLE_RATE / (root * SEMITONE ** rng.choice(PENTATONIC)))
        pluck = np.zeros(round(min(2.5 * note, seconds - onset) * SAMPLE_RATE))
        pluck[:period] = rng.uniform(-1, 1, period)[: len(pluck)]
        loop = np.zeros(period + 2)
        loop[0], loop[period], loop[period + 1] = 1, -0.498, -0.498
        _add(sound, onset, lfilter([1.0], loop, pluck))
    return sound


def _flute(seconds: float, rng: np.random.Generator) -> np.ndarray:
    time = _time(seconds)
    note = rng.uniform(0.25, 0.5)
    steps = rng.choice(PENTATONIC, int(seconds / note) + 1)
    pitch = rng.uniform(420, 620) * SEMITONE ** steps[(time / note).astype(int)]
    vibrato = 1 + 0.008 * np.sin(2 * np.pi * rng.uniform(4.5, 6.0) * time)
    phase = 2 * np.pi * np.cumsum(pitch * vibrato) / SAMPLE_RATE
    tone = np.sin(phase) + 0.35 * np.sin(2 * phase) + 0.12 * np.sin(3 * phase)
    breath = 0.08 * _band(_noise(seconds, rng), 800, 4000)
    return (tone + breath) * (0.25 + 0.75 * _gate(time % note, note, 0.04)) * _gate(time, seconds, 0.03)


def _silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE))


def _time(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _noise(seconds: float, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(round(seconds * SAMPLE_RATE))


def _regular(seconds: float, rate: float, jitter: float, rng: np.random.Generator) -> np.ndarray:
    times = np.arange(0, seconds - 0.08, 1 / rate)
    return np.maximum(times + rng.normal(0, jitter / rate, len(times)), 0) * (np.arange(len(times)) > 0)


def _add(sound: np.ndarray, onset: float, part: np.ndarray) -> None:
    first = round(onset * SAMPLE_RATE)
    room = max(len(sound) - first, 0)
    sound[first : first + len(part)] += part[:room]


def _gate(time: np.ndarray, stop: float, edge: float = 0.015) -> np.ndarray:
    return np.clip(np.minimum(time / edge, (stop - time) / edge), 0, 1)


def _reed(phase: np.ndarray) -> np.ndarray:
    """A hollow tone: odd harmonics."""
    return np.sin(2 * np.pi * phase) + 0.3 * np.sin(6 * np.pi * phase) + 0.12 * np.sin(10 * np.pi * phase)


def _band(signal: np.ndarray, low: float, high: float) -> np.ndarray:
    return sosfilt(butter(2, [low, high], "bandpass", fs=SAMPLE_RATE, output="sos"), signal)


def _ring(signal: np.ndarray, frequency: float, decay: float) -> np.ndarray:
    """A resonance that decays by 1/e in `decay` seconds."""
    radius = np.exp(-1 / (decay * SAMPLE_RATE))
    return lfilter([1.0], [1, -2 * radius * np.cos(2 * np.pi * frequency / SAMPLE_RATE), radius**2], signal)
