"""Speed of features on one thread: ours, and channel by channel with librosa as the published systems do."""

from collections.abc import Callable
from functools import partial
from typing import Any

import librosa
import numpy as np
import torch

from avseld.base.memory import keep_freed_memory
from avseld.benchmarking import published
from avseld.benchmarking.machine import alone, best
from avseld.features import FEATURES

DURATION_S = 60
"""length of the recording"""
SAMPLE_RATE_HZ = 24000
GOALS = {"amplitude_ipd": 250, "logmel_iv": 250, "logmel_gcc": 100}
"""feature -> speed that this project aims at, times real time on one thread"""


def bench_features() -> dict[str, Any]:
    """Time three features on a minute of four channels: amplitude_ipd, logmel_iv and logmel_gcc.

    Returns:
        Times real time: `ours`, `published` and `ratio` of amplitude_ipd, and of each feature under its name, with its
        goal as `asked`; `peak_mb`, peak memory of both.
    """
    ours, theirs = alone(_times, True), alone(_times, False)
    features = {
        name: {
            "ours": ours[name],
            "published": theirs[name],
            "ratio": ours[name] / theirs[name],
            "asked": goal,
        }
        for name, goal in GOALS.items()
    }
    first = features["amplitude_ipd"]
    return {
        "ours": first["ours"],
        "published": first["published"],
        "ratio": first["ratio"],
        "unit": "times real time",
        **features,
        "peak_mb": {"ours": ours["peak_mb"], "published": theirs["peak_mb"]},
        "threads": 1,
    }


def _times(ours: bool) -> dict[str, Any]:
    """Measure the speed of every feature, times real time."""
    torch.set_num_threads(1)
    if ours:
        keep_freed_memory()
    random = np.random.default_rng(0)
    waveform = (0.1 * random.standard_normal((4, DURATION_S * SAMPLE_RATE_HZ))).astype(np.float32)
    batch = torch.from_numpy(waveform)[None]
    rates = {}
    for name in GOALS:
        if ours:
            feature = FEATURES[name]().eval()
            seconds = best(partial(feature, batch), 3)
        else:
            seconds = best(partial(PUBLISHED[name], waveform), 1)
        rates[name] = DURATION_S / seconds
    return rates


def _logmel_iv(waveform: np.ndarray) -> np.ndarray:
    """Log-mel and intensity vector (feature, band, frame) of (channel, sample) (docs/sources.md, DCASE baselines)."""
    spectra = np.stack([librosa.stft(c, n_fft=1024, hop_length=480, win_length=960) for c in waveform])
    mel = librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=1024, n_mels=64)
    levels = [librosa.power_to_db(mel @ np.abs(s) ** 2, top_db=None) for s in spectra]
    intensity = np.real(np.conj(spectra[0]) * spectra[1:])
    energy = np.abs(spectra[0]) ** 2 + (np.abs(spectra[1:]) ** 2).sum(axis=0) / 3
    return np.stack(levels + [mel @ part for part in intensity / (energy + 1e-8)])


def _logmel_gcc(waveform: np.ndarray) -> np.ndarray:
    """Log-mel and GCC-PHAT (feature, band or lag, frame) of (channel, sample), pair by pair."""
    spectra = np.stack([librosa.stft(c, n_fft=1024, hop_length=480, win_length=960) for c in waveform])
    mel = librosa.filters.mel(sr=SAMPLE_RATE_HZ, n_fft=1024, n_mels=64)
    levels = [librosa.power_to_db(mel @ np.abs(s) ** 2, top_db=None) for s in spectra]
    pairs = []
    for m in range(4):
        for n in range(m + 1, 4):
            cross = np.conj(spectra[m]) * spectra[n]
            lags = np.fft.irfft(np.exp(1j * np.angle(cross)), axis=0)
            pairs.append(np.concatenate([lags[-32:], lags[:32]]))
    return np.stack(levels + pairs)


PUBLISHED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "amplitude_ipd": published.features,
    "logmel_iv": _logmel_iv,
    "logmel_gcc": _logmel_gcc,
}
