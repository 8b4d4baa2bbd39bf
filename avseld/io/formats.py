"""Channel formats, each declared once: its channels, where they point, what can be made of it."""

from dataclasses import dataclass

from avseld.base.errors import BadInput

EVERYWHERE = ("amplitude_ipd", "logmel", "magnitude_phase")
"""features of any channel count"""

TETRAHEDRON_DEG = ((45.0, 35.0), (-45.0, -35.0), (135.0, -35.0), (-135.0, 35.0))
"""azimuth and elevation of the four microphones of STARSS23 (`DCASE baselines` spec)"""

EIGENMIKE_RADIUS = 0.042
"""metres of the sphere that they sit on"""


@dataclass(frozen=True)
class ChannelFormat:
    """What is known of the recordings of a format."""

    channels: int
    about: str
    features: tuple[str, ...]
    """by their names in a recipe"""
    symmetry: str | None = None
    """how a scene can be turned or mirrored by exchanging channels: ambisonic, capsules, sides; None: not at all"""
    capsules_deg: tuple[tuple[float, float], ...] = ()
    """azimuth and elevation of microphones on a sphere"""
    radius: float = 0.0
    """metres, of that sphere"""


FORMATS = {
    "foa": ChannelFormat(
        4, "first-order ambisonics, W Y Z X (ACN, SN3D)",
        (*EVERYWHERE, "logamplitude_iv", "logmel_iv", "logmel_gcc", "general", "sound_field"), "ambisonic",
    ),
    "mic": ChannelFormat(
        4, "the tetrahedral array of STARSS23, on its rigid sphere",
        (*EVERYWHERE, "logmel_gcc", "salsa_lite", "general"), "capsules", TETRAHEDRON_DEG, EIGENMIKE_RADIUS,
    ),
    "circular": ChannelFormat(8, "eight microphones in a circle (TUT Sound Events 2018)", (*EVERYWHERE, "logmel_gcc")),
    "binaural": ChannelFormat(
        2, "two ears, left and right", (*EVERYWHERE, "logmel_gcc", "interaural"), "sides"
    ),
    "stereo": ChannelFormat(2, "left and right", (*EVERYWHERE, "logmel_gcc", "interaural"), "sides"),
    "mono": ChannelFormat(1, "one channel", EVERYWHERE),
}  # fmt: skip


def format_named(name: str) -> ChannelFormat:
    """Look a format up.

    Raises:
        BadInput: no such format; lists those there are.
    """
    if name not in FORMATS:
        raise BadInput(f"format '{name}' is none of {', '.join(FORMATS)}; correct it")
    return FORMATS[name]


def check_features(name: str, format: str) -> None:
    """Refuse features that a format's channels do not give.

    Raises:
        BadInput: names the formats that do.
    """
    there = [other for other, each in FORMATS.items() if name in each.features]
    if there and format not in there:
        raise BadInput(
            f"features.name: {name} is meant for {', '.join(there)} recordings, not {format}; choose other features or "
            "another data.format"
        )
