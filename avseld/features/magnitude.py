"""Magnitude and phase of every channel: what SELDnet hears (Adavanne et al., IEEE JSTSP 2018)."""

import math

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.features.spectral import Stft
from avseld.features.statistics import Layout, standardizer

DROPPED = {"nyquist": slice(0, -1), "dc": slice(1, None)}


class MagnitudePhase(nn.Module):
    """Magnitude and phase of every channel, for arrays of any channel count.

    The defaults are those of 2018; 2019 has 48 kHz, a transform of 2048, a periodic window of 1920, a hop of 960, no
    lowest bin (`dropped: dc`) and no scaling (`SELDnet` spec, sections 2.1 to 2.3). The published frames of 2018 start
    at multiples of the hop instead of lying around them: frame i there is frame i + 1 here.

    Args of the constructor:
        n_channels: channels.
        sample_rate: Hz.
        n_fft, win_length, hop: samples.
        pad_mode: constant or reflect.
        symmetric: window of 2018, see `Stft`.
        orthonormal: spectrum over the root of n_fft.
        dropped: the bin that is left out, nyquist or dc, so that a power of two remains.
        layout: correct, or legacy for the published order, see `Layout`.
        standardize: learn mean and deviation.

    Raises:
        BadInput: an unknown word.
    """

    def __init__(
        self,
        n_channels: int = 4,
        sample_rate: int = 44100,
        n_fft: int = 512,
        win_length: int | None = None,
        hop: int = 256,
        pad_mode: str = "constant",
        symmetric: bool = True,
        orthonormal: bool = True,
        dropped: str = "nyquist",
        layout: str = "correct",
        standardize: bool = True,
    ) -> None:
        super().__init__()
        if dropped not in DROPPED:
            raise BadInput(f"dropped: '{dropped}' is none of {', '.join(DROPPED)}")
        self.sample_rate, self.n_channels = sample_rate, n_channels
        self.hop = hop / sample_rate  # 5.8 ms in 2018: its frames fit no grid of 100 ms
        self.stft = Stft(n_fft, hop, pad_mode, win_length, symmetric)
        self.scale = 1 / math.sqrt(n_fft) if orthonormal else 1.0
        self.kept = DROPPED[dropped]
        self.n_features, self.n_bins = 2 * n_channels, n_fft // 2
        self.layout = Layout(layout, (n_channels, n_channels), self.n_bins)
        self.standardize = standardizer(standardize, self.n_features, self.n_bins)

    def spectrum(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Spectrum (batch, channel, frame, bin), complex."""
        return self.stft(waveform, centered)[..., self.kept] * self.scale

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel, sample).
            centered: whether frames are centred on multiples of the hop.

        Returns:
            (batch, feature = magnitudes then phases in radians, frame, bin).
        """
        spectrum = self.spectrum(waveform, centered)
        return self.standardize(self.layout(torch.cat([spectrum.abs(), torch.angle(spectrum)], dim=1)))
