"""Channel formats of recordings: channels, directions of the microphones, and the features they allow."""

from dataclasses import dataclass

from avseld.base.errors import BadInput
from avseld.base.physics import EIGENMIKE_RADIUS_M, TETRAHEDRON_DEG

COMMON_FEATURES = ("amplitude_ipd", "logmel", "magnitude_phase", "general", "waveform")
"""features of any format; of `general`, the parts for event detection"""


@dataclass(frozen=True)
class ChannelFormat:
    """Properties of a channel format."""

    channels: int
    about: str
    features: tuple[str, ...]
    """names of features in a recipe"""
    symmetry: str | None = None
    """how exchanging channels rotates or mirrors a scene: ambisonic, capsules, sides; None if it cannot"""
    capsules_deg: tuple[tuple[float, float], ...] = ()
    """azimuth and elevation of the microphones on a sphere, degrees"""
    radius: float = 0.0
    """metres, of that sphere"""


FORMATS = {
    "foa": ChannelFormat(
        4, "first-order ambisonics, W Y Z X (ACN, SN3D)",
        (*COMMON_FEATURES, "logamplitude_iv", "logmel_iv", "logmel_gcc", "sound_field"), "ambisonic",
    ),
    "mic": ChannelFormat(
        4, "the tetrahedral array of STARSS23, on its rigid sphere",
        (*COMMON_FEATURES, "logmel_gcc", "salsa_lite", "array_sound_field"),
        "capsules", TETRAHEDRON_DEG, EIGENMIKE_RADIUS_M,
    ),
    "circular": ChannelFormat(
        8, "eight microphones in a circle (TUT Sound Events 2018)", (*COMMON_FEATURES, "logmel_gcc")
    ),
    "binaural": ChannelFormat(
        2, "two ears, left and right", (*COMMON_FEATURES, "logmel_gcc", "interaural"), "sides"
    ),
    "stereo": ChannelFormat(
        2, "left and right", (*COMMON_FEATURES, "logmel_gcc", "interaural", "mid_side"), "sides"
    ),
    "mono": ChannelFormat(1, "one channel", COMMON_FEATURES),
}  # fmt: skip


FORMATS_BY_CHANNELS = {1: "mono", 2: "stereo", 4: "foa"}
"""format that a recording is taken for by its number of channels, where nothing else says it"""


def format_named(name: str) -> ChannelFormat:
    """Look up a format.

    Raises:
        BadInput: no such format; lists the known ones.
    """
    if name not in FORMATS:
        raise BadInput(f"format '{name}' is none of {', '.join(FORMATS)}; correct it")
    return FORMATS[name]


def check_features(name: str, format: str) -> None:
    """Refuse features that cannot be computed from the channels of a format.

    Raises:
        BadInput: names the formats of the features.
    """
    allowed = [other for other, each in FORMATS.items() if name in each.features]
    if allowed and format not in allowed:
        raise BadInput(
            f"features.name: {name} is meant for {', '.join(allowed)} recordings, not {format}; choose other features "
            "or another data.format"
        )
