"""Spectrogram on a logarithmic frequency axis, reduced to the size of a figure."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

N_FFT = 1024
HOP = 256
MIN_FREQUENCY_HZ = 50.0
"""wind and handling noise lie below"""
N_ROWS = 160
N_COLUMNS = 1200
FRAMES_PER_BATCH = 2048
"""frames transformed at once, so that memory does not grow with the length of the recording"""


def log_spectrogram(samples: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute power in dB on rows of logarithmically spaced frequencies.

    Args:
        samples: (sample,), at least one.
        sample_rate: Hz.

    Returns:
        power (row, column) in dB, columns spread evenly over the samples and at most `N_COLUMNS`;
        frequency (row,) in Hz.
    """
    padded = np.pad(np.asarray(samples, np.float32), N_FFT // 2)
    frames = sliding_window_view(padded, N_FFT)[::HOP]
    column_of = np.arange(len(frames)) * min(len(frames), N_COLUMNS) // len(frames)
    power = np.zeros((column_of[-1] + 1, N_FFT // 2 + 1))
    window = np.hanning(N_FFT).astype(np.float32)
    for first in range(0, len(frames), FRAMES_PER_BATCH):
        part = np.abs(np.fft.rfft(frames[first : first + FRAMES_PER_BATCH] * window)) ** 2
        np.add.at(power, column_of[first : first + FRAMES_PER_BATCH], part)
    power /= np.bincount(column_of)[:, None]
    frequency = np.geomspace(MIN_FREQUENCY_HZ, sample_rate / 2, N_ROWS)
    bins = frequency * N_FFT / sample_rate
    low = np.minimum(bins.astype(int), N_FFT // 2 - 1)
    part = (bins - low)[:, None]
    rows = power.T[low] * (1 - part) + power.T[low + 1] * part
    # At high frequencies a row spans several bins: take the strongest, so that no tone falls between two rows.
    half = np.sqrt(frequency[1] / frequency[0])
    for row, (first, last) in enumerate(zip(np.ceil(bins / half), np.ceil(bins * half), strict=True)):
        if last > first:
            rows[row] = np.maximum(rows[row], power[:, int(first) : int(last)].max(axis=1))
    return 10 * np.log10(rows / window.sum() ** 2 * 4 + 1e-16), frequency
