"""Diffuse noises of many kinds: weather, machines, traffic, far music and voices, room noise that decays."""

from collections.abc import Callable

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import oaconvolve

from data_prep.synth.acoustics.channel_errors import mix_channels
from data_prep.synth.acoustics.formats import ReceiverFormat
from data_prep.synth.sounds import objects
from data_prep.synth.sounds.classes import SAMPLE_RATE
from data_prep.synth.sounds.speech import female_speaker, male_speaker, speech

NOISE_CUTOFF_HZ = 20
"""threshold of audibility; energy below it would only take up headroom"""
MAX_KINDS = 3
"""largest number of noises at once"""
DRIFT_DB = 3.0
"""standard deviation of the slow changes of level, at knots `DRIFT_S` apart"""
DRIFT_S = 4.0
DRIFT_STEP = 24
"""samples over which a drifting level is constant, 1 ms: steps of 0.003 dB"""
FAR_DECAY_S = (0.3, 1.5)
"""reverberation times of far sounds that arrive from everywhere"""
FAR_ONSET_S = 0.03
"""time in which their response rises, so that no direction arrives first"""
BABBLE_S = 5.0
"""seconds of speech after which a voice of babble repeats itself; the voices differ in length"""
N_VOICES = (3, 6)
"""smallest and largest number of voices of babble"""

NoiseKind = Callable[[int, ReceiverFormat, np.random.Generator], np.ndarray]
"""(samples, channels of the recording, rng) -> (channel, sample) in a diffuse field, of any level"""


def draw_noise(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    """Draw a mixture of one to three diffuse noises whose levels change slowly.

    Args:
        length: samples.
        format: channels of the recording.
        rng: the only source of randomness.

    Returns:
        (channel, sample) float32; the first channel has power 1.
    """
    names = rng.choice(len(NOISES), int(rng.integers(1, MAX_KINDS + 1)), replace=False)
    noise = np.zeros((len(format.diffuse_power), length), np.float32)
    for name in names:
        own = NOISES[list(NOISES)[name]](length, format, rng)
        power = np.square(own[0]).mean()
        gain = _drift(length, rng) * np.float32(10 ** (rng.uniform(-12, 0) / 20) / np.sqrt(max(power, 1e-18)))
        noise += own * gain
    return noise / max(np.sqrt(np.square(noise[0]).mean()), 1e-9)


def _drift(length: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a slowly changing gain (sample,)."""
    knots = np.arange(0, length + 2 * DRIFT_S * SAMPLE_RATE, DRIFT_S * SAMPLE_RATE)
    steps = np.arange(0, length + DRIFT_STEP, DRIFT_STEP)
    drift_db = np.interp(steps, knots, rng.normal(0, DRIFT_DB, len(knots)))
    return np.repeat(10 ** (drift_db / 20), DRIFT_STEP)[:length].astype(np.float32)


def _coloured(
    length: int, format: ReceiverFormat, rng: np.random.Generator, shape: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Draw Gaussian noise with an amplitude spectrum, a function of frequency in Hz."""
    size = next_fast_len(length, real=True)
    white = rng.standard_normal((len(format.diffuse_power), size), dtype=np.float32)
    frequency = rfftfreq(size, 1 / SAMPLE_RATE)
    gain = shape(np.maximum(frequency, 1.0)) * (frequency > NOISE_CUTOFF_HZ)
    coloured = irfft(rfft(white) * gain.astype(np.float32), size)[:, :length]
    return format.diffuse_field(coloured)


def _white(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    return _coloured(length, format, rng, np.ones_like)


def _pink(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    return _coloured(length, format, rng, lambda frequency: frequency**-0.5)


def _brown(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    return _coloured(length, format, rng, lambda frequency: 1 / np.maximum(frequency, 40))


def _room_tone(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    slope, corner_hz = rng.uniform(0.4, 1.6), rng.uniform(60, 400)
    return _coloured(length, format, rng, lambda f: (1 + (f / corner_hz) ** 2) ** (-slope / 2) + 0.01)


def _hum(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    """Draw mains hum and its harmonics, with a phase of its own in each channel."""
    time = np.arange(length, dtype=np.float32) / SAMPLE_RATE
    base = rng.choice([50.0, 60.0, 100.0, 120.0]) * rng.uniform(0.998, 1.002)
    numbers = np.arange(1, int(rng.integers(4, 16)))
    level = rng.uniform(0, 1, len(numbers)) / numbers ** rng.uniform(0, 1.2)
    phase = 2 * np.pi * rng.random((len(format.diffuse_power), len(numbers)))
    angle = (2 * np.pi * base * numbers)[:, None].astype(np.float32) * time
    # A tone with a phase of its own in each channel is a mixture of one cosine and one sine.
    cosine, sine = (level * np.cos(phase)).astype(np.float32), (level * np.sin(phase)).astype(np.float32)
    hum = mix_channels(cosine, np.cos(angle)) + mix_channels(sine, np.sin(angle))
    return hum * np.sqrt(np.asarray(format.diffuse_power, np.float32))[:, None]


def _ventilation(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    """Draw a fan: low noise, a broad band of air and a few blurred tones."""
    tones = np.exp(rng.uniform(np.log(60), np.log(1500), 3))
    air, strength = np.exp(rng.uniform(np.log(200), np.log(2500))), rng.uniform(0, 2, 3)

    def shape(frequency: np.ndarray) -> np.ndarray:
        peaks = sum(
            s * np.exp(-(((frequency - tone) / (0.02 * tone)) ** 2))
            for s, tone in zip(strength, tones, strict=True)
        )
        return 1 / (1 + frequency / 150) + 0.3 / (1 + (np.log2(frequency / air)) ** 2) + 0.4 * peaks

    return _coloured(length, format, rng, shape)


def _rain(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    """Draw drops from everywhere: sparse impulses, independent in each channel, over a hiss."""
    low, high = rng.uniform(300, 2500), rng.uniform(3000, 10000)
    sparse = rng.random((len(format.diffuse_power), length)) < np.exp(rng.uniform(np.log(0.001), np.log(0.1)))
    drops = (rng.standard_normal(sparse.shape) * sparse).astype(np.float32)
    frequency = rfftfreq(length, 1 / SAMPLE_RATE)
    band = 1 / (1 + (low / np.maximum(frequency, 1)) ** 2) / (1 + (frequency / high) ** 2)
    drops = irfft(rfft(drops) * band.astype(np.float32), length).astype(np.float32)
    hiss = _coloured(length, format, rng, lambda f: 1 / (1 + (low / f) ** 2) / (1 + (f / high) ** 2))
    return format.diffuse_field(drops) / (drops.std() + 1e-9) + rng.uniform(0, 1) * hiss / (
        hiss[0].std() + 1e-9
    )


def _traffic(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    """Draw far traffic: a rumble that swells and fades as vehicles pass."""
    corner = rng.uniform(60, 300)
    rumble = _coloured(length, format, rng, lambda f: 1 / (1 + (f / corner) ** 2) + 0.003)
    time = np.arange(length) / SAMPLE_RATE
    swell = np.full(length, 0.3, np.float32)
    for _ in range(1 + int(rng.poisson(length / SAMPLE_RATE / 8))):
        width = rng.uniform(1, 4)
        middle = rng.uniform(0, length / SAMPLE_RATE)
        swell += rng.uniform(0.3, 1.5) * np.exp(-(((time - middle) / width) ** 2)).astype(np.float32)
    return rumble * swell


def _decays(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    """Draw bursts of late reverberation without a direct sound: slammed doors of other rooms, chairs."""
    noise = _coloured(length, format, rng, lambda f: f ** -rng.uniform(0.2, 0.8))
    time = np.arange(length) / SAMPLE_RATE
    envelope = np.full(length, 0.02, np.float32)
    for onset in rng.uniform(0, length / SAMPLE_RATE, 1 + int(rng.poisson(length / SAMPLE_RATE / 2))):
        after = np.maximum(time - onset, 0)
        rise = np.clip(after / FAR_ONSET_S, 0, 1)
        envelope += (rise * np.exp(-after / rng.uniform(0.05, 0.25)) * rng.uniform(0.1, 1)).astype(np.float32)
    return noise * envelope


def _far(sound: np.ndarray, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    """Let a sound (sample,) arrive from everywhere: through a response that is a diffuse field."""
    decay = rng.uniform(*FAR_DECAY_S)
    time = np.arange(round(decay * SAMPLE_RATE)) / SAMPLE_RATE
    white = rng.standard_normal((len(format.diffuse_power), len(time)), dtype=np.float32)
    envelope = np.clip(time / FAR_ONSET_S, 0, 1) * np.exp(-3 * np.log(10) / decay * time)
    response = format.diffuse_field(white) * envelope.astype(np.float32)
    return oaconvolve(sound[None].astype(np.float32), response, axes=-1)[:, : len(sound)]


def _music(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    """Draw music of another room."""
    return _far(objects.music(length / SAMPLE_RATE, rng)[:length], format, rng)


def _babble(length: int, format: ReceiverFormat, rng: np.random.Generator) -> np.ndarray:
    """Draw many voices at once, each from everywhere."""
    noise = np.zeros((len(format.diffuse_power), length), np.float32)
    seconds = min(length / SAMPLE_RATE, BABBLE_S)
    for _ in range(int(rng.integers(N_VOICES[0], N_VOICES[1] + 1))):
        speaker = (female_speaker if rng.random() < 0.5 else male_speaker)(rng)
        voice = np.resize(speech(speaker, seconds * rng.uniform(0.7, 1.0), rng), length)
        noise += _far(np.roll(voice, rng.integers(length)), format, rng)
    return noise


NOISES: dict[str, NoiseKind] = {
    "white": _white,
    "pink": _pink,
    "brown": _brown,
    "room": _room_tone,
    "hum": _hum,
    "ventilation": _ventilation,
    "rain": _rain,
    "traffic": _traffic,
    "decays": _decays,
    "music": _music,
    "babble": _babble,
}
"""by name"""
