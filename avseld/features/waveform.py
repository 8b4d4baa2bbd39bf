"""The samples of a recording, unchanged, for networks whose systems compute features of their own."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from avseld.base.feature_maps import BinAxis, FeatureMap, maps_of
from avseld.features.spectral import check_hop


class FrameLength(NamedTuple):
    """Lengths of frames without a transform, samples."""

    n_fft: int
    hop: int


class Waveform(nn.Module):
    """The samples themselves: a frame has those of one hop, each channel is a feature.

    Args:
        n_channels: channels of the recordings.
        sample_rate: Hz.
        hop: samples of a frame.

    Raises:
        BadInput: a hop that does not divide a second.
    """

    def __init__(self, n_channels: int = 4, sample_rate: int = 24000, hop: int = 240) -> None:
        super().__init__()
        self.sample_rate, self.hop, self.stft = (
            sample_rate,
            check_hop(hop, sample_rate),
            FrameLength(hop, hop),
        )
        self.n_channels, self.n_features, self.n_bins = n_channels, n_channels, hop

    def feature_maps(self, channels: Sequence[str]) -> list[FeatureMap]:
        """Describe the channels of the features; see `avseld.system.protocols.Feature`."""
        times = (1000 * (sample - self.n_bins // 2) / self.sample_rate for sample in range(self.n_bins))
        return maps_of("waveform", channels, "", BinAxis("sample", "ms", tuple(times)))

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Cut a waveform into frames.

        Args:
            waveform: (batch, channel, sample).
            centered: centre frames on multiples of the hop; else the first one begins at sample 0.

        Returns:
            (batch, channel, frame, sample of the frame).
        """
        if centered:
            waveform = functional.pad(waveform, (self.n_bins // 2, self.n_bins - self.n_bins // 2))
        n_frames = waveform.shape[2] // self.n_bins
        return waveform[..., : n_frames * self.n_bins].unflatten(2, (n_frames, self.n_bins))
