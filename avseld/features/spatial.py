"""Linear-frequency spectrograms with spatial cues: inter-channel phase difference or intensity vector."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.feature_maps import FeatureMap, maps_of
from avseld.features.spectral import Stft, check_hop, magnitude_of, planes


class AmplitudeIPD(nn.Module):
    """Amplitude of every channel and phase difference (IPD) of every other channel to the first.

    Linear amplitude and phase in [0, 2 pi), neither scaled: the input of the DCASE2023 audio-visual baseline
    (sony/audio-visual-seld-dcase2023 @ d712445, `feature/feature.py`).

    Args:
        n_channels: channels of the recordings.
        sample_rate: Hz.
        n_fft: transform and hop, samples.
        hop: transform and hop, samples.
        pad_mode: padding at the ends, constant or reflect.
    """

    def __init__(
        self,
        n_channels: int = 4,
        sample_rate: int = 24000,
        n_fft: int = 512,
        hop: int = 240,
        pad_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.sample_rate, self.n_channels = sample_rate, n_channels
        self.hop = check_hop(hop, sample_rate)
        self.stft = Stft(n_fft, hop, pad_mode)
        self.n_features, self.n_bins = 2 * n_channels - 1, self.stft.n_bins

    def feature_maps(self, channels: Sequence[str]) -> list[FeatureMap]:
        """Describe the channels of the features; see `avseld.system.protocols.Feature`."""
        axis = self.stft.axis(self.sample_rate)
        maps = maps_of("amplitude", channels, "", axis)
        pairs = [f"{other}-{channels[0]}" for other in channels[1:]]
        return [*maps, *maps_of("phase difference", pairs, "rad", axis, len(maps))]

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel, sample).
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, feature = amplitudes then phase differences, frame, bin), float32.
        """
        spectrum = self.stft(waveform, centered)
        real, imaginary = planes(spectrum)
        amplitude = real.square().addcmul_(imaginary, imaginary).sqrt_()
        (first_real, other_real), (first_imaginary, other_imaginary) = (
            (part[:, :1], part[:, 1:]) for part in (real, imaginary)
        )
        cosine = (other_real * first_real).addcmul_(other_imaginary, first_imaginary)
        sine = (other_imaginary * first_real).addcmul_(other_real, first_imaginary, value=-1)
        difference = torch.atan2(sine, cosine)
        difference.add_((difference < 0).to(difference), alpha=2 * math.pi)
        return torch.cat([amplitude, difference], dim=1)


class LogAmplitudeIV(nn.Module):
    """Log-amplitude of the four FOA channels and the intensity vector (x, y, z) of every bin.

    The intensity is divided by the energy, so that a single plane wave gives a unit vector towards its source.
    Networks learn from it several times faster than from `AmplitudeIPD`, whose phase difference jumps at 0, its usual
    value in FOA.

    Args:
        n_channels: channels of the recordings: 4, W Y Z X.
        sample_rate: Hz.
        n_fft: transform and hop, samples.
        hop: transform and hop, samples.
        pad_mode: padding at the ends, constant or reflect.
        floor: amplitude that is added before the logarithm, about the noise of 16-bit audio in a bin.

    Raises:
        BadInput: another channel count.
    """

    def __init__(
        self,
        n_channels: int = 4,
        sample_rate: int = 24000,
        n_fft: int = 512,
        hop: int = 240,
        pad_mode: str = "constant",
        floor: float = 1e-4,
    ) -> None:
        super().__init__()
        if n_channels != 4:
            raise BadInput(
                f"an intensity vector needs FOA's 4 channels, not {n_channels}; use amplitude_ipd instead"
            )
        self.sample_rate, self.n_channels, self.floor = sample_rate, n_channels, floor
        self.hop = check_hop(hop, sample_rate)
        self.stft = Stft(n_fft, hop, pad_mode)
        self.n_features, self.n_bins = 7, self.stft.n_bins

    def feature_maps(self, channels: Sequence[str]) -> list[FeatureMap]:
        """Describe the channels of the features; see `avseld.system.protocols.Feature`."""
        axis = self.stft.axis(self.sample_rate)
        maps = maps_of("log-amplitude", channels, "", axis)
        return [*maps, *maps_of("intensity", "xyz", "", axis, len(maps))]

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel = W Y Z X, sample).
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, feature = 4 log-amplitudes then x y z, frame, bin), float32.
        """
        spectrum = self.stft(waveform, centered)
        amplitude = magnitude_of(spectrum)
        omni, dipoles = spectrum[:, :1], torch.cat([spectrum[:, 3:], spectrum[:, 1:3]], dim=1)
        energy = amplitude.square().sum(dim=1, keepdim=True) / 2
        intensity = (omni.conj() * dipoles).real / (energy + self.floor**2)
        return torch.cat([torch.log(amplitude + self.floor), intensity], dim=1)
