"""Log-mel spectrograms, alone or with the intensity vector of first-order ambisonics in mel bands."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.feature_maps import BinAxis, FeatureMap, maps_of
from avseld.features.spectral import Stft, check_hop, frequency_axis, power_of
from avseld.features.statistics import FeatureLayout, standardizer

FLOOR = 1e-10
"""smallest power: -100 dB"""
LINEAR_STEP_HZ = 200 / 3
BREAK_HZ = 1000.0
LOG_STEP = np.log(6.4) / 27
"""of the Slaney scale: a mel below the break, the break, and the logarithm of a mel's ratio above it"""


class Mel(nn.Module):
    """Mel filterbank: triangular bands, equally wide on the Slaney mel scale and of equal area (librosa's default).

    Args:
        sample_rate: Hz.
        n_fft: transform, samples.
        n_mels: bands.
        low_hz: lower edge of the lowest band.
        high_hz: upper edge of the highest band; half the sample rate if None.

    Raises:
        BadInput: a band without a bin, or a highest edge that isn't above the lowest; says which of them.
    """

    bands: Tensor

    def __init__(
        self, sample_rate: int, n_fft: int, n_mels: int, low_hz: float = 0.0, high_hz: float | None = None
    ) -> None:
        super().__init__()
        self.n_bins = n_mels
        self.axis: BinAxis = frequency_axis(mel_edges(sample_rate, n_mels, low_hz, high_hz)[1:-1])
        bands = torch.from_numpy(mel_filters(sample_rate, n_fft, n_mels, low_hz, high_hz))
        if (bands.sum(dim=1) == 0).any():
            if high_hz is not None and high_hz > sample_rate / 2:
                raise BadInput(
                    f"mel bands up to {high_hz:g} Hz: recordings of {sample_rate} Hz end at {sample_rate / 2:g} Hz; "
                    "lower high_hz, or raise sample_rate"
                )
            raise BadInput(f"{n_mels} mel bands are too many for a transform of {n_fft}; lengthen n_fft")
        self.register_buffer("bands", bands.T.contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Sum (..., bin) into (..., band)."""
        return x @ self.bands


def mel_filters(
    sample_rate: int, n_fft: int, n_mels: int, low_hz: float = 0.0, high_hz: float | None = None
) -> np.ndarray:
    """Compute triangular mel filters on the Slaney scale, each of area 2 (so of equal energy in white noise).

    They equal those of librosa.filters.mel with its defaults, whose import takes longer than that of PyTorch.

    Args:
        sample_rate: Hz.
        n_fft: transform, samples.
        n_mels: bands.
        low_hz: lower edge of the lowest band.
        high_hz: upper edge of the highest band; half the sample rate if None.

    Returns:
        (band, bin = n_fft / 2 + 1) float32; rows of zeros where a band is narrower than the distance of two bins.

    Raises:
        BadInput: the highest edge is not above the lowest.
    """
    edges = mel_edges(sample_rate, n_mels, low_hz, high_hz)
    distance = edges[:, None] - np.fft.rfftfreq(n_fft, 1 / sample_rate)
    width = np.diff(edges)[:, None]
    rising, falling = -distance[:-2] / width[:-1], distance[2:] / width[1:]
    triangles = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def mel_edges(sample_rate: int, n_mels: int, low_hz: float = 0.0, high_hz: float | None = None) -> np.ndarray:
    """Compute the edges of mel bands: (band + 2,) Hz; each band rises from one edge to the next and falls to the third.

    Arguments and errors as for `mel_filters`.
    """
    top = sample_rate / 2 if high_hz is None else high_hz
    if top <= low_hz:
        raise BadInput(f"mel bands from {low_hz:g} to {top:g} Hz; low_hz must be below high_hz")
    return mel_to_hz(np.linspace(hz_to_mel(low_hz), hz_to_mel(top), n_mels + 2))


def hz_to_mel(frequency: ArrayLike) -> np.ndarray:
    """Convert Hz to mel on the scale of M. Slaney, Auditory Toolbox, 1998: linear to 1 kHz, logarithmic above."""
    frequency = np.asarray(frequency, float)
    above = np.log(np.maximum(frequency, BREAK_HZ) / BREAK_HZ) / LOG_STEP
    return np.minimum(frequency, BREAK_HZ) / LINEAR_STEP_HZ + above


def mel_to_hz(mel: ArrayLike) -> np.ndarray:
    """Convert mel to Hz, the inverse of `hz_to_mel`."""
    mel = np.asarray(mel, float)
    break_mel = BREAK_HZ / LINEAR_STEP_HZ
    return np.minimum(mel, break_mel) * LINEAR_STEP_HZ * np.exp(np.maximum(mel - break_mel, 0) * LOG_STEP)


def decibel(power: Tensor, top_db: float | None = None) -> Tensor:
    """Compute levels in decibels, at least -100 dB.

    Args:
        power: (batch, channel, frame, bin).
        top_db: raise levels to at least this far below the maximum of their channel in `power`, decibels (the
            published systems do so for whole recordings); None does not.

    Returns:
        The same shape.
    """
    level = 10 * torch.log10(power.clamp(min=FLOOR))
    return level if top_db is None else level.maximum(level.amax(dim=(2, 3), keepdim=True) - top_db)


class LogMel(nn.Module):
    """Log-mel spectrogram of every channel.

    Args:
        n_channels: channels of the recordings.
        sample_rate: Hz.
        n_fft: transform, window and hop, samples.
        win_length: transform, window and hop, samples.
        hop: transform, window and hop, samples.
        n_mels: see `Mel`.
        low_hz: see `Mel`.
        high_hz: see `Mel`.
        pad_mode: padding at the ends, constant or reflect.
        top_db: see `decibel`.
        standardize: standardize by statistics of the training part.
        symmetric: see `Stft`.
    """

    def __init__(
        self,
        n_channels: int = 4,
        sample_rate: int = 24000,
        n_fft: int = 1024,
        win_length: int | None = 960,
        hop: int = 480,
        n_mels: int = 64,
        low_hz: float = 0.0,
        high_hz: float | None = None,
        pad_mode: str = "constant",
        top_db: float | None = None,
        standardize: bool = True,
        symmetric: bool = False,
    ) -> None:
        super().__init__()
        self.sample_rate, self.n_channels, self.top_db = sample_rate, n_channels, top_db
        self.hop = check_hop(hop, sample_rate)
        self.stft = Stft(n_fft, hop, pad_mode, win_length, symmetric)
        self.mel = Mel(sample_rate, n_fft, n_mels, low_hz, high_hz)
        self.n_features, self.n_bins = n_channels, n_mels
        self.standardize = standardizer(standardize, self.n_features, self.n_bins)

    def feature_maps(self, channels: Sequence[str]) -> list[FeatureMap]:
        """Describe the channels of the features; see `avseld.system.protocols.Feature`."""
        return maps_of("log-mel", channels, "dB", self.mel.axis)

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel, sample).
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, feature = channel, frame, bin = mel band), decibels or standardized.
        """
        power = self.mel(power_of(self.stft(waveform, centered)))
        return self.standardize(decibel(power, self.top_db))


def _over_energy(spectrum: Tensor) -> Tensor:
    """Divide the intensity vector by the energy; axes y z x (docs/sources.md, DCASE baselines)."""
    omni, dipoles = spectrum[:, :1], spectrum[:, 1:]
    energy = power_of(omni) + power_of(dipoles).sum(dim=1, keepdim=True) / 3
    return (omni.conj() * dipoles).real / (energy + 1e-8)


def _over_length(spectrum: Tensor) -> Tensor:
    """Divide the intensity vector by its length; axes x y z (sharathadavanne/seld-dcase2020 @ 384ad9b)."""
    dipoles = torch.cat(
        [spectrum[:, 3:], spectrum[:, 1:3]], dim=1
    )  # a list of indices would be uploaded each time
    intensity = (spectrum[:, :1].conj() * dipoles).real
    return intensity / (intensity.norm(dim=1, keepdim=True) + 1e-8)


INTENSITIES = {"energy": _over_energy, "length": _over_length}
INTENSITY_AXES = {"energy": "yzx", "length": "xyz"}
"""normalization of the intensity vector -> order of its axes"""


class LogMelIV(nn.Module):
    """Log-mel of the four FOA channels and the intensity vector in mel bands.

    Args:
        n_channels: channels of the recordings: 4, W Y Z X.
        sample_rate: Hz.
        n_fft: transform, window and hop, samples.
        win_length: transform, window and hop, samples.
        hop: transform, window and hop, samples.
        n_mels: see `Mel`.
        low_hz: see `Mel`.
        high_hz: see `Mel`.
        pad_mode: padding at the ends, constant or reflect.
        top_db: see `decibel`.
        intensity: normalization of every bin before the mel bands: energy, with axes y z x (DCASE 2021 to 2024), or
            length, with axes x y z (DCASE 2020).
        layout: correct, or legacy for the published order of 2020, see `FeatureLayout`.
        standardize: standardize by statistics of the training part.

    Raises:
        BadInput: another channel count, or an unknown intensity or layout.
    """

    def __init__(
        self,
        n_channels: int = 4,
        sample_rate: int = 24000,
        n_fft: int = 1024,
        win_length: int | None = 960,
        hop: int = 480,
        n_mels: int = 64,
        low_hz: float = 0.0,
        high_hz: float | None = None,
        pad_mode: str = "constant",
        top_db: float | None = None,
        intensity: str = "energy",
        layout: str = "correct",
        standardize: bool = True,
    ) -> None:
        super().__init__()
        if n_channels != 4:
            raise BadInput(
                f"an intensity vector needs FOA's 4 channels, not {n_channels}; use logmel_gcc instead"
            )
        if intensity not in INTENSITIES:
            raise BadInput(f"intensity: '{intensity}' is none of {', '.join(INTENSITIES)}")
        self.sample_rate, self.n_channels, self.top_db = sample_rate, n_channels, top_db
        self.hop = check_hop(hop, sample_rate)
        self.stft = Stft(n_fft, hop, pad_mode, win_length)
        self.mel = Mel(sample_rate, n_fft, n_mels, low_hz, high_hz)
        self.intensity_name, self.intensity = intensity, INTENSITIES[intensity]
        self.n_features, self.n_bins = 7, n_mels
        self.layout = FeatureLayout(layout, (4, 3), n_mels)
        self.standardize = standardizer(standardize, self.n_features, self.n_bins)

    def feature_maps(self, channels: Sequence[str]) -> list[FeatureMap]:
        """Describe the channels of the features; see `avseld.system.protocols.Feature`."""
        maps = maps_of("log-mel", channels, "dB", self.mel.axis)
        maps += maps_of("intensity", INTENSITY_AXES[self.intensity_name], "", self.mel.axis, len(maps))
        return self.layout.maps(maps)

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel = W Y Z X, sample).
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, feature = 4 log-mels then 3 intensities, frame, bin = mel band).
        """
        spectrum = self.stft(waveform, centered)
        level = decibel(self.mel(power_of(spectrum)), self.top_db)
        return self.standardize(self.layout(torch.cat([level, self.mel(self.intensity(spectrum))], dim=1)))
