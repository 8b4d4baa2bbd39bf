"""Receivers that hear each direction through a filter of its own: microphones on a sphere, ears on a head.

Image sources are gathered on a grid of directions, whose filters are then applied once each; the direct sound and the
first reflections keep their exact directions. Diffuse sound gets the coherence between channels that a field from
everywhere has behind these filters.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.fft import irfft, rfft, rfftfreq

from avseld.io.formats import FORMATS
from avseld.io.geometry import unit_vector
from data_prep.media.head_responses import EAR_AZIMUTH_DEG, HEAD_RADIUS, read_sofa
from data_prep.sphere import on_sphere
from data_prep.synth.sounds.classes import SAMPLE_RATE

GRID = 240
"""directions, some 7 degrees from one to the next"""
TABLE_DEG = 1.0
FFT = 8192
"""samples of a response's transform: a third of a second, more than the images last"""


@lru_cache(maxsize=1)
def grid() -> np.ndarray:
    """Directions (GRID, 3) spread evenly over the sphere (Fibonacci lattice)."""
    index = np.arange(GRID) + 0.5
    height = 1 - 2 * index / GRID
    angle = np.pi * (1 + 5**0.5) * index
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), height], axis=1)


@dataclass(frozen=True)
class OnSphere:
    """Pressure at some places of a rigid sphere.

    Args of the constructor:
        places: azimuth and elevation of each channel, degrees.
        radius: metres.
        order: of the series.
    """

    places: tuple[tuple[float, float], ...]
    radius: float
    order: int = 30

    @property
    def channels(self) -> int:
        """How many."""
        return len(self.places)

    def spectra(self, directions: np.ndarray, n_fft: int) -> np.ndarray:
        """What each channel hears of waves from some directions.

        Args:
            directions: (n, 3) unit vectors.
            n_fft: samples of the transform.

        Returns:
            (n, channel, n_fft // 2 + 1) complex, relative to the middle of the sphere.
        """
        places = unit_vector(*np.array(self.places, float).T)
        angle = np.degrees(np.arccos(np.clip(directions @ places.T, -1, 1))) / TABLE_DEG
        low = np.minimum(angle.astype(int), round(180 / TABLE_DEG) - 1)
        part = (angle - low)[..., None].astype(np.float32)
        table = _table(self.radius, self.order, n_fft)
        return table[low] * (1 - part) + table[low + 1] * part


@lru_cache(maxsize=4)
def _table(radius: float, order: int, n_fft: int) -> np.ndarray:
    cosine = np.cos(np.radians(np.arange(0, 180 + TABLE_DEG / 2, TABLE_DEG)))
    return on_sphere(cosine, rfftfreq(n_fft, 1 / SAMPLE_RATE), radius, order).astype(np.complex64)


@dataclass(frozen=True)
class Ears:
    """Two measured ears; a direction that was not measured is heard as the nearest one that was.

    Args of the constructor:
        sofa: path of the SOFA file.
    """

    sofa: str
    channels: int = field(default=2, init=False)

    def spectra(self, directions: np.ndarray, n_fft: int) -> np.ndarray:
        """As for `OnSphere`; the measurement's own travel time is taken out."""
        table, measured = _measured(self.sofa, n_fft)
        return table[np.argmax(directions @ measured.T, axis=1)]


@lru_cache(maxsize=2)
def _measured(sofa: str, n_fft: int) -> tuple[np.ndarray, np.ndarray]:
    head = read_sofa(Path(sofa), SAMPLE_RATE)
    first = int(np.abs(head.responses).max(axis=(0, 1)).argmax())
    level = np.sqrt(np.square(head.responses).sum(axis=-1).mean())
    kept = head.responses[..., :n_fft] / level
    turn = np.exp(2j * np.pi * rfftfreq(n_fft) * max(first - 8, 0))
    return (rfft(kept, n_fft) * turn).astype(np.complex64), head.directions


SPHERICAL_HEAD = OnSphere(((EAR_AZIMUTH_DEG, 0.0), (-EAR_AZIMUTH_DEG, 0.0)), HEAD_RADIUS, 45)
TETRAHEDRON = OnSphere(FORMATS["mic"].capsules_deg, FORMATS["mic"].radius)
Receiver = OnSphere | Ears


def early_response(
    receiver: Receiver, images: np.ndarray, gains: np.ndarray, exact: np.ndarray, length: int, speed: float
) -> np.ndarray:
    """Response to a source whose images are given.

    Args:
        receiver: the channels.
        images: (image, 3) metres from the receiver.
        gains: (image,) at 1 m.
        exact: (image,) whether an image keeps its own direction; the others take the nearest of the grid.
        length: samples; later images are left out.
        speed: of sound, metres a second.

    Returns:
        (channel, sample) float32.
    """
    distance = np.linalg.norm(images, axis=1)
    kept = distance / speed * SAMPLE_RATE < length - 1
    images, distance, exact = images[kept], distance[kept], exact[kept]
    gains = gains[kept] / distance
    directions = images / distance[:, None]
    time = distance / speed
    spectrum = np.zeros((receiver.channels, FFT // 2 + 1), np.complex64)
    frequency = rfftfreq(FFT, 1 / SAMPLE_RATE)
    own = np.flatnonzero(exact)
    arrival = gains[own, None] * np.exp(-2j * np.pi * frequency * time[own, None])
    spectrum += np.einsum("if,icf->cf", arrival.astype(np.complex64), receiver.spectra(directions[own], FFT))
    rest = np.flatnonzero(~exact)
    place = np.argmax(directions[rest] @ grid().T, axis=1)
    # Two neighbouring samples share an image by its place between them: a triangle, some 3 dB down at 10 kHz, which
    # late reflections off real walls are anyway.
    sample = time[rest] * SAMPLE_RATE
    whole = sample.astype(int)
    part = sample - whole
    trains = np.zeros((GRID, length), np.float32)
    np.add.at(trains, (place, whole), gains[rest] * (1 - part))
    np.add.at(trains, (place, whole + 1), gains[rest] * part)
    spectrum += np.einsum("kf,kcf->cf", rfft(trains, FFT, axis=1), _grid_spectra(receiver))
    return irfft(spectrum, FFT)[:, :length].astype(np.float32)


@lru_cache(maxsize=4)
def _grid_spectra(receiver: Receiver) -> np.ndarray:
    return receiver.spectra(grid(), FFT).astype(np.complex64)


@lru_cache(maxsize=4)
def _mixing(receiver: Receiver) -> np.ndarray:
    """(frequency, channel, channel): what makes of independent channels a diffuse field's, on a coarse axis."""
    spectra = receiver.spectra(grid(), 512)
    covariance = np.einsum("kcf,kdf->fcd", spectra, spectra.conj()) / GRID
    return np.linalg.cholesky(covariance + 1e-6 * np.eye(receiver.channels))


def diffuse_field(receiver: Receiver, white: np.ndarray) -> np.ndarray:
    """Make of independent noises (channel, sample) of power 1 a field that comes from everywhere."""
    n_samples = white.shape[1]
    frequency = rfftfreq(n_samples, 1 / SAMPLE_RATE)
    coarse = rfftfreq(512, 1 / SAMPLE_RATE)
    spectrum = rfft(white)
    mixed = np.zeros_like(spectrum)
    mixing = _mixing(receiver)
    for row in range(receiver.channels):
        for column in range(row + 1):
            gain = np.interp(frequency, coarse, mixing[:, row, column].real)
            gain = gain + 1j * np.interp(frequency, coarse, mixing[:, row, column].imag)
            mixed[row] += gain * spectrum[column]
    return irfft(mixed, n_samples).astype(np.float32)
