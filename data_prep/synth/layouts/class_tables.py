"""The corpora before STARSS: their classes with a sound of each, and how long their events last.

Classes and rates: `SELDnet` spec, sections 1.1 to 1.3, and `DCASE2019 Task 4` spec, section 1. The names are those of
the corpora; the readers in `data_prep.corpora` know them, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data_prep.synth.sounds import noises, objects, vocalizations
from data_prep.synth.sounds.events import Synthesis
from data_prep.synth.sounds.speech import female_throat, laughter, male_throat, speech


def _somebody_speaks(seconds: float, rng: np.random.Generator) -> np.ndarray:
    return speech((female_throat if rng.random() < 0.5 else male_throat)(rng), seconds, rng)


def _she_speaks(seconds: float, rng: np.random.Generator) -> np.ndarray:
    return speech(female_throat(rng), seconds, rng)


def _he_speaks(seconds: float, rng: np.random.Generator) -> np.ndarray:
    return speech(male_throat(rng), seconds, rng)


def _somebody_laughs(seconds: float, rng: np.random.Generator) -> np.ndarray:
    return laughter((female_throat if rng.random() < 0.5 else male_throat)(rng), seconds, rng)


@dataclass(frozen=True)
class Corpus:
    """What a corpus is about."""

    sounds: Mapping[str, Synthesis]
    """by class, in the order of the corpus"""
    sample_rate: int
    seconds: tuple[float, float]
    """of an event"""
    gaps: tuple[float, float] = (0.3, 1.2)
    """seconds between events of one voice"""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the corpus' order."""
        return tuple(self.sounds)


OFFICE: Mapping[str, Synthesis] = {
    "knock": objects.knock,
    "drawer": noises.drawer,
    "clearthroat": vocalizations.clear_throat,
    "phone": objects.telephone,
    "keysDrop": noises.keys_drop,
    "speech": _somebody_speaks,
    "keyboard": noises.keyboard,
    "pageturn": noises.page_turn,
    "cough": vocalizations.cough,
    "doorslam": noises.door_slam,
    "laughter": _somebody_laughs,
}

CORPORA: Mapping[str, Corpus] = {
    "tut2018": Corpus(OFFICE, 44100, (1.0, 3.0)),
    "dcase2019": Corpus(OFFICE, 48000, (1.0, 3.0)),
    "tau_nigens2020": Corpus(
        {
            "alarm": noises.alarm,
            "crying_baby": vocalizations.crying_baby,
            "crash": noises.crash,
            "barking_dog": vocalizations.bark,
            "running_engine": noises.engine,
            "female_scream": vocalizations.female_scream,
            "female_speech": _she_speaks,
            "burning_fire": noises.fire,
            "footsteps": objects.footsteps,
            "knock": objects.knock,
            "male_scream": vocalizations.male_scream,
            "male_speech": _he_speaks,
            "ringing_phone": objects.telephone,
            "piano": noises.piano,
        },
        24000,
        (1.5, 4.0),
    ),
    "task4": Corpus(
        {
            "Speech": _somebody_speaks,
            "Dog": vocalizations.bark,
            "Cat": vocalizations.meow,
            "Alarm_bell_ringing": noises.alarm,
            "Dishes": noises.dishes,
            "Frying": noises.frying,
            "Blender": noises.blender,
            "Running_water": objects.water_tap,
            "Vacuum_cleaner": noises.vacuum_cleaner,
            "Electric_shaver_toothbrush": noises.shaver,
        },
        44100,
        (1.5, 5.0),
        (0.5, 3.0),
    ),
}
