"""Spectra of narrow bands of the 32 channels of an Eigenmike, ten to a label frame (docs/sources.md, DCASE2026)."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal.windows import tukey

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.directions.eigenmike import N_CAPSULES
from avseld.io.audio import audio_info, open_sound

SAMPLE_RATE = 24000
WINDOW_SAMPLES = 240
"""10 ms, a bin every 100 Hz; windows do not overlap"""
WINDOWS_A_FRAME = 10
BAND_CENTRES_HZ = np.linspace(1500, 4500, 9)
BAND_WIDTH_HZ = 50.0
BLOCK_FRAMES = 50
"""label frames read at once, so that memory does not grow with the recording"""


@lru_cache(maxsize=1)
def band_filters() -> np.ndarray:
    """Return the window times the sum of the exponentials of each band's bins, (band, sample) complex."""
    hz_to_bin = WINDOW_SAMPLES / SAMPLE_RATE
    low = ((BAND_CENTRES_HZ - BAND_WIDTH_HZ / 2) * hz_to_bin).astype(int)
    high = ((BAND_CENTRES_HZ + BAND_WIDTH_HZ / 2) * hz_to_bin).astype(int)
    time = np.arange(WINDOW_SAMPLES) / WINDOW_SAMPLES
    waves = [
        np.exp(-2j * np.pi * np.outer(np.arange(first, last + 1), time)).sum(axis=0)
        for first, last in zip(low, high, strict=True)
    ]
    return np.stack(waves) * tukey(WINDOW_SAMPLES, 1.0)


def band_spectra(sound: np.ndarray) -> np.ndarray:
    """Compute the spectra of the bands.

    Args:
        sound: (sample, channel) at 24 kHz; what is left of a label frame at the end is left out.

    Returns:
        (frame, band, window, channel) complex, frames of 100 ms.
    """
    n_channels = sound.shape[1]
    frame_samples = WINDOW_SAMPLES * WINDOWS_A_FRAME
    n_frames = len(sound) // frame_samples
    windows = sound[: n_frames * frame_samples].astype(np.float64).reshape(-1, WINDOW_SAMPLES, n_channels)
    filters = band_filters()
    # Real times real: a product of a complex and a real matrix would copy the sound to complex numbers.
    halves = np.concatenate([filters.real, filters.imag]) @ windows
    spectra = halves[:, : len(filters)] + 1j * halves[:, len(filters) :]
    return spectra.reshape(n_frames, WINDOWS_A_FRAME, len(filters), n_channels).transpose(0, 2, 1, 3)


def read_band_spectra(path: Path) -> np.ndarray:
    """Compute the spectra of a file, block by block; shapes as for `band_spectra`.

    Raises:
        BadInput: not 32 channels at 24 kHz, shorter than a frame, or unreadable.
    """
    info = audio_info(path, sample_rate=SAMPLE_RATE)
    if info.channels != N_CAPSULES:
        raise BadInput(
            f"{path}: {info.channels} channels instead of the {N_CAPSULES} of an Eigenmike; give the folder eigen_dev"
        )
    if info.n_samples < SAMPLE_RATE * LABEL_HOP:
        raise BadInput(f"{path}: {info.duration:.3g} s, shorter than a frame of {LABEL_HOP} s; leave it out")
    try:
        with open_sound(path) as sound:
            block_samples = BLOCK_FRAMES * WINDOWS_A_FRAME * WINDOW_SAMPLES
            blocks = sound.blocks(block_samples, dtype="float32", always_2d=True)
            return np.concatenate([band_spectra(block) for block in blocks])
    except soundfile.SoundFileError as error:
        raise BadInput(f"{path}: no readable audio ({error}); export it again") from error
