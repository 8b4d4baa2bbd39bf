"""The sound field around the microphones of a rigid spherical array, in the features of `sound_field`."""

import numpy as np
import torch
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.base.physics import EIGENMIKE_RADIUS_M, SPEED_OF_SOUND_M_S, TETRAHEDRON_DEG
from avseld.base.sphere import fibonacci_sphere, on_sphere, radial_filter, unit_vector
from avseld.features.mel import FLOOR
from avseld.features.sound_field import SoundField, sound_field_energies

ENCODING_LIMIT = 1.6
"""kr up to which the array encodes first-order ambisonics, 2.1 kHz for the array of STARSS23: there both methods err by
about 10 degrees; above, the error of encoding grows to 60 degrees, that of the energies stays below 6"""
REGULARIZATION = 0.05
"""added to the radial filters: their inverse amplifies noise by 20 dB at most"""
N_DIRECTIONS = 500
"""directions over which the response of the array to a plane wave is averaged"""


class ArraySoundField(SoundField):
    """Levels and intensity of every mel band as `sound_field` gives them, from four microphones on a rigid sphere.

    Up to `ENCODING_LIMIT` the spectra are encoded as first-order ambisonics: the modes of the sphere are divided by
    their radial filters (B. Rafaely, Fundamentals of Spherical Array Processing, 2015, section 4.3). Above, where
    four microphones no longer resolve the modes, the sphere shades those that face away from the source, and
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
        capsules = unit_vector(*np.array(TETRAHEDRON_DEG).T)
        if n_channels != len(capsules):
            raise BadInput(
                f"array_sound_field takes the 4 microphones of the array, not {n_channels} channels; "
                "use amplitude_ipd instead"
            )
        super().__init__(n_channels, sample_rate, n_fft, hop, n_mels, pad_mode)
        frequency = np.fft.rfftfreq(n_fft, 1 / sample_rate)
        kr = 2 * np.pi * frequency * EIGENMIKE_RADIUS_M / SPEED_OF_SOUND_M_S
        gain, length = _plane_wave_energies(capsules, frequency)
        buffers = {
            "encoding": _encoding(capsules, kr),
            "high": kr > ENCODING_LIMIT,
            "pressure_gain": gain,
            "inverse_length": 1 / length,
            "from_energies": np.linalg.pinv(capsules).astype(np.float32),
        }
        for name, values in buffers.items():
            self.register_buffer(name, torch.from_numpy(values), persistent=False)

    def energies(self, spectrum: Tensor) -> Tensor:
        """Compute energies and intensities as `SoundField.energies`, from the spectra of the microphones.

        Args:
            spectrum: (batch, channel, frame, bin), channels in the order of `avseld.base.physics.TETRAHEDRON_DEG`.
        """
        low = self._by_encoding(spectrum)
        high = self._by_energies(spectrum.real.square() + spectrum.imag.square())
        return torch.where(self.high, high, low)

    def _by_encoding(self, spectrum: Tensor) -> Tensor:
        """Compute (batch, 6, frame, bin) energies and intensities z x y from encoded ambisonics."""
        pressure, x, y, z = torch.einsum("ocf,bctf->botf", self.encoding, spectrum).unbind(dim=1)
        return sound_field_energies(pressure, y, z, x)

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


def _encoding(capsules: np.ndarray, kr: np.ndarray) -> np.ndarray:
    """Compute the filters (W X Y Z, microphone, bin) that encode first-order ambisonics (SN3D), complex64.

    A plane wave from u has pressure b0 + 3 b1 (c . u) at the microphone in direction c, up to the first order.
    """
    kr = np.maximum(kr, 1e-3)
    inverse = [
        b.conj() / (np.abs(b) ** 2 + REGULARIZATION**2)
        for b in (radial_filter(0, kr), 3 * radial_filter(1, kr))
    ]
    mean = np.full((1, len(capsules), 1), 1 / len(capsules)) * inverse[0]
    dipoles = np.linalg.pinv(capsules)[:, :, None] * inverse[1]
    return np.concatenate([mean, dipoles]).astype(np.complex64)


def _plane_wave_energies(capsules: np.ndarray, frequency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average over directions what the energies of the microphones are in a plane wave of pressure 1.

    Returns:
        Gain that makes their mean 1, and length of their vector by that mean, (bin,) float32 each.
    """
    directions = fibonacci_sphere(N_DIRECTIONS)
    cosine = directions @ capsules.T
    pressure = on_sphere(cosine.ravel(), frequency, EIGENMIKE_RADIUS_M).reshape(*cosine.shape, -1)
    energies = np.abs(pressure) ** 2
    mean = energies.mean(axis=1)
    along = np.einsum("dk,kc,dcf->df", directions, np.linalg.pinv(capsules), energies)
    length = (along / mean).mean(axis=0)
    return (1 / mean.mean(axis=0)).astype(np.float32), np.maximum(length, 1e-3).astype(np.float32)
