"""Classes of the corpora before STARSS, with a synthesizer for each, and durations of events and gaps.

Sources of classes, their order and the sample rates: see `data_prep.synth.layouts.legacy`. The readers in
`data_prep.corpora` have the same lists, which a test compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data_prep.synth.sounds import legacy_objects, objects, vocalizations
from data_prep.synth.sounds.events import Synthesizer
from data_prep.synth.sounds.speech import Speaker, female_speaker, laughter, male_speaker, speech


def _any_speaker(rng: np.random.Generator) -> Speaker:
    return (female_speaker if rng.random() < 0.5 else male_speaker)(rng)


def _speech(seconds: float, rng: np.random.Generator) -> np.ndarray:
    return speech(_any_speaker(rng), seconds, rng)


def _female_speech(seconds: float, rng: np.random.Generator) -> np.ndarray:
    return speech(female_speaker(rng), seconds, rng)


def _male_speech(seconds: float, rng: np.random.Generator) -> np.ndarray:
    return speech(male_speaker(rng), seconds, rng)


def _laughter(seconds: float, rng: np.random.Generator) -> np.ndarray:
    return laughter(_any_speaker(rng), seconds, rng)


@dataclass(frozen=True)
class LegacyCorpus:
    """Classes and time scales of a corpus."""

    synthesizers: Mapping[str, Synthesizer]
    """by class name, in the order of the corpus"""
    sample_rate: int
    """Hz"""
    event_s: tuple[float, float]
    """shortest and longest event, seconds"""
    gaps_s: tuple[float, float] = (0.3, 1.2)
    """shortest and longest silence between consecutive events, seconds"""

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class names in the order of the corpus."""
        return tuple(self.synthesizers)


OFFICE_SYNTHESIZERS: Mapping[str, Synthesizer] = {
    "knock": objects.knock,
    "drawer": legacy_objects.drawer,
    "clearthroat": vocalizations.clear_throat,
    "phone": objects.telephone,
    "keysDrop": legacy_objects.keys_drop,
    "speech": _speech,
    "keyboard": legacy_objects.keyboard,
    "pageturn": legacy_objects.page_turn,
    "cough": vocalizations.cough,
    "doorslam": legacy_objects.door_slam,
    "laughter": _laughter,
}

LEGACY_CORPORA: Mapping[str, LegacyCorpus] = {
    "tut2018": LegacyCorpus(OFFICE_SYNTHESIZERS, 44100, (1.0, 3.0)),
    "dcase2019": LegacyCorpus(OFFICE_SYNTHESIZERS, 48000, (1.0, 3.0)),
    "tau_nigens2020": LegacyCorpus(
        {
            "alarm": legacy_objects.alarm,
            "crying_baby": vocalizations.crying_baby,
            "crash": legacy_objects.crash,
            "barking_dog": vocalizations.bark,
            "running_engine": legacy_objects.engine,
            "female_scream": vocalizations.female_scream,
            "female_speech": _female_speech,
            "burning_fire": legacy_objects.fire,
            "footsteps": objects.footsteps,
            "knock": objects.knock,
            "male_scream": vocalizations.male_scream,
            "male_speech": _male_speech,
            "ringing_phone": objects.telephone,
            "piano": legacy_objects.piano,
        },
        24000,
        (1.5, 4.0),
    ),
    "task4": LegacyCorpus(
        {
            "Speech": _speech,
            "Dog": vocalizations.bark,
            "Cat": vocalizations.meow,
            "Alarm_bell_ringing": legacy_objects.alarm,
            "Dishes": legacy_objects.dishes,
            "Frying": legacy_objects.frying,
            "Blender": legacy_objects.blender,
            "Running_water": objects.water_tap,
            "Vacuum_cleaner": legacy_objects.vacuum_cleaner,
            "Electric_shaver_toothbrush": legacy_objects.shaver,
        },
        44100,
        (1.5, 5.0),
        (0.5, 3.0),
    ),
}
