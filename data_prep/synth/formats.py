"""What a recording format makes of a sound field at the array."""

from collections.abc import Callable
from dataclasses import dataclass

from pyroomacoustics.directivities import DirectionVector, Directivity, FigureEight, Omnidirectional


@dataclass(frozen=True)
class Format:
    """Channels of a format: how each hears a direction, and what a diffuse field gives in it."""

    folder: str
    receivers: Callable[[], list[Directivity]]
    diffuse: tuple[float, ...]
    """power of each channel in a diffuse field whose pressure has power 1"""


def ambisonic_receivers() -> list[Directivity]:
    """First-order ambisonics at one point: W Y Z X (ACN), SN3D.

    W hears everything with gain 1; a dipole hears its own direction with gain 1 and the opposite one with -1.
    """
    left, up, front = DirectionVector(90, 90), DirectionVector(0, 0), DirectionVector(0, 90)
    return [Omnidirectional(), FigureEight(left), FigureEight(up), FigureEight(front)]


FORMATS = {"foa": Format("foa_dev", ambisonic_receivers, (1.0, 1 / 3, 1 / 3, 1 / 3))}
