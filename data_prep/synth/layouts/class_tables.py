"""Classes of the corpora before STARSS, with a synthesizer for each, and durations of events and gaps.

Sources of classes, their order and the sample rates: see `data_prep.synth.layouts.legacy`. The readers in
`data_prep.corpora` have the same lists, which a test compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from data_prep.synth.sounds import legacy_objects, objects, urban_objects, vocalizations
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
    anechoic: bool = False
    moving_share: float = 0.0
    """share of moving sources"""

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

URBAN_SYNTHESIZERS: Mapping[str, Synthesizer] = {
    "car_horn": urban_objects.car_horn,
    "dog_bark": vocalizations.bark,
    "drilling": urban_objects.drilling,
    "engine_idling": legacy_objects.engine,
    "gun_shot": urban_objects.gun_shot,
    "jackhammer": urban_objects.jackhammer,
    "siren": urban_objects.siren,
    "street_music": objects.music,
}
URBAN_NUMBERS = (1, 3, 4, 5, 6, 7, 8, 9)
"""numbers of these classes in UrbanSound8K"""


@dataclass(frozen=True)
class TutDataSet:
    """One of the data sets of TUT Sound Events 2018 with stationary sources."""

    corpus: LegacyCorpus
    format: str = "foa"
    splits: tuple[int, ...] = (1, 2, 3)
    """numbers of the cross-validation splits"""

    def file_of(self, label: int, number: int) -> str:
        """Name the isolated sound of an event as the corpus does, from which readers take the class."""
        word = self.corpus.classes[label]
        if word in URBAN_SYNTHESIZERS:
            return f"{100000 + number}-{URBAN_NUMBERS[label]}-0-0.wav"
        return f"{word}{number % 1000:03d}.wav"


_TUT_ANECHOIC = LegacyCorpus(OFFICE_SYNTHESIZERS, 44100, (1.0, 3.0), anechoic=True)
_TUT_REVERBERANT = replace(_TUT_ANECHOIC, anechoic=False)

TUT2018: Mapping[str, TutDataSet] = {
    "ansim": TutDataSet(_TUT_ANECHOIC),
    "resim": TutDataSet(_TUT_REVERBERANT),
    "cansim": TutDataSet(_TUT_ANECHOIC, "circular"),
    "cresim": TutDataSet(_TUT_REVERBERANT, "circular"),
    "real": TutDataSet(replace(_TUT_REVERBERANT, synthesizers=URBAN_SYNTHESIZERS), splits=(1, 8, 9)),
}
"""ambisonic (a, re) and circular array (c), anechoic (an) and reverberant (re), with simulated rooms (sim)"""
MAX_OVERLAP = 3
"""the sets have at most one, two or three simultaneous sources"""

LEGACY_CORPORA: Mapping[str, LegacyCorpus] = {
    "tut2018": TUT2018["ansim"].corpus,
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
        moving_share=0.5,
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
