"""Features of a stream: each frame is computed once, from the samples around it, where its features allow it."""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from avseld.io.formats import format_named
from avseld.system.build import System
from avseld.system.inference import window_features

TOLERANCE = 1e-4
"""largest difference, as a share of the largest value, of the features of a stretch that is cut in two, for features
whose frames stand for themselves"""
PROBE_FRAMES = 24
"""frames of the stretch in which this is found out"""


class Samples:
    """The last samples of a stream, with silence before its beginning.

    Args:
        system: gives channels and lengths.
        n_before: feature frames before the first one whose samples are kept.
    """

    def __init__(self, system: System, n_before: int) -> None:
        self._n_fft, self._hop = system.features.stft.n_fft, system.hop_samples
        self._lead = system.lengths.lead
        self.n_channels = format_named(system.blueprint.format).channels
        self._first = -n_before * self._hop - self._lead
        self._parts = [np.zeros((self.n_channels, -self._first), np.float32)]
        self.end = 0
        """samples of the stream so far"""

    @property
    def stop(self) -> int:
        """Feature frame after the last one whose samples are there."""
        return (self.end + self._lead - self._n_fft) // self._hop + 1

    def append(self, samples: np.ndarray) -> None:
        """Take the next samples (channel, sample)."""
        self._parts.append(samples)
        self.end += samples.shape[1]

    def of_frames(self, first: int, n_frames: int) -> np.ndarray:
        """Return the samples (channel, sample) of frames; those before them are forgotten."""
        buffer = np.concatenate(self._parts, axis=1)
        start = first * self._hop - self._lead
        self._parts = [buffer[:, start - self._first :]]
        self._first = start
        return self._parts[0][:, : (n_frames - 1) * self._hop + self._n_fft]


class Frames(Protocol):
    """Features of a stream."""

    n_channels: int

    @property
    def stop(self) -> int:
        """Frame after the last one that can be given, counted from the beginning of the stream."""
        ...

    def append(self, samples: np.ndarray) -> None:
        """Take the next samples (channel, sample) float32."""
        ...

    def window(self, first: int, n_frames: int) -> Tensor:
        """Return the features of consecutive frames: (feature, frame, bin). Windows come in the order of time."""
        ...


class StoredFrames:
    """Features whose frames stand for themselves: each is computed once.

    Args:
        system: in evaluation.
        n_kept: frames of the longest window.
    """

    def __init__(self, system: System, n_kept: int) -> None:
        self._system, self._n_kept = system, n_kept
        self._samples = Samples(system, n_kept)
        self.n_channels = self._samples.n_channels
        self._first = self._computed = -n_kept
        shape = (system.features.n_features, 0, system.features.n_bins)
        self._features = torch.zeros(shape, device=system.device)

    @property
    def stop(self) -> int:
        """Frame after the last one that can be given."""
        return self._samples.stop

    def append(self, samples: np.ndarray) -> None:
        """Take the next samples (channel, sample)."""
        self._samples.append(samples)

    def window(self, first: int, n_frames: int) -> Tensor:
        """Return the features of frames (feature, frame, bin); new ones are computed."""
        missing = first + n_frames - self._computed
        if missing > 0:
            waveform = self._samples.of_frames(self._computed, missing)
            new = window_features(self._system, waveform[None])[0]
            joined = torch.cat([self._features, new], dim=1)
            self._computed += missing
            self._features = joined[:, -self._n_kept :]
            self._first = self._computed - self._features.shape[1]
        return self._features[:, first - self._first :][:, :n_frames]


class WindowFrames:
    """Features that are smoothed over time or normalized over a window: computed anew for every window.

    Args:
        system: in evaluation.
        n_kept: frames of the longest window.
    """

    def __init__(self, system: System, n_kept: int) -> None:
        self._system, self._samples = system, Samples(system, n_kept)
        self.n_channels = self._samples.n_channels

    @property
    def stop(self) -> int:
        """Frame after the last one that can be given."""
        return self._samples.stop

    def append(self, samples: np.ndarray) -> None:
        """Take the next samples (channel, sample)."""
        self._samples.append(samples)

    def window(self, first: int, n_frames: int) -> Tensor:
        """Return the features of frames (feature, frame, bin)."""
        return window_features(self._system, self._samples.of_frames(first, n_frames)[None])[0]


def look_ahead_s(system: System) -> float:
    """Return the seconds of sound after the beginning of a frame that enter its features."""
    return (system.features.stft.n_fft - system.lengths.lead) / system.sample_rate


def stand_alone(system: System) -> bool:
    """Return whether the features of a frame depend on the samples of that frame alone.

    They are computed of a stretch of noise as a whole and in two parts.

    Args:
        system: in evaluation.
    """
    half = PROBE_FRAMES // 2
    random = np.random.default_rng(0)
    samples = Samples(system, 0)
    n_samples = PROBE_FRAMES * system.hop_samples + system.features.stft.n_fft
    samples.append(random.normal(scale=0.1, size=(samples.n_channels, n_samples)).astype(np.float32))
    whole = window_features(system, samples.of_frames(0, PROBE_FRAMES)[None])
    first = window_features(system, samples.of_frames(0, half)[None])
    second = window_features(system, samples.of_frames(half, PROBE_FRAMES - half)[None])
    apart = (torch.cat([first, second], dim=2) - whole).abs().max()
    return bool(apart <= TOLERANCE * whole.abs().max())
