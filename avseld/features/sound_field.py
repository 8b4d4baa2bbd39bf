"""The sound field in mel bands, split into scalars and vectors under rotation about the vertical axis."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.feature_maps import FeatureMap, maps_of
from avseld.features.mel import FLOOR, Mel
from avseld.features.spectral import Stft, check_hop


class SoundField(nn.Module):
    """Levels of pressure, horizontal and vertical velocity, and the intensity vector of every mel band.

    If a scene is rotated about the vertical axis, its levels and vertical intensity stay the same (scalars) and its
    horizontal intensity rotates by the same angle (a vector). The levels of X and of Y would do neither, so they are
    added. The intensity of a band is summed before it is divided by the band's energy: its length is the share of the
    energy that comes from one direction, 1 for a plane wave, 0 for a diffuse field.

    Args:
        n_channels: channels of the recordings: 4, W Y Z X.
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
        n_channels: int = 4,
        sample_rate: int = 24000,
        n_fft: int = 1024,
        hop: int = 240,
        n_mels: int = 64,
        pad_mode: str = "constant",
    ) -> None:
        super().__init__()
        if n_channels != 4:
            raise BadInput(
                f"the sound field needs FOA's 4 channels, not {n_channels}; use amplitude_ipd instead"
            )
        self.sample_rate, self.n_channels = sample_rate, n_channels
        self.hop = check_hop(hop, sample_rate)
        self.stft = Stft(n_fft, hop, pad_mode)
        self.mel = Mel(sample_rate, n_fft, n_mels)
        self.n_features, self.n_bins = 6, n_mels

    def feature_maps(self, channels: Sequence[str]) -> list[FeatureMap]:
        """Describe the channels of the features; see `avseld.system.protocols.Feature`."""
        maps = maps_of("level", ["pressure", "horizontal", "vertical"], "B", self.mel.axis)
        return [*maps, *maps_of("intensity", "zxy", "", self.mel.axis, len(maps))]

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel = W Y Z X, sample).
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, feature, frame, band): levels of W, of X and Y together and of Z, in bels; then intensity over
            energy, z x y.
        """
        bands = self.mel(self.energies(self.stft(waveform, centered)))
        energy = bands[:, :3].sum(dim=1, keepdim=True) / 2
        return torch.cat([torch.log10(bands[:, :3].clamp(min=FLOOR)), bands[:, 3:] / (energy + FLOOR)], dim=1)

    def energies(self, spectrum: Tensor) -> Tensor:
        """Compute energies of pressure, horizontal and vertical velocity, and intensities z x y, in every bin.

        Args:
            spectrum: (batch, channel, frame, bin), complex.

        Returns:
            (batch, 6, frame, bin).
        """
        return sound_field_energies(*spectrum.unbind(dim=1))


def sound_field_energies(omni: Tensor, y: Tensor, z: Tensor, x: Tensor) -> Tensor:
    """Compute what `SoundField.energies` returns from the spectra of W Y Z X, (batch, frame, bin) each."""
    power = [part.real.square() + part.imag.square() for part in (omni, x, y, z)]
    flow = [omni.real * part.real + omni.imag * part.imag for part in (z, x, y)]
    return torch.stack([power[0], power[1] + power[2], power[3], *flow], dim=1)
