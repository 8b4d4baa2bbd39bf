"""Speech and laughter by the source-filter model (G. Fant, Acoustic Theory of Speech Production, 1960)."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import istft, stft

from data_prep.synth.sounds.classes import SAMPLE_RATE

N_FFT, HOP = 512, 128
"""samples of a frame (21 ms) and between frames (5.3 ms)"""
VOWEL_FORMANTS_HZ = np.array(
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
"""(vowel, formant) mean first three formants of male speakers (Peterson and Barney, JASA 24, 1952)"""
FORMANT_BANDWIDTHS_HZ = np.array([80.0, 110.0, 170.0])
"""-3 dB bandwidths; those measured in vowels lie between 50 and 200 Hz"""
FORMANT_GAINS = (1.0, 0.6, 0.35)
"""the spectrum of voiced speech falls with frequency"""
LAUGHTER_VOWELS = (0, 5, 7)
"""indices of open vowels"""


@dataclass(frozen=True)
class Speaker:
    """Voice parameters of a speaker."""

    pitch_hz: float
    """mean fundamental frequency"""
    formant_scale: float
    """formant frequencies relative to the mean male speaker"""
    breathiness: float
    """level of noise relative to the pulses"""


def female_speaker(rng: np.random.Generator) -> Speaker:
    """Draw the voice of a woman."""
    return Speaker(rng.uniform(180, 245), rng.uniform(1.12, 1.22), rng.uniform(0.03, 0.10))


def male_speaker(rng: np.random.Generator) -> Speaker:
    """Draw the voice of a man."""
    return Speaker(rng.uniform(90, 135), rng.uniform(0.94, 1.04), rng.uniform(0.02, 0.06))


def speech(speaker: Speaker, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize syllables of a consonant (fricative or stop) and a vowel, with falling intonation.

    Args:
        speaker: voice parameters.
        seconds: duration.
        rng: source of randomness.

    Returns:
        (sample,) at `SAMPLE_RATE`.
    """
    frames = _n_frames(seconds)
    time = np.arange(frames) * HOP / SAMPLE_RATE
    onsets = np.cumsum(rng.uniform(0.14, 0.27, int(seconds / 0.14) + 2)) - 0.14
    onsets = onsets[onsets < seconds - 0.06]
    loudness, hiss, centre = np.zeros(frames), np.zeros(frames), np.full(frames, 4000.0)
    for onset, end in zip(onsets, [*onsets[1:], seconds], strict=True):
        consonant = rng.uniform(0.03, 0.09)
        strength = rng.uniform(0.6, 1.0)
        start = onset + consonant
        loudness = np.maximum(loudness, strength * _trapezoid(time, start, end - 0.01, 0.025))
        if rng.random() < 0.6:
            here = _trapezoid(time, onset, start + 0.01, 0.015)
            hiss = np.maximum(hiss, rng.uniform(0.1, 0.45) * here)
            centre = np.where(here > 0, rng.uniform(2500, 6500), centre)
    vowels = VOWEL_FORMANTS_HZ[rng.integers(len(VOWEL_FORMANTS_HZ), size=len(onsets))] * speaker.formant_scale
    middle = onsets + 0.12
    formants = np.stack([np.interp(time, middle, vowels[:, k]) for k in range(3)])
    phrase = np.interp(time, [0, 0.15 * seconds, seconds], [1.05, 1.18, 0.85])
    wobble = np.interp(time, onsets, rng.normal(0, 0.07, len(onsets)))
    voiced = _voiced(speaker, speaker.pitch_hz * phrase * (1 + wobble), formants, loudness, rng)
    return _truncate(voiced + _fricative(centre, hiss, rng), seconds)


def laughter(speaker: Speaker, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Synthesize bouts of short breathy calls, four to six per second; pitch and loudness fall within a bout.

    Args:
        speaker: voice parameters.
        seconds: duration.
        rng: source of randomness.

    Returns:
        (sample,) at `SAMPLE_RATE`.
    """
    frames = _n_frames(seconds)
    time = np.arange(frames) * HOP / SAMPLE_RATE
    rate = rng.uniform(4.2, 6.0)
    bout = rng.uniform(0.9, 1.8)
    loudness, hiss, pitch = np.zeros(frames), np.zeros(frames), np.full(frames, speaker.pitch_hz)
    for onset in np.arange(0, seconds - 0.08, 1 / rate):
        progress = (onset % bout) / bout
        call = _trapezoid(time, onset + 0.03, onset + 0.03 + 0.5 / rate, 0.03)
        loudness = np.maximum(loudness, (1 - 0.6 * progress) * call)
        hiss = np.maximum(hiss, 0.35 * _trapezoid(time, onset, onset + 0.07, 0.03))
        rise = rng.uniform(1.5, 1.9) * (1 - 0.35 * progress)
        fall = 1.12 - 0.3 * np.clip((time - onset) * rate, 0, 1)
        pitch = np.where(time >= onset, speaker.pitch_hz * rise * fall, pitch)
    vowel = VOWEL_FORMANTS_HZ[rng.choice(LAUGHTER_VOWELS)] * speaker.formant_scale
    formants = np.repeat(vowel[:, None], frames, axis=1) * (1 + 0.03 * np.sin(2 * np.pi * rate * time))
    breathy = Speaker(speaker.pitch_hz, speaker.formant_scale, speaker.breathiness + 0.15)
    voiced = _voiced(breathy, pitch, formants, loudness, rng)
    return _truncate(voiced + _fricative(np.full(frames, 1800.0), hiss, rng), seconds)


def _n_frames(seconds: float) -> int:
    return int(np.ceil(seconds * SAMPLE_RATE / HOP)) + N_FFT // HOP + 1


def _trapezoid(time: np.ndarray, start: float, stop: float, edge: float) -> np.ndarray:
    """Compute an envelope that is 1 between two times, with linear ramps of `edge` seconds inside them."""
    return np.clip(np.minimum((time - start) / edge, (stop - time) / edge), 0, 1)


def _voiced(
    speaker: Speaker, pitch: np.ndarray, formants: np.ndarray, loudness: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Filter pulses of a pitch (frame,) in Hz by formants (3, frame) in Hz, with loudness (frame,)."""
    sample = np.arange(len(pitch) * HOP)
    track = np.interp(sample / HOP, np.arange(len(pitch)), pitch)
    phase = np.cumsum(track) / SAMPLE_RATE
    pulses = 1 - 2 * (phase % 1) + speaker.breathiness * rng.standard_normal(len(sample))
    frequency = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)[:, None]
    gain = 1e-3
    for centre, bandwidth, weight in zip(formants, FORMANT_BANDWIDTHS_HZ, FORMANT_GAINS, strict=True):
        gain = gain + weight / np.sqrt(1 + ((frequency - centre) / bandwidth) ** 2)
    gain = gain / np.sqrt(1 + (frequency / 3500) ** 4) * loudness
    return _filter_frames(pulses, gain)


def _fricative(centre_hz: np.ndarray, loudness: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Synthesize noise around centre frequencies (frame,), with loudness (frame,)."""
    frequency = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)[:, None]
    gain = loudness / (1 + ((frequency - centre_hz) / 900) ** 2)
    return _filter_frames(rng.standard_normal(len(loudness) * HOP), gain)


def _filter_frames(signal: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Apply gains (bin, frame) to the short-time spectrum of a signal."""
    _, _, spectrum = stft(signal, nperseg=N_FFT, noverlap=N_FFT - HOP)
    frames = min(spectrum.shape[1], gain.shape[1])
    _, shaped = istft(spectrum[:, :frames] * gain[:, :frames], nperseg=N_FFT, noverlap=N_FFT - HOP)
    return shaped


def _truncate(signal: np.ndarray, seconds: float) -> np.ndarray:
    return signal[: round(seconds * SAMPLE_RATE)]
