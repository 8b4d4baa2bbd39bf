"""Head-related impulse responses: measured ones of a SOFA file, or those of a rigid sphere with two ears."""

import logging
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import soxr
from scipy.fft import irfft, next_fast_len, rfftfreq

from avseld.base.errors import BadInput
from avseld.base.files import require_file
from avseld.base.sphere import on_sphere
from avseld.io.geometry import unit_vector

EAR_AZIMUTH_DEG = 100.0
"""ears are a little behind the middle (V. R. Algazi et al., JASA 109, 2001)"""
HEAD_RADIUS_M = 0.0875
"""R. O. Duda and W. L. Martens, JASA 104, 1998"""
HEAD_ORDER = 45
"""order of the series of the sphere; enough up to 20 kHz, where kr is 32"""
LATERAL = 0.3
"""|y| of a direction from which the nearer ear is clearly louder"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class HeadResponses:
    """Impulse responses of two ears for several directions; ear 0 is the left one."""

    directions: np.ndarray
    """(direction, 3) unit vectors, x front, y left, z up"""
    responses: np.ndarray
    """(direction, ear, sample)"""
    sample_rate: int

    def nearest(self, directions: np.ndarray) -> np.ndarray:
        """Find the index of the measured direction that is nearest to each of some directions (n, 3)."""
        return np.argmax(directions @ self.directions.T, axis=1)


def read_sofa(path: Path | str, sample_rate: int) -> HeadResponses:
    """Read a SOFA file (AES69, SimpleFreeFieldHRIR) at a sample rate.

    Args:
        path: the file.
        sample_rate: Hz, to which the responses are resampled.

    Raises:
        BadInput: missing, not a SOFA file of two ears, or without directions in spherical or Cartesian coordinates.
    """
    path = Path(path)
    require_file(path, "give a SOFA file of head responses")
    try:
        with h5py.File(path, "r") as file:
            responses = np.asarray(file["Data.IR"], float)
            rate = float(np.ravel(file["Data.SamplingRate"])[0])
            position = np.asarray(file["SourcePosition"], float)
            kind = _words(file["SourcePosition"].attrs, "Type"), _words(file["SourcePosition"].attrs, "Units")
            delay = np.asarray(file["Data.Delay"], float) if "Data.Delay" in file else np.zeros((1, 2))
            if _right_ear_first(file):
                responses, delay = responses[:, ::-1], delay[:, ::-1]
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise BadInput(f"{path}: no readable SOFA file ({error}); give head responses as SOFA") from error
    if responses.ndim != 3 or responses.shape[1] != 2 or len(position) != len(responses) or not rate > 0:
        raise BadInput(
            f"{path}: responses {responses.shape} of {len(position)} directions are not those of two ears; "
            "give a SimpleFreeFieldHRIR"
        )
    if not all(np.isfinite(values).all() for values in (responses, position, delay)):
        raise BadInput(f"{path}: holds values that are not finite; give another file")
    if (
        delay.ndim != 2
        or delay.shape[0] not in (1, len(responses))
        or delay.shape[1] != 2
        or (delay < 0).any()
    ):
        raise BadInput(f"{path}: Data.Delay {delay.shape} is no delay of each ear; give another file")
    directions = _directions(path, position, *kind)
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
    return HeadResponses(directions, responses, sample_rate)


def spherical_head(sample_rate: int, directions: np.ndarray, n_samples: int = 256) -> HeadResponses:
    """Compute the impulse responses of a rigid sphere with two ears.

    Args:
        sample_rate: Hz.
        directions: (direction, 3) unit vectors.
        n_samples: length of a response; the delay to the centre of the head is an eighth of it.
    """
    frequency = rfftfreq(n_samples, 1 / sample_rate)
    ears = unit_vector(np.array([EAR_AZIMUTH_DEG, -EAR_AZIMUTH_DEG]), np.zeros(2))
    cosine = np.clip(directions @ ears.T, -1, 1)  # (direction, ear)
    spectrum = on_sphere(cosine.ravel(), frequency, HEAD_RADIUS_M, order=HEAD_ORDER).reshape(
        *cosine.shape, -1
    )
    turn = np.exp(-2j * np.pi * frequency * (n_samples // 8) / sample_rate)
    return HeadResponses(directions, irfft(spectrum * turn, n_samples), sample_rate)


def _words(attributes: h5py.AttributeManager, name: str) -> str:
    """Return an attribute of text in lower case, whatever the library wrote: text, bytes or an array."""
    value = attributes.get(name, "")
    while isinstance(value, np.ndarray | list | tuple):
        value = (
            value.item() if isinstance(value, np.ndarray) and value.size == 1 else "".join(map(_text, value))
        )
    return _text(value).strip("\0 ").lower()


def _text(value: object) -> str:
    return "" if isinstance(value, h5py.Empty) else value.decode() if isinstance(value, bytes) else str(value)


def _right_ear_first(file: h5py.File) -> bool:
    """Return whether the receivers of a SOFA file are the right ear and the left one, by their positions."""
    if "ReceiverPosition" not in file:
        return False
    place = np.asarray(file["ReceiverPosition"], float)[:2, :3].reshape(2, 3)
    if _words(file["ReceiverPosition"].attrs, "Type") == "spherical":
        place = unit_vector(place[:, 0], place[:, 1])
    return bool(place[0, 1] < 0 < place[1, 1])


def _directions(path: Path, position: np.ndarray, kind: str, units: str) -> np.ndarray:
    """Return unit vectors (direction, 3) of the positions of sources.

    Args:
        path: the file, for messages.
        position: (direction, coordinate) as stored.
        kind: their type, in lower case.
        units: theirs, in lower case.

    Raises:
        BadInput: another type than spherical or cartesian, or numbers that are no directions.
    """
    if not kind:
        kind = "spherical" if "deg" in units or "rad" in units else "cartesian" if "met" in units else kind
        log.warning("%s: SourcePosition has no Type; taken as %s by its units", path, kind or "unknown")
    if kind not in ("spherical", "cartesian") or position.ndim != 2 or position.shape[1] != 3:
        raise BadInput(
            f"{path}: SourcePosition {position.shape} of type '{kind}'; give a file with spherical or "
            "cartesian ones"
        )
    if kind == "cartesian":
        length = np.linalg.norm(position, axis=1, keepdims=True)
        if not (length > 0).all():
            raise BadInput(f"{path}: a source at the place of the head has no direction; give another file")
        return np.asarray(position / length)
    angles = np.degrees(position[:, :2]) if units.startswith("rad") else position[:, :2]
    if (np.abs(angles) > (360, 90)).any():
        raise BadInput(
            f"{path}: azimuth {np.abs(angles[:, 0]).max():g}, elevation {np.abs(angles[:, 1]).max():g} are no "
            "directions in degrees; give another file"
        )
    return unit_vector(angles[:, 0], angles[:, 1])


def _is_mirrored(directions: np.ndarray, responses: np.ndarray) -> bool:
    """Return whether sounds from the left are louder in the right ear: some files count azimuths clockwise."""
    level = np.log(np.square(responses).sum(axis=-1) + 1e-12)
    lateral = np.abs(directions[:, 1]) > LATERAL
    return bool(((level[:, 0] - level[:, 1]) * directions[:, 1])[lateral].sum() < 0)


def _delayed(responses: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """Delay responses (direction, ear, sample) by a number of samples each (direction, ear)."""
    if not delay.any():
        return responses
    whole = np.round(delay).astype(int)
    length = responses.shape[-1] + int(whole.max())
    later = np.zeros((*responses.shape[:2], next_fast_len(length)))
    for place in np.ndindex(*responses.shape[:2]):
        later[place][whole[place] : whole[place] + responses.shape[-1]] = responses[place]
    return later
