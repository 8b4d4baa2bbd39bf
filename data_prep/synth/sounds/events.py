"""One dry sound of a class: made up, or a stretch of somebody's file."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import soxr

from avseld.base.errors import BadInput
from avseld.io.audio import audio_info, read_audio
from data_prep.synth.sounds import objects
from data_prep.synth.sounds.banks import Bank
from data_prep.synth.sounds.classes import SAMPLE_RATE
from data_prep.synth.sounds.speech import Throat, female_throat, laughter, male_throat, speech

BLOCK = SAMPLE_RATE // 100
"""samples of 10 ms, in which a sound is on or off"""
QUIET_DB = 35.0
"""so far below its loudest 10 ms a sound counts as silent"""
LONGEST_PAUSE = 0.6
"""seconds of silence that belong to a sound: between two steps, claps or sentences"""
RMS, PEAK = 0.05, 0.5
"""level of a sound at 1 m: the power of its loud parts, or less where its peaks would pass the limit"""

Synthesis = Callable[[float, np.random.Generator], np.ndarray]


def _voice(make: Callable[..., np.ndarray], throat: Callable[[np.random.Generator], Throat]) -> Synthesis:
    return lambda seconds, rng: make(throat(rng), seconds, rng)


def _anyone(rng: np.random.Generator) -> Throat:
    return (female_throat if rng.random() < 0.5 else male_throat)(rng)


SYNTHESES: tuple[Synthesis, ...] = (
    _voice(speech, female_throat),
    _voice(speech, male_throat),
    objects.clapping,
    objects.telephone,
    _voice(laughter, _anyone),
    objects.domestic,
    objects.footsteps,
    objects.door,
    objects.music,
    objects.instrument,
    objects.water_tap,
    objects.bell,
    objects.knock,
)
"""by class index"""


def dry_sound(
    label: int,
    seconds: float,
    rng: np.random.Generator,
    bank: Bank | None = None,
    syntheses: Sequence[Synthesis] = (),
) -> np.ndarray:
    """Make or read one sound of a class at the common level.

    Args:
        label: class index.
        seconds: longest duration; a file may be shorter.
        rng: chooses file and stretch, or all that varies in a synthesis.
        bank: files by class; a class without files is synthesised.
        syntheses: by class index; those of STARSS if empty.

    Returns:
        (sample,) float32 at 24 kHz.
    """
    make = (syntheses or SYNTHESES)[label]
    if bank and label in bank:
        make = partial(_from_file, bank[label][rng.integers(len(bank[label]))])
    return at_common_level(make(seconds, rng)).astype(np.float32)


def active_blocks(sound: np.ndarray) -> np.ndarray:
    """Whether each 10 ms of a dry sound are heard, short pauses included.

    Returns:
        (block,) bool.
    """
    level = _levels(sound)
    loud = level > level.max(initial=0.0) * 10 ** (-QUIET_DB / 20)
    heard = np.flatnonzero(loud)
    for before, after in pairwise(heard):
        if after - before <= LONGEST_PAUSE * SAMPLE_RATE / BLOCK:
            loud[before:after] = True
    return loud & (level.max(initial=0.0) > 0)


def at_common_level(sound: np.ndarray) -> np.ndarray:
    """Scale so that the louder half of the active blocks has level `RMS` and no peak passes `PEAK`."""
    level = _levels(sound)
    loud = np.sort(level[active_blocks(sound)])
    if not len(loud):
        return sound
    power = np.sqrt(np.square(loud[len(loud) // 2 :]).mean())
    return sound * min(RMS / power, PEAK / np.abs(sound).max())


def _levels(sound: np.ndarray) -> np.ndarray:
    padded = np.pad(sound, (0, -len(sound) % BLOCK))
    return np.sqrt(np.square(padded.reshape(-1, BLOCK)).mean(axis=1))


def _from_file(path: Path, seconds: float, rng: np.random.Generator) -> np.ndarray:
    whole = _read(path)
    length = round(seconds * SAMPLE_RATE)
    start = int(rng.integers(max(len(whole) - length, 0) + 1))
    stretch = whole[start : start + length].copy()
    edge = min(round(0.01 * SAMPLE_RATE), len(stretch) // 2)
    ramp = np.linspace(0, 1, edge, dtype=np.float32)
    stretch[:edge] *= ramp
    stretch[len(stretch) - edge :] *= ramp[::-1]
    # A stretch may fall into a pause; the sound starts where it is first heard.
    heard = np.flatnonzero(active_blocks(stretch))
    return stretch[heard[0] * BLOCK : (heard[-1] + 1) * BLOCK] if len(heard) else stretch


@lru_cache(maxsize=64)
def _read(path: Path) -> np.ndarray:
    header = audio_info(path)
    mono = read_audio(path).mean(axis=0)
    sound = soxr.resample(mono, header.sample_rate, SAMPLE_RATE).astype(np.float32)
    heard = np.flatnonzero(active_blocks(sound))
    if not len(heard):
        raise BadInput(f"{path}: silent or empty; take it out of the sound bank")
    return sound[heard[0] * BLOCK : (heard[-1] + 1) * BLOCK]
