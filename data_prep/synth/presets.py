"""How difficult scenes are."""

from dataclasses import dataclass

from avseld.base.errors import BadInput

Range = tuple[float, float]


@dataclass(frozen=True)
class Preset:
    """Ranges from which a scene's numbers are drawn."""

    reverberation: Range
    """seconds until the sound of a room has decayed by 60 dB"""
    snr_db: Range
    """events against ambient noise"""
    gaps: tuple[Range, ...]
    """seconds between the events of each voice of the scene; as many voices, as many events at once"""
    people: tuple[int, int]
    """least and most people that make sounds, visible"""
    bystanders: tuple[int, int]
    """visible and silent"""
    distance: Range = (1.0, 3.0)
    """horizontal, metres; the room may allow less"""
    hidden: float = 0.15
    """share of the sounds of people whose maker is not in the picture"""
    moving: float = 0.4
    """share of the sounds that move, of those that can"""
    people_weight: int = 1
    """how many times as often as others people-made classes are drawn"""
    repeat: bool = False
    """whether two events of one class may sound at once"""


PRESETS = {
    "simple": Preset((0.12, 0.2), (25, 35), ((0.3, 1.2), (5.0, 10.0)), (2, 3), (0, 1), moving=0.2),
    "easy": Preset((0.2, 0.4), (15, 30), ((0.3, 1.5), (2.5, 7.0)), (2, 3), (0, 1)),
    "reverberant": Preset(
        (0.5, 0.8),
        (5, 15),
        ((0.2, 1.2), (0.3, 1.5), (1.0, 4.0)),
        (3, 4),
        (0, 2),
        distance=(1.5, 4.0),
        people_weight=3,
        repeat=True,
    ),
    "noisy": Preset(
        (0.3, 0.6),
        (0, 5),
        ((0.2, 1.2), (0.3, 1.5), (1.0, 4.0)),
        (3, 4),
        (0, 2),
        distance=(1.5, 4.0),
        people_weight=3,
        repeat=True,
    ),
    "crowded": Preset(
        (0.4, 0.7),
        (3, 10),
        ((0.2, 1.0), (0.2, 1.5), (0.5, 3.0)),
        (4, 5),
        (1, 3),
        distance=(1.5, 4.0),
        moving=0.6,
        people_weight=3,
        repeat=True,
    ),
}


def preset(name: str) -> Preset:
    """Look a preset up.

    Raises:
        BadInput: no such preset; lists those there are.
    """
    if name not in PRESETS:
        raise BadInput(f"no preset '{name}'; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def names(text: str) -> list[str]:
    """The presets of a list separated by commas, at least one.

    Raises:
        BadInput: an unknown one, or one twice.
    """
    found = [word.strip() for word in text.split(",")]
    for name in found:
        preset(name)
    if len(set(found)) < len(found):
        raise BadInput(f"preset {text}: name each preset once")
    return found
