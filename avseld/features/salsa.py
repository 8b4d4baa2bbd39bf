"""SALSA-Lite: log-power spectrograms with the path differences between channels.

T. N. T. Nguyen et al., SALSA-Lite: a fast and effective feature for polyphonic sound event localization and detection
with microphone arrays, ICASSP 2022.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.feature_maps import FeatureMap, maps_of
from avseld.base.physics import SPEED_OF_SOUND_M_S
from avseld.features.mel import FLOOR
from avseld.features.spectral import Stft, check_hop, power_of
from avseld.features.statistics import standardizer


class SalsaLite(nn.Module):
    """Log-power of every channel, and phase difference to the first channel divided by frequency.

    Phase over frequency is a path difference in metres, the same in all bins. Above `alias_hz`, where the phase is
    ambiguous, it is set to zero. The defaults are for the 4.2 cm sphere of STARSS23 (seld-dcase2023 @ 24d14c9,
    `cls_feature_class.py`; docs/sources.md, DCASE baselines).

    Args:
        n_channels: channels of the recordings, at least 2.
        sample_rate: Hz.
        n_fft: transform, window and hop, samples.
        win_length: transform, window and hop, samples.
        hop: transform, window and hop, samples.
        low_hz: range of the bins, Hz.
        high_hz: range of the bins, Hz.
        alias_hz: spatial aliasing frequency of the array, Hz.
        pad_mode: padding at the ends, constant or reflect.
        standardize: standardize by statistics of the training part.
        legacy: count the bins up to `alias_hz` from the first kept one, as published: phase goes on for two more bins.

    Raises:
        BadInput: a single channel, or an empty range.
    """

    wave_number: Tensor

    def __init__(
        self,
        n_channels: int = 4,
        sample_rate: int = 24000,
        n_fft: int = 1024,
        win_length: int | None = 960,
        hop: int = 480,
        low_hz: float = 50.0,
        high_hz: float = 9000.0,
        alias_hz: float = 2000.0,
        pad_mode: str = "constant",
        standardize: bool = True,
        legacy: bool = False,
    ) -> None:
        super().__init__()
        if n_channels < 2:
            raise BadInput("salsa_lite needs two channels or more; use logmel for one")
        self.sample_rate, self.n_channels = sample_rate, n_channels
        self.hop = check_hop(hop, sample_rate)
        self.stft = Stft(n_fft, hop, pad_mode, win_length)
        self.low = max(1, math.floor(low_hz * n_fft / sample_rate))
        self.high = min(math.floor(high_hz * n_fft / sample_rate), self.stft.n_bins)
        if self.high <= self.low:
            raise BadInput(f"no bin between {low_hz} and {high_hz} Hz; widen the range")
        last = math.floor(alias_hz * n_fft / sample_rate)
        self.unambiguous = max(last if legacy else last - self.low, 0)
        self.n_features, self.n_bins = 2 * n_channels - 1, self.high - self.low
        # 2 pi f / c, radians per metre of path
        wave_number = (
            2 * math.pi * sample_rate / (n_fft * SPEED_OF_SOUND_M_S) * torch.arange(self.low, self.high)
        )
        self.register_buffer("wave_number", wave_number[: self.unambiguous], persistent=False)
        self.standardize = standardizer(standardize, self.n_features, self.n_bins)

    def feature_maps(self, channels: Sequence[str]) -> list[FeatureMap]:
        """Describe the channels of the features; see `avseld.system.protocols.Feature`."""
        axis = self.stft.axis(self.sample_rate, slice(self.low, self.high))
        maps = maps_of("log-power", channels, "dB", axis)
        pairs = [f"{other}-{channels[0]}" for other in channels[1:]]
        return [*maps, *maps_of("path difference", pairs, "m", axis, len(maps))]

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel, sample).
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, feature = log-powers in dB then path differences in metres, frame, bin).
        """
        spectrum = self.stft(waveform, centered)[..., self.low : self.high]
        level = 10 * torch.log10(power_of(spectrum).clamp(min=FLOOR))
        below = spectrum[..., : self.unambiguous]
        path = torch.angle(below[:, 1:] * below[:, :1].conj()) / self.wave_number
        path = nn.functional.pad(path, (0, self.n_bins - path.shape[3]))
        return self.standardize(torch.cat([level, path], dim=1))
