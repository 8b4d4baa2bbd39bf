"""The 13 classes of STARSS22/23, how long their events last and where in a room they come from."""

from dataclasses import dataclass
from typing import Literal

Emitter = Literal["person", "walker", "held", "object", "carried"]


@dataclass(frozen=True)
class SoundClass:
    """What the generator has to know about one class."""

    name: str
    folders: tuple[str, ...]
    """names of folders of sounds or pictures, in lower case letters only"""
    emitter: Emitter
    """person: made by a body; walker: by a body that walks; held: by an object, often in a person's hands;
    object: by an object that stays; carried: by an object that often moves"""
    seconds: tuple[float, float]
    height: tuple[float, float]
    """of the sounding point: shares of a body's height if a body makes it, else metres above the floor"""
    size: tuple[float, float] = (0.4, 0.4)
    """width and height in metres of the object in the picture"""


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
PERSON_MADE = tuple(label for label, kind in enumerate(CLASSES) if kind.emitter in ("person", "walker"))
SAMPLE_RATE = 24000
"""of all that is written, Hz"""
