"""More sounds of things, for the classes of the corpora before STARSS.

Every function takes seconds and a random generator and gives (sample,) at 24 kHz; levels are set elsewhere.
"""

import numpy as np

from data_prep.synth.signals import add, band, gate, noise, regular, ring, seconds_of, silence
from data_prep.synth.sounds.classes import SAMPLE_RATE


def drawer(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Wood that slides on wood, and the thud at its end."""
    sound = silence(seconds)
    onset = 0.0
    while onset < seconds - 0.4:
        length = min(rng.uniform(0.35, 0.6), seconds - onset - 0.1)
        time = seconds_of(length)
        slide = band(noise(length, rng), 250, 1400) * (0.3 + time / length) * gate(time, length, 0.05)
        add(sound, onset, slide * (1 + 0.5 * np.sin(2 * np.pi * rng.uniform(18, 30) * time)))
        thud = np.sin(2 * np.pi * rng.uniform(90, 150) * seconds_of(0.15)) * np.exp(-seconds_of(0.15) / 0.03)
        add(sound, onset + length, 3 * thud)
        onset += length + rng.uniform(0.2, 0.4)
    return sound


def keys_drop(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A bunch of metal that falls and bounces: clusters of high partials, ever closer together."""
    sound = silence(seconds)
    modes = rng.uniform(2500, 9500, 7)
    onset, gap = 0.0, rng.uniform(0.16, 0.24)
    while onset < seconds - 0.15:
        time = seconds_of(0.15)
        clink = sum(np.sin(2 * np.pi * m * rng.uniform(0.98, 1.02) * time) for m in modes)
        add(sound, onset, clink * np.exp(-time / 0.025) * rng.uniform(0.6, 1.0))
        onset += gap
        gap = gap * 0.75 if gap > 0.04 else rng.uniform(0.16, 0.3)
    return sound


def keyboard(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Clicks of plastic, seven to twelve a second, each press with its release."""
    sound = silence(seconds)
    tone = rng.uniform(1800, 3200)
    for onset in regular(seconds, rng.uniform(7, 12), 0.3, rng):
        for delay, level in ((0.0, 1.0), (rng.uniform(0.03, 0.05), 0.5)):
            length = 0.03
            click = noise(length, rng) * np.exp(-seconds_of(length) / 0.003)
            add(sound, onset + delay, level * band(click, tone * rng.uniform(0.7, 1), tone * 2))
    return sound


def page_turn(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Paper: a sweep of crackling high noise, rising and falling, once a second."""
    sound = silence(seconds)
    onset = 0.0
    while onset < seconds - 0.3:
        length = min(rng.uniform(0.35, 0.6), seconds - onset)
        time = seconds_of(length)
        crackle = noise(length, rng) * (rng.random(len(time)) < 0.12)
        sweep = band(crackle, 2500, 10500) + 0.2 * band(noise(length, rng), 3500, 9000)
        add(sound, onset, sweep * np.sin(np.pi * time / length) ** 2)
        onset += length + rng.uniform(0.1, 0.5)
    return sound


def door_slam(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """One blow with a rattle after it, and perhaps another."""
    sound = silence(seconds)
    onset = 0.0
    while onset < seconds - 0.35:
        time = seconds_of(0.35)
        blow = np.sin(2 * np.pi * rng.uniform(50, 85) * time) * np.exp(-time / 0.08)
        crash = band(noise(0.35, rng), 100, rng.uniform(1500, 2600)) * np.exp(-time / 0.05)
        rattle = band(noise(0.35, rng), 900, 2500) * np.exp(-((time - 0.14) ** 2) / 0.0012)
        add(sound, onset, 2 * blow + 3 * crash + 0.6 * rattle)
        onset += rng.uniform(0.5, 0.9)
    return sound


def alarm(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A siren that sweeps, or beeps of one pitch."""
    time = seconds_of(seconds)
    if rng.random() < 0.5:
        pitch = rng.uniform(600, 900) * (1.4 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.5, 1.5) * time))
        tone = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE))
        return band(tone, 400, 6000) * gate(time, seconds)
    period = rng.uniform(0.18, 0.35)
    tone = np.sin(2 * np.pi * rng.uniform(1900, 3100) * time)
    return tone * gate(time % period, period * 0.55, 0.006)


def crash(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Something heavy breaks: a burst over all frequencies, then shards."""
    sound = silence(seconds)
    onset = 0.0
    while onset < seconds - 0.6:
        time = seconds_of(0.6)
        add(sound, onset, noise(0.6, rng) * np.exp(-time / 0.12))
        for late in rng.exponential(0.2, 25):
            shard = np.sin(2 * np.pi * rng.uniform(2000, 9000) * seconds_of(0.05)) * np.exp(
                -seconds_of(0.05) / 0.01
            )
            add(sound, onset + 0.05 + late, rng.uniform(0.2, 0.6) * shard)
        onset += rng.uniform(0.8, 1.4)
    return sound


def engine(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Explosions of a slow engine through its exhaust."""
    time = seconds_of(seconds)
    speed = rng.uniform(22, 45) * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(0.2, 0.6) * time))
    phase = np.cumsum(speed) / SAMPLE_RATE
    pulses = np.diff(np.floor(phase), prepend=0.0) * rng.uniform(0.7, 1.0, len(time))
    body = ring(pulses, rng.uniform(80, 130), 0.02) + 0.6 * ring(pulses, rng.uniform(180, 320), 0.012)
    rumble = band(noise(seconds, rng), 60, 400)
    return (3 * body / np.abs(body).max() + 0.3 * rumble) * gate(time, seconds, 0.05)


def fire(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Crackles over a soft roar."""
    time = seconds_of(seconds)
    sound = 0.25 * band(noise(seconds, rng), 80, 700) * gate(time, seconds, 0.1)
    for onset in rng.uniform(0, max(seconds - 0.03, 0.01), int(seconds * rng.uniform(12, 25))):
        snap = band(noise(0.03, rng), 1200, 9000) * np.exp(-seconds_of(0.03) / 0.003)
        add(sound, onset, snap * rng.exponential(1.2))
    return sound


def piano(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Struck strings: notes and chords whose slightly stretched partials die away."""
    sound = silence(seconds)
    note = rng.uniform(0.2, 0.45)
    scale = rng.uniform(190, 260) * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    for onset in np.arange(0, seconds - 0.1, note):
        for pitch in rng.choice(scale, rng.integers(1, 4), replace=False):
            time = seconds_of(min(1.2, seconds - onset))
            partials = sum(
                np.sin(2 * np.pi * k * pitch * np.sqrt(1 + 4e-4 * k * k) * time) * np.exp(-time * k / 0.5) / k
                for k in range(1, 9)
            )
            add(sound, onset, partials * np.minimum(time / 0.003, 1) * rng.uniform(0.5, 1.0))
    return sound


def dishes(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """China and cutlery: single clear clinks at odd times."""
    sound = silence(seconds)
    for onset in regular(seconds, rng.uniform(3, 6), 0.6, rng):
        time = seconds_of(0.3)
        base = rng.uniform(1500, 3800)
        clink = sum(np.sin(2 * np.pi * base * r * time) / (1 + i) for i, r in enumerate((1, 1.73, 2.41)))
        add(sound, onset, clink * np.exp(-time / rng.uniform(0.03, 0.09)) * rng.uniform(0.4, 1.0))
    return sound


def frying(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Fat in a pan: a dense, steady fizzing of tiny pops."""
    time = seconds_of(seconds)
    pops = rng.standard_normal(len(time)) * (rng.random(len(time)) < 0.02)
    return (band(pops, 3000, 10500) + 0.05 * band(noise(seconds, rng), 500, 2500)) * gate(time, seconds, 0.15)


def blender(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A fast motor with a whine, the load changing."""
    time = seconds_of(seconds)
    pitch = rng.uniform(300, 460) * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(0.7, 2) * time))
    phase = 2 * np.pi * np.cumsum(pitch * (1 - 0.6 * np.exp(-time / 0.2))) / SAMPLE_RATE
    whine = sum(np.sin(k * phase) / k**0.6 for k in range(1, 12))
    return (whine + 0.7 * band(noise(seconds, rng), 600, 5000)) * gate(time, seconds, 0.05)


def vacuum_cleaner(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A broad steady rush of air with a faint hum."""
    time = seconds_of(seconds)
    rush = band(noise(seconds, rng), 150, rng.uniform(3500, 6000))
    hum = sum(np.sin(2 * np.pi * 100 * k * time) / k for k in range(1, 5))
    return (rush + 0.08 * hum) * np.clip(time / 0.5, 0, 1) * gate(time, seconds, 0.1)


def shaver(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A small motor's buzz: a saw tooth of 90 to 150 Hz, its low partials missing."""
    time = seconds_of(seconds)
    phase = np.cumsum(rng.uniform(90, 150) * (1 + 0.01 * np.sin(2 * np.pi * 3 * time))) / SAMPLE_RATE
    buzz = band(1 - 2 * (phase % 1), 900, 6500)
    return (buzz + 0.1 * band(noise(seconds, rng), 2000, 8000)) * gate(time, seconds, 0.05)
