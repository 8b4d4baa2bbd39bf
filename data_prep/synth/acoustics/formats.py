"""Recording formats of the generator: how the channels of a format respond to direction and to a diffuse field."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pyroomacoustics.directivities import DirectionVector, Directivity, FigureEight, Omnidirectional

from avseld.base.errors import BadInput
from avseld.directions.eigenmike import N_CAPSULES
from data_prep.media.head_responses import read_sofa
from data_prep.synth.acoustics.receivers import (
    CIRCULAR_ARRAY,
    EIGENMIKE,
    OPEN_EIGENMIKE,
    SPHERICAL_HEAD,
    TETRAHEDRAL_ARRAY,
    MeasuredHead,
    Receiver,
    diffuse_field,
)
from data_prep.synth.sounds.classes import SAMPLE_RATE


def ambisonic_directivities() -> list[Directivity]:
    """Create the directivities of first-order ambisonics at one point: W Y Z X (ACN order, SN3D normalization).

    W has gain 1 in all directions; a dipole has gain 1 along its axis and -1 in the opposite direction.
    """
    left, up, front = DirectionVector(90, 90), DirectionVector(0, 0), DirectionVector(0, 90)
    return [Omnidirectional(), FigureEight(left), FigureEight(up), FigureEight(front)]


@dataclass(frozen=True)
class ReceiverFormat:
    """A recording format, simulated either by directivities at one point or by a `Receiver`."""

    folder: str
    """folder of the recordings in a STARSS23 layout"""
    directivities: Callable[[], list[Directivity]] = ambisonic_directivities
    """of coincident channels; unused where a receiver is given"""
    diffuse_power: tuple[float, ...] = (1.0, 1 / 3, 1 / 3, 1 / 3)
    """power of each channel in a diffuse field whose pressure has power 1"""
    receiver: Receiver | None = None
    """channels whose response to a direction is a filter"""
    mixdown: tuple[tuple[float, ...], ...] | None = None
    """(output channel, simulated channel) gains of formats that are derived from another"""

    def diffuse_field(self, white: np.ndarray) -> np.ndarray:
        """Give independent noises the levels and the coherence of a diffuse field.

        Args:
            white: (channel, sample) of power 1.

        Returns:
            (channel, sample).
        """
        if self.receiver is not None:
            return diffuse_field(self.receiver, white)
        return white * np.sqrt(np.asarray(self.diffuse_power, np.float32))[:, None]

    def mix_down(self, sound: np.ndarray) -> np.ndarray:
        """Convert simulated channels (channel, sample) to those of the audio file."""
        return sound if self.mixdown is None else (np.array(self.mixdown, np.float32) @ sound)


RECEIVER_FORMATS = {
    "foa": ReceiverFormat("foa_dev"),
    "mic": ReceiverFormat("mic_dev", diffuse_power=(1.0,) * 4, receiver=TETRAHEDRAL_ARRAY),
    "binaural": ReceiverFormat("binaural_dev", diffuse_power=(1.0,) * 2, receiver=SPHERICAL_HEAD),
    # Cardioids facing left and right: sum and difference of W (mid) and Y (side).
    "stereo": ReceiverFormat("stereo_dev", mixdown=((0.5, 0.5, 0.0, 0.0), (0.5, -0.5, 0.0, 0.0))),
    "eigenmike": ReceiverFormat("eigen_dev", diffuse_power=(1.0,) * N_CAPSULES, receiver=OPEN_EIGENMIKE),
    "eigenmike_rigid": ReceiverFormat("eigen_dev", diffuse_power=(1.0,) * N_CAPSULES, receiver=EIGENMIKE),
}

LAYOUT_FORMATS = {"circular": ReceiverFormat("", diffuse_power=(1.0,) * 8, receiver=CIRCULAR_ARRAY)}
"""formats of single corpora, which their layouts choose"""


def receiver_format(name: str, sofa: str | None = None) -> ReceiverFormat:
    """Look up a format by name.

    Args:
        name: foa, mic, binaural, stereo, eigenmike, eigenmike_rigid, or circular of TUT Sound Events 2018.
        sofa: path of a SOFA file, whose head replaces the spherical head in binaural.

    Raises:
        BadInput: unknown format, or unreadable SOFA file.
    """
    if name in LAYOUT_FORMATS:
        return LAYOUT_FORMATS[name]
    if name not in RECEIVER_FORMATS:
        raise BadInput(f"no format '{name}'; choose from {', '.join(RECEIVER_FORMATS)}")
    if name == "binaural" and sofa is not None:
        read_sofa(Path(sofa), SAMPLE_RATE)
        return replace(RECEIVER_FORMATS[name], receiver=MeasuredHead(sofa))
    return RECEIVER_FORMATS[name]
