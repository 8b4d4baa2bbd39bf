"""What a recording format makes of a sound field at the array."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pyroomacoustics.directivities import DirectionVector, Directivity, FigureEight, Omnidirectional

from avseld.base.errors import BadInput
from data_prep.media.head_responses import read_sofa
from data_prep.synth.acoustics.receivers import SPHERICAL_HEAD, TETRAHEDRON, Ears, Receiver, diffuse_field
from data_prep.synth.sounds.classes import SAMPLE_RATE


def ambisonic_receivers() -> list[Directivity]:
    """First-order ambisonics at one point: W Y Z X (ACN), SN3D.

    W hears everything with gain 1; a dipole hears its own direction with gain 1 and the opposite one with -1.
    """
    left, up, front = DirectionVector(90, 90), DirectionVector(0, 0), DirectionVector(0, 90)
    return [Omnidirectional(), FigureEight(left), FigureEight(up), FigureEight(front)]


@dataclass(frozen=True)
class Format:
    """Channels of a format: how each hears a direction, and what a diffuse field gives in it."""

    folder: str
    receivers: Callable[[], list[Directivity]] = ambisonic_receivers
    """directivities at one point"""
    diffuse: tuple[float, ...] = (1.0, 1 / 3, 1 / 3, 1 / 3)
    """power of each channel in a diffuse field whose pressure has power 1"""
    filters: Receiver | None = None
    """in place of directivities: a filter for each direction"""
    mix: tuple[tuple[float, ...], ...] | None = None
    """(output, channel): channels of the format as sums of those above"""

    def spread(self, white: np.ndarray) -> np.ndarray:
        """Independent noises (channel, sample) of power 1 as the channels hear a diffuse field."""
        if self.filters is not None:
            return diffuse_field(self.filters, white)
        return white * np.sqrt(np.asarray(self.diffuse, np.float32))[:, None]

    def mixed(self, sound: np.ndarray) -> np.ndarray:
        """The channels (channel, sample) as the file holds them."""
        return sound if self.mix is None else (np.array(self.mix, np.float32) @ sound)


FORMATS = {
    "foa": Format("foa_dev"),
    "mic": Format("mic_dev", diffuse=(1.0,) * 4, filters=TETRAHEDRON),
    "binaural": Format("binaural_dev", diffuse=(1.0,) * 2, filters=SPHERICAL_HEAD),
    # Two cardioids that look left and right: mid and side of first-order ambisonics, added and subtracted.
    "stereo": Format("stereo_dev", mix=((0.5, 0.5, 0.0, 0.0), (0.5, -0.5, 0.0, 0.0))),
}


def format_named(name: str, sofa: str | None = None) -> Format:
    """Look a format up, with measured ears where a SOFA file is given.

    Raises:
        BadInput: no such format, or an unreadable SOFA file.
    """
    if name not in FORMATS:
        raise BadInput(f"no format '{name}'; choose from {', '.join(FORMATS)}")
    if name == "binaural" and sofa is not None:
        read_sofa(Path(sofa), SAMPLE_RATE)
        return replace(FORMATS[name], filters=Ears(sofa))
    return FORMATS[name]
