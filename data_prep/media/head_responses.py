"""Responses of a head: measured ones from a SOFA file, or those of a sphere with two ears."""

import logging
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import soxr
from scipy.fft import irfft, next_fast_len, rfftfreq

from avseld.base.errors import BadInput
from avseld.io.geometry import unit_vector
from data_prep.sphere import on_sphere

EAR_AZIMUTH_DEG = 100.0
"""ears lie a little behind the middle (V. R. Algazi et al., JASA 109, 2001)"""
HEAD_RADIUS = 0.0875
"""metres (R. O. Duda and W. L. Martens, JASA 104, 1998)"""


log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Head:
    """What two ears hear of a pulse from several directions; ear 0 is the left one."""

    directions: np.ndarray
    """(direction, 3) unit vectors, x front, y left, z up"""
    responses: np.ndarray
    """(direction, ear, sample)"""
    sample_rate: int

    def nearest(self, directions: np.ndarray) -> np.ndarray:
        """Index of the measured direction that is nearest to each of some directions (n, 3)."""
        return np.argmax(directions @ self.directions.T, axis=1)


def read_sofa(path: Path | str, sample_rate: int) -> Head:
    """Read a SOFA file (AES69, SimpleFreeFieldHRIR) at a sample rate.

    Args:
        path: the file.
        sample_rate: Hz, to which the responses are resampled.

    Raises:
        BadInput: missing, no SOFA file of two ears, or without directions.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: not found; give a SOFA file of head responses")
    try:
        with h5py.File(path, "r") as file:
            responses = np.asarray(file["Data.IR"], float)
            rate = float(np.ravel(file["Data.SamplingRate"])[0])
            position = np.asarray(file["SourcePosition"], float)
            kind = file["SourcePosition"].attrs.get("Type", b"spherical")
            delay = np.asarray(file["Data.Delay"], float) if "Data.Delay" in file else np.zeros((1, 2))
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise BadInput(f"{path}: no readable SOFA file ({error}); give head responses as SOFA") from error
    if responses.ndim != 3 or responses.shape[1] != 2 or len(position) != len(responses) or not rate > 0:
        raise BadInput(
            f"{path}: responses {responses.shape} of {len(position)} directions are not those of two ears; "
            "give a SimpleFreeFieldHRIR"
        )
    if not (np.isfinite(responses).all() and np.isfinite(position).all()):
        raise BadInput(f"{path}: holds values that are not finite; give another file")
    spherical = (kind.decode() if isinstance(kind, bytes) else str(kind)).lower() == "spherical"
    if spherical:
        directions = unit_vector(position[:, 0], position[:, 1])
    else:
        directions = position / np.linalg.norm(position, axis=1, keepdims=True)
    if _is_mirrored(directions, responses):
        log.warning(
            "%s: the far ear is the louder one, so its azimuths run clockwise; they are mirrored", path
        )
        directions = directions * [1, -1, 1]
    responses = _delayed(responses, np.broadcast_to(delay, responses.shape[:2]))
    if rate != sample_rate:
        flat = responses.reshape(-1, responses.shape[-1]).T
        responses = soxr.resample(flat, rate, sample_rate).T.reshape(*responses.shape[:2], -1)
        responses = responses * (rate / sample_rate)
    return Head(directions, responses, sample_rate)


def spherical_head(sample_rate: int, directions: np.ndarray, n_samples: int = 256) -> Head:
    """Responses of a rigid sphere with two ears on it, from some directions.

    Args:
        sample_rate: Hz.
        directions: (direction, 3) unit vectors.
        n_samples: of a response; the middle of the head is heard after an eighth of it.
    """
    frequency = rfftfreq(n_samples, 1 / sample_rate)
    ears = unit_vector(np.array([EAR_AZIMUTH_DEG, -EAR_AZIMUTH_DEG]), np.zeros(2))
    cosine = np.clip(directions @ ears.T, -1, 1)  # (direction, ear)
    spectrum = on_sphere(cosine.ravel(), frequency, HEAD_RADIUS, order=45).reshape(*cosine.shape, -1)
    turn = np.exp(-2j * np.pi * frequency * (n_samples // 8) / sample_rate)
    return Head(directions, irfft(spectrum * turn, n_samples), sample_rate)


def _is_mirrored(directions: np.ndarray, responses: np.ndarray) -> bool:
    """Whether sounds from the left are louder in the right ear: some files count azimuths the other way round."""
    level = np.log(np.square(responses).sum(axis=-1) + 1e-12)
    aside = np.abs(directions[:, 1]) > 0.3
    return bool(((level[:, 0] - level[:, 1]) * directions[:, 1])[aside].sum() < 0)


def _delayed(responses: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """Responses (direction, ear, sample), each later by so many samples (direction, ear)."""
    if not delay.any():
        return responses
    whole = np.round(delay).astype(int)
    length = responses.shape[-1] + int(whole.max())
    later = np.zeros((*responses.shape[:2], next_fast_len(length)))
    for place in np.ndindex(*responses.shape[:2]):
        later[place][whole[place] : whole[place] + responses.shape[-1]] = responses[place]
    return later
