"""The 13 classes of STARSS22 and STARSS23: duration of their events and where in a room they occur."""

from dataclasses import dataclass
from typing import Literal

Emitter = Literal["person", "walker", "held", "object", "carried"]
"""person: a body; walker: a walking body; held: an object, often in a person's hands; object: an object that stays in
place; carried: an object that often moves"""


@dataclass(frozen=True)
class SoundClass:
    """Properties of a class in the generator."""

    name: str
    folder_names: tuple[str, ...]
    """accepted names of folders in banks, reduced to lower case letters"""
    emitter: Emitter
    duration_s: tuple[float, float]
    """shortest and longest event"""
    height: tuple[float, float]
    """height of the sounding point: share of the body height for person and walker, else metres above the floor"""
    size_m: tuple[float, float] = (0.4, 0.4)
    """width and height of the drawn object"""


CLASSES = (
    SoundClass("female_speech", ("femalespeech",), "person", (2.0, 5.0), (0.91, 0.93)),
    SoundClass("male_speech", ("malespeech",), "person", (2.0, 5.0), (0.91, 0.93)),
    SoundClass("clapping", ("clapping", "clap"), "person", (1.5, 4.0), (0.68, 0.76)),
    SoundClass("telephone", ("telephone",), "held", (2.0, 5.0), (0.5, 1.3), (0.25, 0.25)),
    SoundClass("laughter", ("laughter",), "person", (1.5, 3.5), (0.91, 0.93)),
    SoundClass(
        "domestic_sounds", ("domesticsounds", "domestic"), "carried", (2.5, 5.0), (0.2, 1.1), (0.4, 0.5)
    ),
    SoundClass("footsteps", ("footsteps", "walk", "walkfootsteps"), "walker", (2.0, 5.0), (0.02, 0.04)),
    SoundClass(
        "door", ("door", "doorcupboard", "dooropenclose"), "object", (1.2, 2.5), (0.9, 1.3), (0.8, 2.0)
    ),
    SoundClass("music", ("music",), "object", (3.0, 5.0), (0.4, 2.2), (0.35, 0.6)),
    SoundClass(
        "musical_instrument",
        ("musicalinstrument", "musicinstrument"),
        "held",
        (2.0, 5.0),
        (0.7, 1.3),
        (0.4, 0.9),
    ),
    SoundClass(
        "water_tap", ("watertap", "faucet", "watertapfaucet"), "object", (2.0, 5.0), (0.9, 1.2), (0.4, 0.5)
    ),
    SoundClass("bell", ("bell",), "object", (1.5, 4.0), (1.0, 2.4), (0.25, 0.3)),
    SoundClass("knock", ("knock",), "held", (1.0, 2.5), (0.8, 1.6), (0.8, 2.0)),
)

FEMALE_SPEECH, MALE_SPEECH, FOOTSTEPS = 0, 1, 6
"""class indices"""
HUMAN_CLASSES = tuple(label for label, each in enumerate(CLASSES) if each.emitter in ("person", "walker"))
"""indices of the classes that a body produces"""
SAMPLE_RATE = 24000
"""Hz, of all synthesis and rendering: that of STARSS23"""
