"""Binaural features: levels, interaural phase difference and interaural level difference."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.feature_maps import FeatureMap, maps_of
from avseld.features.spectral import Stft, check_hop, magnitude_of


class Interaural(nn.Module):
    """Log-amplitude of both channels, cosine and sine of their phase difference, and their level difference.

    Cosine and sine of the phase difference do not jump where the angle would; the level difference is the difference of
    the powers over their sum, from -1 (right only) to 1 (left only), so that silence in one channel does not give an
    extreme value. The binaural system of MRSAudio has the phase as an angle and no level difference (docs/sources.md,
    Sony audio-visual baseline).

    Args:
        n_channels: channels of the recordings: 2, left and right.
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
        n_channels: int = 2,
        sample_rate: int = 24000,
        n_fft: int = 512,
        hop: int = 240,
        pad_mode: str = "constant",
        floor: float = 1e-4,
    ) -> None:
        super().__init__()
        if n_channels != 2:
            raise BadInput(
                f"interaural differences need 2 channels, not {n_channels}; use amplitude_ipd instead"
            )
        self.sample_rate, self.n_channels, self.floor = sample_rate, n_channels, floor
        self.hop = check_hop(hop, sample_rate)
        self.stft = Stft(n_fft, hop, pad_mode)
        self.n_features, self.n_bins = 5, self.stft.n_bins

    def feature_maps(self, channels: Sequence[str]) -> list[FeatureMap]:
        """Describe the channels of the features; see `avseld.system.protocols.Feature`."""
        axis = self.stft.axis(self.sample_rate)
        maps = maps_of("log-amplitude", channels, "", axis)
        names = ["phase cosine", "phase sine", "level"]
        return [*maps, *maps_of("difference", names, "", axis, len(maps))]

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel = left right, sample).
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, feature = 2 log-amplitudes, cosine, sine, level difference, frame, bin), float32.
        """
        spectrum = self.stft(waveform, centered)
        amplitude = magnitude_of(spectrum)
        left, right = spectrum[:, :1], spectrum[:, 1:]
        cross = left * right.conj()
        coherent = cross / (cross.abs() + self.floor**2)
        power = amplitude.square()
        level = (power[:, :1] - power[:, 1:]) / (power.sum(dim=1, keepdim=True) + self.floor**2)
        return torch.cat([torch.log(amplitude + self.floor), coherent.real, coherent.imag, level], dim=1)
