"""Difficulty presets of generated scenes."""

from dataclasses import dataclass
from pathlib import Path

from avseld.base.errors import BadInput
from data_prep.synth.label_statistics import STARSS22

Range = tuple[float, float]
Size = tuple[float, float, float]


@dataclass(frozen=True)
class Preset:
    """Ranges from which the properties of a scene are drawn uniformly."""

    rt60_s: Range
    """reverberation time: seconds until the sound in the room has decayed by 60 dB"""
    snr_db: Range
    """level of the events relative to the ambient noise"""
    gaps_s: tuple[Range, ...]
    """silence between consecutive events, one range per layer; the number of layers is the largest polyphony"""
    people: tuple[int, int]
    """smallest and largest number of visible people who make sounds"""
    bystanders: tuple[int, int]
    """smallest and largest number of visible, silent people"""
    distance_m: Range = (1.0, 3.0)
    """horizontal distance of sources from the array; limited further by the room"""
    offscreen_share: float = 0.15
    """share of human sounds whose maker is not visible"""
    moving_share: float = 0.4
    """share of moving sources among the classes that can move"""
    people_weight: int = 1
    """how many times more often a human class is drawn than another class"""
    allow_same_class: bool = False
    """whether two events of one class may overlap"""
    statistics: Path | None = None
    """table of label statistics from which events, positions and motion are drawn; gaps, shares of moving sources and
    weights of people are unused then"""
    max_polyphony: int | None = None
    """largest number of sources at once with `statistics`; as there if None"""
    returning_share: float | None = None
    """share of events of a source that sounded before, with `statistics`; as there if None"""
    elevation_deg: Range | None = None
    """elevations of half of the sources, drawn evenly on the sphere, with `statistics`; the others are as there"""
    noise_only_share: float = 0.0
    """share of recordings without events, with `statistics`"""
    event_gain_db: Range = (-3.0, 3.0)
    """level of an event around the common level, with `statistics`"""
    room_m: tuple[Size, Size] = ((5.0, 4.8, 2.5), (9.0, 7.5, 3.4))
    """smallest and largest length, width and height of the room"""
    array_height_m: Range = (1.2, 1.5)
    """above the floor"""
    min_critical_distance_m: float = 0.0
    """of the room; shortens the reverberation of small ones"""
    max_critical_distances: float = float("inf")
    """largest distance of a source, in critical distances of the room, with `statistics`"""
    any_sound: bool = False
    """draw sounds of any timbre, so that the class of an event means nothing"""
    any_noise: bool = False
    """draw ambient noises of many kinds, whose levels change"""
    array_errors: bool = False
    """give the microphones gain, phase and frequency errors and noise of their own, and the recording any level"""


PRESETS = {
    "simple": Preset((0.12, 0.2), (25, 35), ((0.3, 1.2), (5.0, 10.0)), (2, 3), (0, 1), moving_share=0.2),
    "easy": Preset((0.2, 0.4), (15, 30), ((0.3, 1.5), (2.5, 7.0)), (2, 3), (0, 1)),
    "reverberant": Preset(
        (0.5, 0.8),
        (5, 15),
        ((0.2, 1.2), (0.3, 1.5), (1.0, 4.0)),
        (3, 4),
        (0, 2),
        distance_m=(1.5, 4.0),
        people_weight=3,
        allow_same_class=True,
    ),
    "noisy": Preset(
        (0.3, 0.6),
        (0, 5),
        ((0.2, 1.2), (0.3, 1.5), (1.0, 4.0)),
        (3, 4),
        (0, 2),
        distance_m=(1.5, 4.0),
        people_weight=3,
        allow_same_class=True,
    ),
    "crowded": Preset(
        (0.4, 0.7),
        (3, 10),
        ((0.2, 1.0), (0.2, 1.5), (0.5, 3.0)),
        (4, 5),
        (1, 3),
        distance_m=(1.5, 4.0),
        moving_share=0.6,
        people_weight=3,
        allow_same_class=True,
    ),
    "starss": Preset(
        (0.2, 0.8),
        (5, 30),
        (),
        (0, 5),
        (0, 1),
        distance_m=(0.7, 4.0),
        statistics=STARSS22,
        array_height_m=(1.5, 1.9),
    ),
    "locator": Preset(
        (0.15, 2.0),
        (0, 35),
        (),
        (0, 5),
        (0, 1),
        distance_m=(0.5, 5.0),
        statistics=STARSS22,
        max_polyphony=3,
        returning_share=0.5,
        elevation_deg=(-60, 60),
        noise_only_share=0.1,
        event_gain_db=(-8.0, 4.0),
        room_m=((3.0, 2.8, 2.3), (14.0, 11.0, 5.0)),
        array_height_m=(0.8, 1.9),
        min_critical_distance_m=0.5,
        max_critical_distances=3.0,
        any_sound=True,
        any_noise=True,
        array_errors=True,
    ),
}


def get_preset(name: str) -> Preset:
    """Look up a preset by name.

    Raises:
        BadInput: unknown preset; the message lists the known ones.
    """
    if name not in PRESETS:
        raise BadInput(f"no preset '{name}'; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def parse_presets(text: str) -> list[str]:
    """Split a comma-separated list of preset names.

    Returns:
        At least one name, each once.

    Raises:
        BadInput: an unknown name, or one given twice.
    """
    names = [word.strip() for word in text.split(",")]
    for name in names:
        get_preset(name)
    if len(set(names)) < len(names):
        raise BadInput(f"preset {text}: name each preset once")
    return names
