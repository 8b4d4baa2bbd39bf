"""Synthetic sounds of objects, for classes of the corpora before STARSS.

Every function takes a duration in seconds and a random generator, and returns (sample,) at `SAMPLE_RATE`; the level is
normalized later.
"""

import numpy as np

from data_prep.synth.signals import (
    add_at,
    bandpass,
    gate,
    jittered_onsets,
    resonance,
    silence,
    time_axis,
    white_noise,
)
from data_prep.synth.sounds.classes import SAMPLE_RATE


def drawer(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize drawers: sliding wood with a thud at the end."""
    sound = silence(seconds)
    onset = 0.0
    while onset < seconds - 0.4:
        length = min(rng.uniform(0.35, 0.6), seconds - onset - 0.1)
        time = time_axis(length)
        slide = (
            bandpass(white_noise(length, rng), 250, 1400) * (0.3 + time / length) * gate(time, length, 0.05)
        )
        add_at(sound, onset, slide * (1 + 0.5 * np.sin(2 * np.pi * rng.uniform(18, 30) * time)))
        thud = np.sin(2 * np.pi * rng.uniform(90, 150) * time_axis(0.15)) * np.exp(-time_axis(0.15) / 0.03)
        add_at(sound, onset + length, 3 * thud)
        onset += length + rng.uniform(0.2, 0.4)
    return sound


def keys_drop(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize falling keys: clusters of high partials at shrinking intervals."""
    sound = silence(seconds)
    modes = rng.uniform(2500, 9500, 7)
    onset, gap = 0.0, rng.uniform(0.16, 0.24)
    while onset < seconds - 0.15:
        time = time_axis(0.15)
        clink = sum(np.sin(2 * np.pi * m * rng.uniform(0.98, 1.02) * time) for m in modes)
        add_at(sound, onset, clink * np.exp(-time / 0.025) * rng.uniform(0.6, 1.0))
        onset += gap
        gap = gap * 0.75 if gap > 0.04 else rng.uniform(0.16, 0.3)
    return sound


def keyboard(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize typing: clicks of press and release, seven to twelve keys per second."""
    sound = silence(seconds)
    tone = rng.uniform(1800, 3200)
    for onset in jittered_onsets(seconds, rng.uniform(7, 12), 0.3, rng):
        for delay, level in ((0.0, 1.0), (rng.uniform(0.03, 0.05), 0.5)):
            length = 0.03
            click = white_noise(length, rng) * np.exp(-time_axis(length) / 0.003)
            add_at(sound, onset + delay, level * bandpass(click, tone * rng.uniform(0.7, 1), tone * 2))
    return sound


def page_turn(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize turned pages: crackling high-frequency noise that swells and fades, about once per second."""
    sound = silence(seconds)
    onset = 0.0
    while onset < seconds - 0.3:
        length = min(rng.uniform(0.35, 0.6), seconds - onset)
        time = time_axis(length)
        crackle = white_noise(length, rng) * (rng.random(len(time)) < 0.12)
        sweep = bandpass(crackle, 2500, 10500) + 0.2 * bandpass(white_noise(length, rng), 3500, 9000)
        add_at(sound, onset, sweep * np.sin(np.pi * time / length) ** 2)
        onset += length + rng.uniform(0.1, 0.5)
    return sound


def door_slam(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize door slams: low impacts, each followed by a rattle."""
    sound = silence(seconds)
    onset = 0.0
    while onset < seconds - 0.35:
        time = time_axis(0.35)
        blow = np.sin(2 * np.pi * rng.uniform(50, 85) * time) * np.exp(-time / 0.08)
        crash = bandpass(white_noise(0.35, rng), 100, rng.uniform(1500, 2600)) * np.exp(-time / 0.05)
        rattle = bandpass(white_noise(0.35, rng), 900, 2500) * np.exp(-((time - 0.14) ** 2) / 0.0012)
        add_at(sound, onset, 2 * blow + 3 * crash + 0.6 * rattle)
        onset += rng.uniform(0.5, 0.9)
    return sound


def alarm(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a sweeping siren or beeps of constant pitch."""
    time = time_axis(seconds)
    if rng.random() < 0.5:
        pitch = rng.uniform(600, 900) * (1.4 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.5, 1.5) * time))
        tone = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE))
        return bandpass(tone, 400, 6000) * gate(time, seconds)
    period = rng.uniform(0.18, 0.35)
    tone = np.sin(2 * np.pi * rng.uniform(1900, 3100) * time)
    return tone * gate(time % period, period * 0.55, 0.006)


def crash(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize crashes: broadband bursts followed by high clinks of fragments."""
    sound = silence(seconds)
    onset = 0.0
    while onset < seconds - 0.6:
        time = time_axis(0.6)
        add_at(sound, onset, white_noise(0.6, rng) * np.exp(-time / 0.12))
        for late in rng.exponential(0.2, 25):
            shard = np.sin(2 * np.pi * rng.uniform(2000, 9000) * time_axis(0.05)) * np.exp(
                -time_axis(0.05) / 0.01
            )
            add_at(sound, onset + 0.05 + late, rng.uniform(0.2, 0.6) * shard)
        onset += rng.uniform(0.8, 1.4)
    return sound


def engine(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a running engine: slow pulses through exhaust resonances."""
    time = time_axis(seconds)
    speed = rng.uniform(22, 45) * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(0.2, 0.6) * time))
    phase = np.cumsum(speed) / SAMPLE_RATE
    pulses = np.diff(np.floor(phase), prepend=0.0) * rng.uniform(0.7, 1.0, len(time))
    body = resonance(pulses, rng.uniform(80, 130), 0.02) + 0.6 * resonance(
        pulses, rng.uniform(180, 320), 0.012
    )
    rumble = bandpass(white_noise(seconds, rng), 60, 400)
    return (3 * body / np.abs(body).max() + 0.3 * rumble) * gate(time, seconds, 0.05)


def fire(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize fire: crackles over soft low-frequency noise."""
    time = time_axis(seconds)
    sound = 0.25 * bandpass(white_noise(seconds, rng), 80, 700) * gate(time, seconds, 0.1)
    for onset in rng.uniform(0, max(seconds - 0.03, 0.01), int(seconds * rng.uniform(12, 25))):
        snap = bandpass(white_noise(0.03, rng), 1200, 9000) * np.exp(-time_axis(0.03) / 0.003)
        add_at(sound, onset, snap * rng.exponential(1.2))
    return sound


def piano(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a piano: notes and chords of decaying, slightly inharmonic partials."""
    sound = silence(seconds)
    note = rng.uniform(0.2, 0.45)
    scale = rng.uniform(190, 260) * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
    for onset in np.arange(0, seconds - 0.1, note):
        for pitch in rng.choice(scale, rng.integers(1, 4), replace=False):
            time = time_axis(min(1.2, seconds - onset))
            partials = sum(
                np.sin(2 * np.pi * k * pitch * np.sqrt(1 + 4e-4 * k * k) * time) * np.exp(-time * k / 0.5) / k
                for k in range(1, 9)
            )
            add_at(sound, onset, partials * np.minimum(time / 0.003, 1) * rng.uniform(0.5, 1.0))
    return sound


def dishes(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize dishes: clinks of three partials at irregular times."""
    sound = silence(seconds)
    for onset in jittered_onsets(seconds, rng.uniform(3, 6), 0.6, rng):
        time = time_axis(0.3)
        base = rng.uniform(1500, 3800)
        clink = sum(np.sin(2 * np.pi * base * r * time) / (1 + i) for i, r in enumerate((1, 1.73, 2.41)))
        add_at(sound, onset, clink * np.exp(-time / rng.uniform(0.03, 0.09)) * rng.uniform(0.4, 1.0))
    return sound


def frying(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize frying: dense high-frequency pops of constant level."""
    time = time_axis(seconds)
    pops = rng.standard_normal(len(time)) * (rng.random(len(time)) < 0.02)
    return (bandpass(pops, 3000, 10500) + 0.05 * bandpass(white_noise(seconds, rng), 500, 2500)) * gate(
        time, seconds, 0.15
    )


def blender(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a blender: the whine of a fast motor under changing load, with noise."""
    time = time_axis(seconds)
    pitch = rng.uniform(300, 460) * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(0.7, 2) * time))
    phase = 2 * np.pi * np.cumsum(pitch * (1 - 0.6 * np.exp(-time / 0.2))) / SAMPLE_RATE
    whine = sum(np.sin(k * phase) / k**0.6 for k in range(1, 12))
    return (whine + 0.7 * bandpass(white_noise(seconds, rng), 600, 5000)) * gate(time, seconds, 0.05)


def vacuum_cleaner(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize a vacuum cleaner: steady broadband noise with a faint mains hum."""
    time = time_axis(seconds)
    rush = bandpass(white_noise(seconds, rng), 150, rng.uniform(3500, 6000))
    hum = sum(np.sin(2 * np.pi * 100 * k * time) / k for k in range(1, 5))
    return (rush + 0.08 * hum) * np.clip(time / 0.5, 0, 1) * gate(time, seconds, 0.1)


def shaver(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize an electric shaver or toothbrush: a sawtooth of 90 to 150 Hz without its low partials."""
    time = time_axis(seconds)
    phase = np.cumsum(rng.uniform(90, 150) * (1 + 0.01 * np.sin(2 * np.pi * 3 * time))) / SAMPLE_RATE
    buzz = bandpass(1 - 2 * (phase % 1), 900, 6500)
    return (buzz + 0.1 * bandpass(white_noise(seconds, rng), 2000, 8000)) * gate(time, seconds, 0.05)
