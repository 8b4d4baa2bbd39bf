"""Sounds of no class with timbres drawn at random, to train networks that locate sounds of any kind.

Every function takes a duration in seconds and a random generator, and returns (sample,) at `SAMPLE_RATE`; the level is
normalized later.
"""

from functools import partial

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import lfilter, oaconvolve

from data_prep.synth.signals import add_at, gate, silence, time_axis, white_noise
from data_prep.synth.sounds import legacy_objects, vocalizations
from data_prep.synth.sounds.classes import SAMPLE_RATE
from data_prep.synth.sounds.events import STARSS23_SYNTHESIZERS, Synthesizer

LOWEST_HZ, HIGHEST_HZ = 60.0, 10000.0
"""range of centre frequencies; drawn evenly in octaves"""
EQUALIZER_KNOTS = 7
"""frequencies between which the random equalizer is interpolated, evenly in octaves"""
EQUALIZER_DB = 8.0
"""standard deviation of its gain at a knot"""
EQUALIZED_SHARE = 0.7
"""share of sounds that pass it"""
CLASS_SHARE = 0.3
"""share of sounds of the synthesizers of classes"""


def any_sound(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Draw a kind of sound and its parameters; most sounds pass a random equalizer."""
    kinds = CLASS_SOUNDS if rng.random() < CLASS_SHARE else RANDOM_SOUNDS
    sound = kinds[rng.integers(len(kinds))](seconds, rng)
    return equalize(sound, rng) if rng.random() < EQUALIZED_SHARE else sound


def equalize(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Filter a sound (sample,) with a smooth random frequency response."""
    size = next_fast_len(len(sound), real=True)
    knots = np.linspace(np.log(LOWEST_HZ), np.log(SAMPLE_RATE / 2), EQUALIZER_KNOTS)
    octave = np.log(np.maximum(rfftfreq(size, 1 / SAMPLE_RATE), LOWEST_HZ / 2))
    gain_db = np.interp(octave, knots, rng.normal(0, EQUALIZER_DB, EQUALIZER_KNOTS))
    return irfft(rfft(sound, size) * 10 ** (gain_db / 20), size)[: len(sound)]


def tones(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a row of notes: partials of random strength, harmonic or not, with vibrato."""
    sound = silence(seconds)
    stretch = rng.choice([1.0, 1.0, rng.uniform(0.9, 1.15)])
    slope, n_partials = rng.uniform(0, 2), int(rng.integers(1, 20))
    strength = rng.uniform(0.1, 1, n_partials) / np.arange(1, n_partials + 1) ** slope
    base, note = _frequency(rng, 60, 2500), rng.uniform(0.08, 1.5)
    attack, decay = rng.uniform(0.003, 0.1), rng.uniform(0.1, 3.0)
    onset = 0.0
    while onset < seconds:
        time = time_axis(min(note, seconds - onset))
        vibrato = rng.uniform(0, 0.02) * np.sin(2 * np.pi * rng.uniform(3, 8) * time)
        phase = np.cumsum(base * 2 ** (rng.integers(-7, 8) / 12) * (1 + vibrato)) / SAMPLE_RATE
        part = np.zeros(len(time))
        for number, level in enumerate(strength, start=1):
            if base * number**stretch * 1.5 < HIGHEST_HZ:
                part += level * np.sin(2 * np.pi * (number**stretch * phase + rng.random()))
        add_at(sound, onset, part * gate(time, len(time) / SAMPLE_RATE, attack) * np.exp(-time / decay))
        onset += note * rng.choice([1.0, 1.0, 1.3])
    return sound


def bursts(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize bursts of filtered noise, regular or not, sudden or swelling."""
    return _repeat(seconds, rng, rng.uniform(0.03, 0.6), rng.uniform(0.02, 0.4), _burst)


def clicks(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize clicks of a random timbre, 2 to 30 per second."""
    timbre = _burst(0.02, rng)
    onsets = np.cumsum(rng.gamma(4, 1 / 4, int(seconds * 30) + 2) / rng.uniform(2, 30))
    train = silence(seconds)
    places = (onsets[onsets < seconds] * SAMPLE_RATE).astype(int)
    train[np.r_[0, places]] = rng.uniform(0.4, 1, len(places) + 1)
    return oaconvolve(train, timbre)[: len(train)]


def chirps(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize gliding tones, as of birds and signals."""
    return _repeat(seconds, rng, rng.uniform(0.05, 0.5), rng.uniform(0.02, 0.4), _glide)


def calls(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize rough voices of animals: gliding harmonics in moving formants, with noise."""
    low = rng.uniform(80, 900)
    return _repeat(seconds, rng, rng.uniform(0.08, 1.0), rng.uniform(0.05, 0.45), partial(_call, low=low))


def shaped_noise(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize continuous noise of a random spectrum with slow or fast fluctuations."""
    noise = _band(white_noise(seconds, rng), rng)
    rate = np.exp(rng.uniform(np.log(0.5), np.log(40)))
    knots = np.arange(0, seconds + 2 / rate, 1 / rate)
    depth_db = rng.uniform(0, 9)
    level = np.interp(time_axis(seconds), knots, np.clip(rng.normal(0, depth_db, len(knots)), -18, 12))
    return noise * 10 ** (level / 20)


def engine(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize motors and machines: pulses of drifting rate through resonances, with noise."""
    time = time_axis(seconds)
    knots = np.arange(0, seconds + 1.0, 0.5)
    rate = _frequency(rng, 12, 250) * np.interp(
        time, knots, 1 + 0.1 * np.cumsum(rng.normal(0, 0.3, len(knots)))
    )
    phase = np.cumsum(np.maximum(rate, 5)) / SAMPLE_RATE % 1
    pulses = (
        np.exp(-phase / rng.uniform(0.03, 0.4)) + rng.uniform(0, 0.4) * white_noise(seconds, rng)[: len(time)]
    )
    sound = rng.uniform(0, 0.4) * pulses
    for _ in range(rng.integers(2, 6)):
        sound = sound + _resonator(pulses, _frequency(rng, 80, 6000), rng.uniform(0.001, 0.02))
    return sound - sound.mean()


def impacts(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize struck objects: decaying modes and a noisy contact, once in a while or regularly."""
    n_modes = int(rng.integers(2, 14))
    modes = np.array([_frequency(rng, 100, 9000) for _ in range(n_modes)])
    decays = rng.uniform(0.01, 0.6, n_modes) * np.sqrt(300 / np.maximum(modes, 300))
    hardness, noise = rng.uniform(0.001, 0.01), rng.uniform(0, 2)
    return _repeat(
        seconds,
        rng,
        rng.uniform(0.15, 0.8),
        rng.uniform(0.0, 0.4),
        partial(_impact, modes=modes, decays=decays, hardness=hardness, noise=noise),
    )


def steps(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize soft, regular impacts: steps, knocks, chopping."""
    low = _frequency(rng, 60, 600)

    def step(length: float, rng: np.random.Generator) -> np.ndarray:
        time = time_axis(length)
        heel = _resonator(
            white_noise(length, rng) * np.exp(-time / 0.006), low * rng.uniform(0.9, 1.1), 0.015
        )
        scrape = _band(white_noise(length, rng), rng) * np.exp(-(((time - 0.07) / 0.03) ** 2))
        return heel / (np.abs(heel).max() + 1e-9) + rng.uniform(0, 0.4) * scrape

    return _repeat(seconds, rng, 0.18, rng.uniform(0.1, 0.4), step)


def breaths(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize breath, wind and brushing: noise that swells and fades."""

    def swell(length: float, rng: np.random.Generator) -> np.ndarray:
        return _band(white_noise(length, rng), rng) * np.sin(np.pi * time_axis(length) / length) ** 2

    return _repeat(seconds, rng, rng.uniform(0.3, 1.5), rng.uniform(0.0, 0.3), swell)


def bubbles(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize water: many short decaying tones of rising pitch over noise."""
    sound = rng.uniform(0, 0.3) * _band(white_noise(seconds, rng), rng)
    low, high = sorted([_frequency(rng, 300, 6000), _frequency(rng, 300, 6000)])
    shapes = []
    for _ in range(12):
        time = time_axis(0.06)
        pitch = rng.uniform(low, high + 50) * (1 + rng.uniform(0, 6) * time)
        shapes.append(
            np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE) * np.exp(-time / rng.uniform(0.004, 0.02))
        )
    for onset in rng.uniform(0, seconds, int(seconds * rng.uniform(15, 150))):
        add_at(sound, onset, shapes[rng.integers(12)] * rng.uniform(0.1, 1) ** 2)
    return sound


def alarms(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize beepers, sirens and ring tones: tones that switch or sweep periodically."""
    time = time_axis(seconds)
    period, low = rng.uniform(0.1, 1.5), _frequency(rng, 300, 4000)
    ratio, cycle = rng.uniform(1.0, 1.8), (time / period) % 1
    contour = {0: (cycle < 0.5) * 1.0, 1: cycle, 2: np.abs(2 * cycle - 1), 3: np.zeros(len(time))}[
        int(rng.integers(4))
    ]
    phase = np.cumsum(low * ratio**contour) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * phase) + rng.uniform(0, 0.6) * np.sin(6 * np.pi * phase)
    duty = rng.uniform(0.3, 1.0)
    return tone * (gate(cycle * period, duty * period, 0.004) if rng.random() < 0.7 else 1.0)


def crackle(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize fire, paper and frying: sparse random impulses in a band."""
    sparse = white_noise(seconds, rng) * (
        rng.random(round(seconds * SAMPLE_RATE)) < rng.uniform(0.0005, 0.03)
    )
    return _band(sparse, rng) + rng.uniform(0, 0.1) * _band(0.1 * white_noise(seconds, rng), rng)


def _repeat(
    seconds: float, rng: np.random.Generator, length: float, pause: float, make: Synthesizer
) -> np.ndarray:
    """Repeat parts of some length with pauses, both varied by a random share; the first part starts at once."""
    sound, onset = silence(seconds), 0.0
    spread = rng.uniform(0, 0.4)
    while onset < seconds:
        own = length * (1 + spread * rng.uniform(-1, 1))
        add_at(sound, onset, make(max(own, 0.02), rng) * rng.uniform(0.5, 1))
        onset += own + pause * (1 + spread * rng.uniform(-1, 1))
    return sound


def _burst(length: float, rng: np.random.Generator) -> np.ndarray:
    time = time_axis(length)
    shape = (
        np.exp(-time / (length * rng.uniform(0.1, 1)))
        if rng.random() < 0.6
        else np.sin(np.pi * time / length)
    )
    return _band(white_noise(length, rng), rng) * shape * gate(time, length, min(0.002, length / 4))


def _glide(length: float, rng: np.random.Generator) -> np.ndarray:
    time = time_axis(length)
    start, stop = _frequency(rng, 200, 7000), _frequency(rng, 200, 7000)
    pitch = start * (np.clip(stop / start, 0.3, 3.0)) ** (time / length)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    return (np.sin(phase) + rng.uniform(0, 0.4) * np.sin(2 * phase)) * gate(
        time, length, min(0.01, length / 4)
    )


def _call(length: float, rng: np.random.Generator, low: float) -> np.ndarray:
    time = time_axis(length)
    contour = np.interp(time / length, [0, 0.3, 0.7, 1], rng.uniform(0.8, 1.5, 4))
    phase = np.cumsum(low * contour) / SAMPLE_RATE
    voice = 1 - 2 * (phase % 1) + rng.uniform(0, 0.8) * white_noise(length, rng)[: len(time)]
    sound = sum(_resonator(voice, _frequency(rng, 300, 5000), rng.uniform(0.0008, 0.004)) for _ in range(3))
    return sound * np.sin(np.pi * time / length) ** rng.uniform(0.3, 1.5)


def _impact(
    length: float,
    rng: np.random.Generator,
    modes: np.ndarray,
    decays: np.ndarray,
    hardness: float,
    noise: float,
) -> np.ndarray:
    time = time_axis(length)
    part = noise * white_noise(length, rng) * np.exp(-time / hardness)
    for mode, decay in zip(modes * rng.uniform(0.98, 1.02), decays, strict=True):
        part = part + rng.uniform(0.2, 1) * np.sin(2 * np.pi * mode * time) * np.exp(-time / decay)
    return part


def _frequency(rng: np.random.Generator, low: float = LOWEST_HZ, high: float = HIGHEST_HZ) -> float:
    """Draw a frequency, evenly in octaves."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _resonator(signal: np.ndarray, frequency: float, decay_s: float) -> np.ndarray:
    """Filter with a two-pole resonance of about unit gain at its frequency."""
    radius = np.exp(-1 / (decay_s * SAMPLE_RATE))
    angle = 2 * np.pi * frequency / SAMPLE_RATE
    return lfilter([(1 - radius) * 2 * np.sin(angle)], [1, -2 * radius * np.cos(angle), radius**2], signal)


def _band(noise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Filter noise (sample,) with a random band of 0.3 to 6 octaves and slopes beside it."""
    size = next_fast_len(len(noise), real=True)
    octave = np.log2(np.maximum(rfftfreq(size, 1 / SAMPLE_RATE), 20.0))
    centre, width = np.log2(_frequency(rng, 120, 9000)), rng.uniform(0.3, 6)
    outside = np.maximum(np.abs(octave - centre) - width / 2, 0)
    return irfft(rfft(noise, size) * 2 ** (-outside * rng.uniform(1, 5)), size)[: len(noise)]


RANDOM_SOUNDS: tuple[Synthesizer, ...] = (
    tones,
    bursts,
    clicks,
    chirps,
    calls,
    shaped_noise,
    engine,
    impacts,
    steps,
    breaths,
    bubbles,
    alarms,
    crackle,
)
CLASS_SOUNDS: tuple[Synthesizer, ...] = (
    *STARSS23_SYNTHESIZERS,
    *STARSS23_SYNTHESIZERS[:2] * 3,  # speech is the most frequent sound of rooms
    legacy_objects.drawer,
    legacy_objects.keys_drop,
    legacy_objects.keyboard,
    legacy_objects.page_turn,
    legacy_objects.door_slam,
    legacy_objects.alarm,
    legacy_objects.crash,
    legacy_objects.engine,
    legacy_objects.fire,
    legacy_objects.piano,
    legacy_objects.dishes,
    legacy_objects.frying,
    legacy_objects.blender,
    legacy_objects.vacuum_cleaner,
    legacy_objects.shaver,
    vocalizations.bark,
    vocalizations.meow,
    vocalizations.crying_baby,
    vocalizations.female_scream,
    vocalizations.male_scream,
    vocalizations.cough,
    vocalizations.clear_throat,
)
