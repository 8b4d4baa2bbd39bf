"""Sounds of a voice: pulses of a throat, shaped by moving resonances (source-filter model; Fant, 1960)."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import istft, stft

from data_prep.synth.sounds.classes import SAMPLE_RATE

FFT, HOP = 512, 128
VOWELS = np.array(
    [
        (730, 1090, 2440),
        (530, 1840, 2480),
        (270, 2290, 3010),
        (570, 840, 2410),
        (300, 870, 2240),
        (660, 1720, 2410),
        (490, 1350, 1690),
        (640, 1190, 2390),
    ],
    float,
)
"""first three formants of male vowels, Hz (Peterson and Barney, JASA 24, 1952)"""
BANDWIDTHS = np.array([80.0, 110.0, 170.0])


@dataclass(frozen=True)
class Throat:
    """What makes one voice differ from another."""

    pitch: float
    """mean fundamental frequency, Hz"""
    stretch: float
    """formants relative to a man's"""
    breath: float
    """noise in the voiced sound, relative to it"""


def female_throat(rng: np.random.Generator) -> Throat:
    """Draw a woman's voice."""
    return Throat(rng.uniform(180, 245), rng.uniform(1.12, 1.22), rng.uniform(0.03, 0.10))


def male_throat(rng: np.random.Generator) -> Throat:
    """Draw a man's voice."""
    return Throat(rng.uniform(90, 135), rng.uniform(0.94, 1.04), rng.uniform(0.02, 0.06))


def speech(throat: Throat, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Syllables of a consonant (a hiss or a stop) and a vowel, with an intonation that falls.

    Returns:
        (sample,) at 24 kHz.
    """
    frames = _frames(seconds)
    time = np.arange(frames) * HOP / SAMPLE_RATE
    onsets = np.cumsum(rng.uniform(0.14, 0.27, int(seconds / 0.14) + 2)) - 0.14
    onsets = onsets[onsets < seconds - 0.06]
    loudness, hiss, centre = np.zeros(frames), np.zeros(frames), np.full(frames, 4000.0)
    for onset, end in zip(onsets, [*onsets[1:], seconds], strict=True):
        consonant = rng.uniform(0.03, 0.09)
        strength = rng.uniform(0.6, 1.0)
        start = onset + consonant
        loudness = np.maximum(loudness, strength * _hump(time, start, end - 0.01, 0.025))
        if rng.random() < 0.6:
            here = _hump(time, onset, start + 0.01, 0.015)
            hiss = np.maximum(hiss, rng.uniform(0.1, 0.45) * here)
            centre = np.where(here > 0, rng.uniform(2500, 6500), centre)
    vowels = VOWELS[rng.integers(len(VOWELS), size=len(onsets))] * throat.stretch
    middle = onsets + 0.12
    formants = np.stack([np.interp(time, middle, vowels[:, k]) for k in range(3)])
    phrase = np.interp(time, [0, 0.15 * seconds, seconds], [1.05, 1.18, 0.85])
    wobble = np.interp(time, onsets, rng.normal(0, 0.07, len(onsets)))
    voiced = _voiced(throat, throat.pitch * phrase * (1 + wobble), formants, loudness, rng)
    return _cut(voiced + _hiss(centre, hiss, rng), seconds)


def laughter(throat: Throat, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Bouts of short breathy calls, four to six a second, each bout falling in pitch and loudness.

    Returns:
        (sample,) at 24 kHz.
    """
    frames = _frames(seconds)
    time = np.arange(frames) * HOP / SAMPLE_RATE
    rate = rng.uniform(4.2, 6.0)
    bout = rng.uniform(0.9, 1.8)
    loudness, hiss, pitch = np.zeros(frames), np.zeros(frames), np.full(frames, throat.pitch)
    for onset in np.arange(0, seconds - 0.08, 1 / rate):
        progress = (onset % bout) / bout
        call = _hump(time, onset + 0.03, onset + 0.03 + 0.5 / rate, 0.03)
        loudness = np.maximum(loudness, (1 - 0.6 * progress) * call)
        hiss = np.maximum(hiss, 0.35 * _hump(time, onset, onset + 0.07, 0.03))
        rise = rng.uniform(1.5, 1.9) * (1 - 0.35 * progress)
        fall = 1.12 - 0.3 * np.clip((time - onset) * rate, 0, 1)
        pitch = np.where(time >= onset, throat.pitch * rise * fall, pitch)
    vowel = VOWELS[rng.choice([0, 5, 7])] * throat.stretch
    formants = np.repeat(vowel[:, None], frames, axis=1) * (1 + 0.03 * np.sin(2 * np.pi * rate * time))
    breathy = Throat(throat.pitch, throat.stretch, throat.breath + 0.15)
    voiced = _voiced(breathy, pitch, formants, loudness, rng)
    return _cut(voiced + _hiss(np.full(frames, 1800.0), hiss, rng), seconds)


def _frames(seconds: float) -> int:
    return int(np.ceil(seconds * SAMPLE_RATE / HOP)) + FFT // HOP + 1


def _hump(time: np.ndarray, start: float, stop: float, edge: float) -> np.ndarray:
    return np.clip(np.minimum((time - start) / edge, (stop - time) / edge), 0, 1)


def _voiced(
    throat: Throat, pitch: np.ndarray, formants: np.ndarray, loudness: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Pulses at a pitch (frame,) through formants (3, frame), with loudness (frame,)."""
    sample = np.arange(len(pitch) * HOP)
    track = np.interp(sample / HOP, np.arange(len(pitch)), pitch)
    phase = np.cumsum(track) / SAMPLE_RATE
    pulses = 1 - 2 * (phase % 1) + throat.breath * rng.standard_normal(len(sample))
    frequency = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)[:, None]
    gain = 1e-3
    for centre, bandwidth, weight in zip(formants, BANDWIDTHS, (1.0, 0.6, 0.35), strict=True):
        gain = gain + weight / np.sqrt(1 + ((frequency - centre) / bandwidth) ** 2)
    gain = gain / np.sqrt(1 + (frequency / 3500) ** 4) * loudness
    return _shape(pulses, gain)


def _hiss(centre: np.ndarray, loudness: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    frequency = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)[:, None]
    gain = loudness / (1 + ((frequency - centre) / 900) ** 2)
    return _shape(rng.standard_normal(len(loudness) * HOP), gain)


def _shape(signal: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Filter that changes with time: gains (bin, frame) on the short-time spectrum."""
    _, _, spectrum = stft(signal, nperseg=FFT, noverlap=FFT - HOP)
    frames = min(spectrum.shape[1], gain.shape[1])
    _, shaped = istft(spectrum[:, :frames] * gain[:, :frames], nperseg=FFT, noverlap=FFT - HOP)
    return shaped


def _cut(signal: np.ndarray, seconds: float) -> np.ndarray:
    return signal[: round(seconds * SAMPLE_RATE)]
