"""Stereo features: levels of sum and difference in mel bands, and how the energy is shared by left and right."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.feature_maps import FeatureMap, maps_of
from avseld.features.mel import FLOOR, Mel
from avseld.features.spectral import Stft, check_hop, power_of


class MidSide(nn.Module):
    """Levels of mid (left plus right) and side (left minus right), and the level difference of every mel band.

    Of a pair of coincident cardioids that face left and right, mid is the pressure and side the particle velocity to
    the left: in a plane wave from azimuth a and elevation e, side is mid times sin(a) cos(e), and the level difference
    follows from it. The energies of a band are summed before they are divided, so that silence does not give an
    extreme value.

    Args:
        n_channels: channels of the recordings: 2, left and right.
        sample_rate: Hz.
        n_fft: transform and hop, samples.
        hop: transform and hop, samples.
        n_mels: mel bands.
        pad_mode: padding at the ends, constant or reflect.

    Raises:
        BadInput: another channel count.
    """

    def __init__(
        self,
        n_channels: int = 2,
        sample_rate: int = 24000,
        n_fft: int = 1024,
        hop: int = 480,
        n_mels: int = 64,
        pad_mode: str = "constant",
    ) -> None:
        super().__init__()
        if n_channels != 2:
            raise BadInput(f"mid_side needs 2 channels, not {n_channels}; use amplitude_ipd instead")
        self.sample_rate, self.n_channels = sample_rate, n_channels
        self.hop = check_hop(hop, sample_rate)
        self.stft = Stft(n_fft, hop, pad_mode)
        self.mel = Mel(sample_rate, n_fft, n_mels)
        self.n_features, self.n_bins = 3, n_mels

    def feature_maps(self, channels: Sequence[str]) -> list[FeatureMap]:
        """Describe the channels of the features; see `avseld.system.protocols.Feature`."""
        maps = maps_of("level", ["mid", "side"], "B", self.mel.axis)
        return [*maps, *maps_of("level difference", ["L-R"], "", self.mel.axis, len(maps))]

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel = left right, sample).
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, feature, frame, band): levels of mid and side, in bels; then the difference of the energies of left
            and right over their sum, from -1 (right only) to 1 (left only).
        """
        left, right = self.stft(waveform, centered).unbind(dim=1)
        bands = self.mel(power_of(torch.stack([left + right, left - right, left, right], dim=1)))
        mid_side, (a, b) = bands[:, :2], bands[:, 2:].unbind(dim=1)
        share = (a - b) / (a + b + FLOOR)
        return torch.cat([torch.log10(mid_side.clamp(min=FLOOR)), share[:, None]], dim=1)
