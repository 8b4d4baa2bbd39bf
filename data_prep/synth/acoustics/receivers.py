"""Receivers whose response to a direction is a filter: microphones on a rigid sphere, measured heads.

The direct sound and the first reflections are filtered for their exact directions. Later image sources are gathered
on a grid of directions, each of which is filtered once. Diffuse sound gets the coherence between channels that these
filters have in a diffuse field.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.fft import irfft, rfft, rfftfreq

from avseld.base.physics import EIGENMIKE_RADIUS_M, SPEED_OF_SOUND_M_S
from avseld.base.sphere import fibonacci_sphere, on_sphere
from avseld.directions.eigenmike import CAPSULES_DEG, capsule_positions
from avseld.io.formats import FORMATS
from avseld.io.geometry import unit_vector
from data_prep.media.head_responses import EAR_AZIMUTH_DEG, HEAD_ORDER, HEAD_RADIUS_M, read_sofa
from data_prep.synth.sounds.classes import SAMPLE_RATE

N_GRID_DIRECTIONS = 240
"""spaced by about 13 degrees; a direction is 5 degrees from its nearest one on average, 10 at most"""
TABLE_STEP_DEG = 1.0
"""angular step of the tabulated sphere response, which is interpolated linearly"""
N_FFT = 8192
"""samples of an early response, 0.34 s; the image sources of the rooms that are drawn last 0.14 s at most"""
N_FFT_COHERENCE = 512
"""samples; resolution of 47 Hz of the diffuse coherence, which is a smooth function of frequency"""
COHERENCE_FLOOR = 1e-6
"""power of independent noise in each of up to eight channels, by that of the diffuse field"""
SPHERE_ORDER = 30
"""order of the series for the array, well above kr = 9 at 12 kHz"""
PRE_ONSET_SAMPLES = 8
"""samples kept before the peak of measured head responses"""


@lru_cache(maxsize=1)
def direction_grid() -> np.ndarray:
    """Return the grid of directions, (direction, 3) unit vectors."""
    return fibonacci_sphere(N_GRID_DIRECTIONS)


@dataclass(frozen=True)
class SphericalArray:
    """Omnidirectional microphones on a rigid sphere.

    Args:
        capsules_deg: azimuth and elevation of each microphone, degrees.
        radius_m: of the sphere.
        order: order of the series of spherical harmonics.
    """

    capsules_deg: tuple[tuple[float, float], ...]
    radius_m: float
    order: int = SPHERE_ORDER

    @property
    def channels(self) -> int:
        """Return the number of channels."""
        return len(self.capsules_deg)

    def spectra(self, directions: np.ndarray, n_fft: int) -> np.ndarray:
        """Compute the transfer functions of plane waves to the channels.

        Args:
            directions: (direction, 3) unit vectors towards the sources.
            n_fft: samples of the transform.

        Returns:
            (direction, channel, n_fft // 2 + 1) complex, relative to the free field at the centre of the sphere.
        """
        capsules = unit_vector(*np.array(self.capsules_deg, float).T)
        angle = np.degrees(np.arccos(np.clip(directions @ capsules.T, -1, 1))) / TABLE_STEP_DEG
        low = np.minimum(angle.astype(int), round(180 / TABLE_STEP_DEG) - 1)
        part = (angle - low)[..., None].astype(np.float32)
        table = _sphere_table(self.radius_m, self.order, n_fft)
        return table[low] * (1 - part) + table[low + 1] * part


@dataclass(frozen=True)
class OpenArray:
    """Omnidirectional microphones in the free field: nothing scatters the sound.

    Args:
        positions_m: x (front), y (left), z (up) of each microphone from the centre, metres.
    """

    positions_m: tuple[tuple[float, float, float], ...]

    @property
    def channels(self) -> int:
        """Return the number of channels."""
        return len(self.positions_m)

    def spectra(self, directions: np.ndarray, n_fft: int) -> np.ndarray:
        """Compute transfer functions as `SphericalArray.spectra` does: the delays between the microphones."""
        advance = directions @ np.array(self.positions_m).T / SPEED_OF_SOUND_M_S
        phase = 2j * np.pi * rfftfreq(n_fft, 1 / SAMPLE_RATE) * advance[..., None]
        return np.exp(phase).astype(np.complex64)


@lru_cache(maxsize=4)
def _sphere_table(radius_m: float, order: int, n_fft: int) -> np.ndarray:
    cosine = np.cos(np.radians(np.arange(0, 180 + TABLE_STEP_DEG / 2, TABLE_STEP_DEG)))
    return on_sphere(cosine, rfftfreq(n_fft, 1 / SAMPLE_RATE), radius_m, order).astype(np.complex64)


@dataclass(frozen=True)
class MeasuredHead:
    """A measured head; a direction takes the response of the nearest measured direction.

    Args:
        sofa: path of the SOFA file.
    """

    sofa: str
    channels: int = field(default=2, init=False)

    def spectra(self, directions: np.ndarray, n_fft: int) -> np.ndarray:
        """Compute transfer functions as `SphericalArray.spectra` does; the delay of the measurement is removed."""
        table, measured = _measured_table(self.sofa, n_fft)
        return table[np.argmax(directions @ measured.T, axis=1)]


@lru_cache(maxsize=2)
def _measured_table(sofa: str, n_fft: int) -> tuple[np.ndarray, np.ndarray]:
    head = read_sofa(Path(sofa), SAMPLE_RATE)
    peak = int(np.abs(head.responses).max(axis=(0, 1)).argmax())
    level = np.sqrt(np.square(head.responses).sum(axis=-1).mean())
    kept = head.responses[..., :n_fft] / level
    advance = np.exp(2j * np.pi * rfftfreq(n_fft) * max(peak - PRE_ONSET_SAMPLES, 0))
    return (rfft(kept, n_fft) * advance).astype(np.complex64), head.directions


SPHERICAL_HEAD = SphericalArray(((EAR_AZIMUTH_DEG, 0.0), (-EAR_AZIMUTH_DEG, 0.0)), HEAD_RADIUS_M, HEAD_ORDER)
TETRAHEDRAL_ARRAY = SphericalArray(FORMATS["mic"].capsules_deg, FORMATS["mic"].radius)
N_CIRCLE, CIRCLE_RADIUS_M = 8, 0.05
"""microphones of the circular array of TUT Sound Events 2018, every 45 degrees from the front, and its radius"""
CIRCULAR_ARRAY = OpenArray(
    tuple(
        (CIRCLE_RADIUS_M * np.cos(angle), CIRCLE_RADIUS_M * np.sin(angle), 0.0)
        for angle in 2 * np.pi * np.arange(N_CIRCLE) / N_CIRCLE
    )
)
EIGENMIKE = SphericalArray(CAPSULES_DEG, EIGENMIKE_RADIUS_M)
OPEN_EIGENMIKE = OpenArray(tuple(map(tuple, capsule_positions().tolist())))
"""the same capsules without the sphere: what the labels of DCASE2026 suppose"""
Receiver = SphericalArray | MeasuredHead | OpenArray


def early_response(
    receiver: Receiver, images: np.ndarray, gains: np.ndarray, exact: np.ndarray, length: int
) -> np.ndarray:
    """Compute the response of a receiver to a set of image sources.

    Args:
        receiver: the channels.
        images: (image, 3) metres from the receiver.
        gains: (image,) at 1 m.
        exact: (image,) bool: filter for the image's own direction; the others take the nearest grid direction.
        length: samples; images that arrive later are left out.

    Returns:
        (channel, sample) float32.
    """
    distance = np.linalg.norm(images, axis=1)
    kept = distance / SPEED_OF_SOUND_M_S * SAMPLE_RATE < length - 1
    images, distance, exact = images[kept], distance[kept], exact[kept]
    gains = gains[kept] / distance
    directions = images / distance[:, None]
    time = distance / SPEED_OF_SOUND_M_S
    spectrum = np.zeros((receiver.channels, N_FFT // 2 + 1), np.complex64)
    frequency = rfftfreq(N_FFT, 1 / SAMPLE_RATE)
    own = np.flatnonzero(exact)
    arrival = gains[own, None] * np.exp(-2j * np.pi * frequency * time[own, None])
    filters = receiver.spectra(directions[own], N_FFT)
    spectrum += np.einsum("if,icf->cf", arrival.astype(np.complex64), filters)
    rest = np.flatnonzero(~exact)
    cell = np.argmax(directions[rest] @ direction_grid().T, axis=1)
    # Linear interpolation between two samples loses some 3 dB at 10 kHz, which is acceptable for late reflections:
    # real walls absorb more than that.
    sample = time[rest] * SAMPLE_RATE
    whole = sample.astype(int)
    part = sample - whole
    trains = np.zeros((N_GRID_DIRECTIONS, length), np.float32)
    np.add.at(trains, (cell, whole), gains[rest] * (1 - part))
    np.add.at(trains, (cell, whole + 1), gains[rest] * part)
    spectrum += np.einsum("kf,kcf->cf", rfft(trains, N_FFT, axis=1), _grid_spectra(receiver))
    return irfft(spectrum, N_FFT)[:, :length].astype(np.float32)


@lru_cache(maxsize=4)
def _grid_spectra(receiver: Receiver) -> np.ndarray:
    return receiver.spectra(direction_grid(), N_FFT).astype(np.complex64)


@lru_cache(maxsize=4)
def _coherence_factor(receiver: Receiver) -> np.ndarray:
    """Factor the diffuse covariance: (frequency, channel, channel), applied to independent channels."""
    spectra = receiver.spectra(direction_grid(), N_FFT_COHERENCE)
    covariance = np.einsum("kcf,kdf->fcd", spectra, spectra.conj()) / N_GRID_DIRECTIONS
    # Single precision leaves errors that grow with the matrix; at low frequencies all channels are nearly the same.
    floor = COHERENCE_FLOOR * max(1, receiver.channels / 8)
    return np.linalg.cholesky(covariance + floor * np.eye(receiver.channels))


def diffuse_field(receiver: Receiver, white: np.ndarray) -> np.ndarray:
    """Turn independent noises into the channels of a diffuse field.

    Args:
        receiver: the channels.
        white: (channel, sample) of power 1.

    Returns:
        (channel, sample) float32.
    """
    n_samples = white.shape[1]
    frequency = rfftfreq(n_samples, 1 / SAMPLE_RATE)
    coarse = rfftfreq(N_FFT_COHERENCE, 1 / SAMPLE_RATE)
    spectrum = rfft(white)
    mixed = np.zeros_like(spectrum)
    factor = _coherence_factor(receiver)
    for row in range(receiver.channels):
        for column in range(row + 1):
            gain = np.interp(frequency, coarse, factor[:, row, column].real)
            gain = gain + 1j * np.interp(frequency, coarse, factor[:, row, column].imag)
            mixed[row] += gain * spectrum[column]
    return irfft(mixed, n_samples).astype(np.float32)
