"""Log-mel spectrograms, alone or with the intensity vector of first-order ambisonics in mel bands."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.feature_maps import FeatureMap, maps_of
from avseld.features.mel import Mel, decibel
from avseld.features.spectral import Stft, check_hop, power_of
from avseld.features.statistics import FeatureLayout, standardizer


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
        scale: see `Mel`.
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
        scale: str = "slaney",
    ) -> None:
        super().__init__()
        self.sample_rate, self.n_channels, self.top_db = sample_rate, n_channels, top_db
        self.hop = check_hop(hop, sample_rate)
        self.stft = Stft(n_fft, hop, pad_mode, win_length, symmetric)
        self.mel = Mel(sample_rate, n_fft, n_mels, low_hz, high_hz, scale)
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
    # A list of indices would be uploaded each time.
    return unit_intensity(spectrum[:, :1], torch.cat([spectrum[:, 3:], spectrum[:, 1:3]], dim=1), 1e-8)


def _over_length_yzx(spectrum: Tensor) -> Tensor:
    """Divide the intensity vector by its length; axes y z x (yinkalario/EIN-SELD @ 9f42da2)."""
    return unit_intensity(spectrum[:, :1], spectrum[:, 1:], torch.finfo(torch.float32).eps)


def unit_intensity(omni: Tensor, dipoles: Tensor, tiny: float) -> Tensor:
    """Compute the intensity vector of every bin over its length, which a tiny number keeps from zero.

    Args:
        omni: (batch, 1, frame, bin) complex.
        dipoles: (batch, axis, frame, bin) complex.
        tiny: added to the length.

    Returns:
        (batch, axis, frame, bin).
    """
    intensity = (omni.conj() * dipoles).real
    # PyTorch's norm over an axis of three takes fifty times longer on a CPU.
    length = intensity.square().sum(dim=1, keepdim=True).sqrt()
    return intensity / (length + tiny)


INTENSITIES = {"energy": _over_energy, "length": _over_length, "length_yzx": _over_length_yzx}
INTENSITY_AXES = {"energy": "yzx", "length": "xyz", "length_yzx": "yzx"}
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
        intensity: normalization of every bin before the mel bands: energy, with axes y z x (DCASE 2021 to 2024),
            length, with axes x y z (DCASE 2020), or length_yzx, with axes y z x (EINV2, PSELDNets, AV-SELD).
        layout: correct, or legacy for the published order of 2020, see `FeatureLayout`.
        standardize: standardize by statistics of the training part.
        scale: see `Mel`.

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
        scale: str = "slaney",
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
        self.mel = Mel(sample_rate, n_fft, n_mels, low_hz, high_hz, scale)
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
