"""Mel filterbanks on two scales, and levels in decibels."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from avseld.base.errors import BadInput
from avseld.base.feature_maps import BinAxis
from avseld.features.spectral import frequency_axis

FLOOR = 1e-10
"""smallest power: -100 dB"""
LINEAR_STEP_HZ = 200 / 3
BREAK_HZ = 1000.0
LOG_STEP = np.log(6.4) / 27
"""of the Slaney scale: a mel below the break, the break, and the logarithm of a mel's ratio above it"""
HTK_MELS, HTK_BREAK_HZ = 2595.0, 700.0
"""of the HTK scale: mels of a tenfold frequency far above the break, and the break"""


class Mel(nn.Module):
    """Mel filterbank: triangular bands, equally wide on a mel scale and of equal area (librosa's default).

    Args:
        sample_rate: Hz.
        n_fft: transform, samples.
        n_mels: bands.
        low_hz: lower edge of the lowest band.
        high_hz: upper edge of the highest band; half the sample rate if None.
        scale: slaney or htk, see `SCALES`.

    Raises:
        BadInput: a band without a bin, an unknown scale, or a highest edge that isn't above the lowest; says which.
    """

    bands: Tensor

    def __init__(
        self,
        sample_rate: int,
        n_fft: int,
        n_mels: int,
        low_hz: float = 0.0,
        high_hz: float | None = None,
        scale: str = "slaney",
    ) -> None:
        super().__init__()
        self.n_bins = n_mels
        self.axis: BinAxis = frequency_axis(mel_edges(sample_rate, n_mels, low_hz, high_hz, scale)[1:-1])
        bands = torch.from_numpy(mel_filters(sample_rate, n_fft, n_mels, low_hz, high_hz, scale))
        if (bands.sum(dim=1) == 0).any():
            if high_hz is not None and high_hz > sample_rate / 2:
                raise BadInput(
                    f"mel bands up to {high_hz:g} Hz: recordings of {sample_rate} Hz end at {sample_rate / 2:g} Hz; "
                    "lower high_hz, or raise sample_rate"
                )
            raise BadInput(f"{n_mels} mel bands are too many for a transform of {n_fft}; lengthen n_fft")
        self.register_buffer("bands", bands.T.contiguous(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Sum (..., bin) into (..., band)."""
        return x @ self.bands


def mel_filters(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    scale: str = "slaney",
) -> np.ndarray:
    """Compute triangular mel filters, each of area 2 (so of equal energy in white noise).

    They equal those of librosa.filters.mel (htk=True for the scale htk), whose import takes longer than PyTorch's.

    Args:
        sample_rate: Hz.
        n_fft: transform, samples.
        n_mels: bands.
        low_hz: lower edge of the lowest band.
        high_hz: upper edge of the highest band; half the sample rate if None.
        scale: slaney or htk, see `SCALES`.

    Returns:
        (band, bin = n_fft / 2 + 1) float32; rows of zeros where a band is narrower than the distance of two bins.

    Raises:
        BadInput: the highest edge is not above the lowest, or an unknown scale.
    """
    edges = mel_edges(sample_rate, n_mels, low_hz, high_hz, scale)
    distance = edges[:, None] - np.fft.rfftfreq(n_fft, 1 / sample_rate)
    width = np.diff(edges)[:, None]
    rising, falling = -distance[:-2] / width[:-1], distance[2:] / width[1:]
    triangles = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def mel_edges(
    sample_rate: int,
    n_mels: int,
    low_hz: float = 0.0,
    high_hz: float | None = None,
    scale: str = "slaney",
) -> np.ndarray:
    """Compute the edges of mel bands: (band + 2,) Hz; each band rises from one edge to the next and falls to the third.

    Arguments and errors as for `mel_filters`.
    """
    top = sample_rate / 2 if high_hz is None else high_hz
    if top <= low_hz:
        raise BadInput(f"mel bands from {low_hz:g} to {top:g} Hz; low_hz must be below high_hz")
    if scale not in SCALES:
        raise BadInput(f"scale: '{scale}' is none of {', '.join(SCALES)}")
    to_mel, to_hz = SCALES[scale]
    return to_hz(np.linspace(to_mel(low_hz), to_mel(top), n_mels + 2))


def hz_to_mel(frequency: ArrayLike) -> np.ndarray:
    """Convert Hz to mel on the scale of M. Slaney, Auditory Toolbox, 1998: linear to 1 kHz, logarithmic above."""
    frequency = np.asarray(frequency, float)
    above = np.log(np.maximum(frequency, BREAK_HZ) / BREAK_HZ) / LOG_STEP
    return np.minimum(frequency, BREAK_HZ) / LINEAR_STEP_HZ + above


def mel_to_hz(mel: ArrayLike) -> np.ndarray:
    """Convert mel to Hz, the inverse of `hz_to_mel`."""
    mel = np.asarray(mel, float)
    break_mel = BREAK_HZ / LINEAR_STEP_HZ
    return np.minimum(mel, break_mel) * LINEAR_STEP_HZ * np.exp(np.maximum(mel - break_mel, 0) * LOG_STEP)


def hz_to_htk_mel(frequency: ArrayLike) -> np.ndarray:
    """Convert Hz to mel on the scale of the HTK Book (S. Young et al., Cambridge University): one logarithm."""
    return HTK_MELS * np.log10(1 + np.asarray(frequency, float) / HTK_BREAK_HZ)


def htk_mel_to_hz(mel: ArrayLike) -> np.ndarray:
    """Convert mel to Hz, the inverse of `hz_to_htk_mel`."""
    return HTK_BREAK_HZ * (10 ** (np.asarray(mel, float) / HTK_MELS) - 1)


SCALES: dict[str, tuple[Callable[[ArrayLike], np.ndarray], Callable[[ArrayLike], np.ndarray]]] = {
    "slaney": (hz_to_mel, mel_to_hz),
    "htk": (hz_to_htk_mel, htk_mel_to_hz),
}
"""mel scale -> functions from Hz to mel and back"""


def decibel(power: Tensor, top_db: float | None = None) -> Tensor:
    """Compute levels in decibels, at least -100 dB.

    Args:
        power: (batch, channel, frame, bin).
        top_db: raise levels to at least this far below the maximum of their channel in `power`, decibels (the
            published systems do so for whole recordings); None does not.

    Returns:
        The same shape.
    """
    level = 10 * torch.log10(power.clamp(min=FLOOR))
    return level if top_db is None else level.maximum(level.amax(dim=(2, 3), keepdim=True) - top_db)
