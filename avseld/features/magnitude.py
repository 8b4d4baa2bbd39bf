"""Magnitude and phase of every channel: the features of SELDnet.

S. Adavanne et al., Sound event localization and detection of overlapping sources using convolutional recurrent neural
networks, IEEE JSTSP 2018.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.feature_maps import FeatureMap, maps_of
from avseld.features.spectral import Stft
from avseld.features.statistics import FeatureLayout, standardizer

DROPPED = {"nyquist": slice(0, -1), "dc": slice(1, None)}
"""bin that is left out -> bins that are kept"""


class MagnitudePhase(nn.Module):
    """Magnitude and phase of every channel, for arrays of any channel count.

    The defaults are those of 2018; 2019 has 48 kHz, a transform of 2048, a periodic window of 1920, a hop of 960, no
    lowest bin (`dropped: dc`) and no scaling (docs/sources.md, SELDnet). The published frames of 2018 start at
    multiples of the hop instead of being centred on them: frame i there is frame i + 1 here.

    Args:
        n_channels: channels of the recordings.
        sample_rate: Hz.
        n_fft: transform, window and hop, samples.
        win_length: transform, window and hop, samples.
        hop: transform, window and hop, samples.
        pad_mode: padding at the ends, constant or reflect.
        symmetric: the window of 2018, see `Stft`.
        orthonormal: divide the spectrum by the root of n_fft.
        dropped: the bin that is left out so that a power of two remains, nyquist or dc.
        layout: correct, or legacy for the published order, see `FeatureLayout`.
        standardize: standardize by statistics of the training part.

    Raises:
        BadInput: unknown dropped or layout.
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
        self.layout = FeatureLayout(layout, (n_channels, n_channels), self.n_bins)
        self.standardize = standardizer(standardize, self.n_features, self.n_bins)

    def spectrum(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the complex spectrum (batch, channel, frame, bin); arguments as for `forward`."""
        return self.stft(waveform, centered)[..., self.kept] * self.scale

    def feature_maps(self, channels: Sequence[str]) -> list[FeatureMap]:
        """Describe the channels of the features; see `avseld.system.protocols.Feature`."""
        axis = self.stft.axis(self.sample_rate, self.kept)
        maps = maps_of("magnitude", channels, "", axis)
        return self.layout.maps([*maps, *maps_of("phase", channels, "rad", axis, len(maps))])

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel, sample).
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, feature = magnitudes then phases in radians, frame, bin).
        """
        spectrum = self.spectrum(waveform, centered)
        return self.standardize(self.layout(torch.cat([spectrum.abs(), torch.angle(spectrum)], dim=1)))
