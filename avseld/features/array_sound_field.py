"""The sound field around the microphones of a rigid spherical array, in the features of `sound_field`."""

import math

import numpy as np
import torch
from scipy.special import spherical_jn, spherical_yn
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.physics import EIGENMIKE_RADIUS_M, SPEED_OF_SOUND_M_S, TETRAHEDRON_DEG
from avseld.features.mel import FLOOR, Mel
from avseld.features.spectral import Stft, check_hop

ENCODING_LIMIT = 1.6
"""kr up to which the array encodes first-order ambisonics, 2.1 kHz for the array of STARSS23: there both methods err by
about 10 degrees; above, the error of encoding grows to 60 degrees, that of the energies stays below 6"""
REGULARIZATION = 0.05
"""added to the radial filters: their inverse amplifies noise by 20 dB at most"""
N_DIRECTIONS = 500
"""directions over which the response of the array to a plane wave is averaged"""


class ArraySoundField(nn.Module):
    """Levels and intensity of every mel band as `sound_field` gives them, from four microphones on a rigid sphere.

    Up to `ENCODING_LIMIT` the spectra are encoded as first-order ambisonics: the modes of the sphere are divided by
    their radial filters (B. Rafaely, Fundamentals of Spherical Array Processing, 2015, section 4.3). Above, where
    four microphones no longer tell the modes apart, the sphere shades those that face away from the source, and
    direction is taken from their energies (A. Politis, S. Delikaris-Manias, V. Pulkki, Direction-of-arrival and
    diffuseness estimation above spatial aliasing for symmetrical directional microphone arrays, ICASSP 2015), divided
    by the mean length they have in a plane wave.

    Args:
        n_channels: channels of the recordings: 4, the array of STARSS23 (`avseld.base.physics`).
        sample_rate: Hz.
        n_fft: transform and hop, samples.
        hop: transform and hop, samples.
        n_mels: mel bands.
        pad_mode: padding at the ends, constant or reflect.

    Raises:
        BadInput: another channel count.
    """

    encoding: Tensor
    high: Tensor
    pressure_gain: Tensor
    inverse_length: Tensor
    from_energies: Tensor

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
        capsules = _unit_vectors(*np.array(TETRAHEDRON_DEG).T)
        if n_channels != len(capsules):
            raise BadInput(
                f"array_sound_field takes the 4 microphones of the array, not {n_channels} channels; "
                "use amplitude_ipd instead"
            )
        self.sample_rate, self.n_channels = sample_rate, n_channels
        self.hop = check_hop(hop, sample_rate)
        self.stft = Stft(n_fft, hop, pad_mode)
        self.mel = Mel(sample_rate, n_fft, n_mels)
        self.n_features, self.n_bins = 6, n_mels
        frequency = np.fft.rfftfreq(n_fft, 1 / sample_rate)
        kr = 2 * np.pi * frequency * EIGENMIKE_RADIUS_M / SPEED_OF_SOUND_M_S
        self.register_buffer("encoding", torch.from_numpy(_encoding(capsules, kr)), persistent=False)
        self.register_buffer("high", torch.from_numpy(kr > ENCODING_LIMIT), persistent=False)
        gain, length = _plane_wave_energies(capsules, kr)
        self.register_buffer("pressure_gain", torch.from_numpy(gain), persistent=False)
        self.register_buffer("inverse_length", torch.from_numpy(1 / length), persistent=False)
        self.register_buffer(
            "from_energies", torch.from_numpy(np.linalg.pinv(capsules).astype(np.float32)), persistent=False
        )

    def forward(self, waveform: Tensor, centered: bool = True) -> Tensor:
        """Compute the features.

        Args:
            waveform: (batch, channel, sample), channels in the order of `avseld.base.physics.TETRAHEDRON_DEG`.
            centered: centre frames on multiples of the hop.

        Returns:
            (batch, feature, frame, band): levels of pressure, horizontal and vertical velocity, in bels; then intensity
            over energy, z x y.
        """
        spectrum = self.stft(waveform, centered)
        low = self._by_encoding(spectrum)
        high = self._by_energies(spectrum.real.square() + spectrum.imag.square())
        bands = self.mel(torch.where(self.high, high, low))
        energy = bands[:, :3].sum(dim=1, keepdim=True) / 2
        return torch.cat([torch.log10(bands[:, :3].clamp(min=FLOOR)), bands[:, 3:] / (energy + FLOOR)], dim=1)

    def _by_encoding(self, spectrum: Tensor) -> Tensor:
        """Compute (batch, 6, frame, bin) energies and intensities z x y from encoded ambisonics."""
        pressure, x, y, z = torch.einsum("ocf,bctf->botf", self.encoding, spectrum).unbind(dim=1)
        energies = [part.real.square() + part.imag.square() for part in (pressure, x, y, z)]
        flow = [pressure.real * part.real + pressure.imag * part.imag for part in (z, x, y)]
        return torch.stack([energies[0], energies[1] + energies[2], energies[3], *flow], dim=1)

    def _by_energies(self, power: Tensor) -> Tensor:
        """Compute the same from (batch, microphone, frame, bin) squared magnitudes.

        The part of the energy that comes from no direction is spread evenly over the axes.
        """
        pressure = power.mean(dim=1) * self.pressure_gain
        vector = torch.einsum("kc,bctf->bktf", self.from_energies, power)
        vector = vector * (self.inverse_length * self.pressure_gain)
        share = vector.square().sum(dim=1).sqrt() / (pressure + FLOOR)
        vector = vector / share.clamp(min=1.0)[:, None]
        x, y, z = vector.unbind(dim=1)
        square = (vector / (pressure + FLOOR)[:, None]).square()
        diffuse = (1 - square.sum(dim=1)).clamp(min=0) / 3
        horizontal = pressure * (square[:, 0] + square[:, 1] + 2 * diffuse)
        vertical = pressure * (square[:, 2] + diffuse)
        return torch.stack([pressure, horizontal, vertical, z, x, y], dim=1)


def _unit_vectors(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Convert degrees (...,) to unit vectors (..., 3)."""
    azimuth, elevation = np.radians(azimuth), np.radians(elevation)
    return np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], axis=-1
    )


def _radial(order: int, kr: np.ndarray) -> np.ndarray:
    """Compute the radial filter of a rigid sphere: pressure of a mode at the surface, by that of a plane wave of 1.

    Source: E. G. Williams, Fourier Acoustics, 1999, section 6.10; time convention exp(+j 2 pi f t).
    """
    slope = spherical_jn(order, kr, True) - 1j * spherical_yn(order, kr, True)
    return 1j ** (order - 1) / slope / kr**2


def _encoding(capsules: np.ndarray, kr: np.ndarray) -> np.ndarray:
    """Compute the filters (W X Y Z, microphone, bin) that encode first-order ambisonics (SN3D), complex64.

    A plane wave from u has pressure b0 + 3 b1 (c . u) at the microphone in direction c, up to the first order.
    """
    kr = np.maximum(kr, 1e-3)
    inverse = [b.conj() / (np.abs(b) ** 2 + REGULARIZATION**2) for b in (_radial(0, kr), 3 * _radial(1, kr))]
    mean = np.full((1, len(capsules), 1), 1 / len(capsules)) * inverse[0]
    dipoles = np.linalg.pinv(capsules)[:, :, None] * inverse[1]
    return np.concatenate([mean, dipoles]).astype(np.complex64)


def _plane_wave_energies(capsules: np.ndarray, kr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average over directions what the energies of the microphones are in a plane wave of pressure 1.

    Returns:
        Gain that makes their mean 1, and length of their vector by that mean, (bin,) float32 each.
    """
    kr = np.maximum(kr, 1e-3)
    index = np.arange(N_DIRECTIONS) + 0.5
    elevation = np.degrees(np.arcsin(1 - 2 * index / N_DIRECTIONS))
    directions = _unit_vectors(np.degrees(math.pi * (1 + 5**0.5) * index), elevation)
    cosine = directions @ capsules.T
    orders = range(int(np.ceil(kr.max())) + 8)
    pressure = np.zeros((*cosine.shape, len(kr)), np.complex128)
    before, legendre = np.zeros_like(cosine), np.ones_like(cosine)
    with np.errstate(all="ignore"):  # high orders overflow at low frequencies, where they contribute nothing
        for n in orders:
            radial = _radial(n, kr)
            pressure += (2 * n + 1) * legendre[..., None] * np.where(np.isfinite(radial), radial, 0)
            before, legendre = legendre, ((2 * n + 1) * cosine * legendre - n * before) / (n + 1)
    energies = np.abs(pressure) ** 2
    mean = energies.mean(axis=1)
    along = np.einsum("dk,kc,dcf->df", directions, np.linalg.pinv(capsules), energies)
    length = (along / mean).mean(axis=0)
    return (1 / mean.mean(axis=0)).astype(np.float32), np.maximum(length, 1e-3).astype(np.float32)
