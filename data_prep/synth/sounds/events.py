"""Dry sound events of a class, synthesized or cut from files of a sound bank."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import soxr

from avseld.base.errors import BadInput
from avseld.io.audio import audio_info, read_audio
from data_prep.synth.sounds import objects
from data_prep.synth.sounds.banks import FilesByClass
from data_prep.synth.sounds.classes import SAMPLE_RATE
from data_prep.synth.sounds.speech import Speaker, female_speaker, laughter, male_speaker, speech

BLOCK_SAMPLES = SAMPLE_RATE // 100
"""10 ms, the time resolution of activity"""
ACTIVITY_RANGE_DB = 35.0
"""a block is inactive if its level is further below the loudest block"""
MAX_PAUSE_S = 0.6
"""longest silence inside an event: between footsteps, claps or sentences"""
TARGET_RMS = 0.05
"""RMS of the louder half of the active blocks, for a source at 1 m"""
PEAK_LIMIT = 0.5
"""largest sample value at 1 m; impulsive sounds stay below `TARGET_RMS` for it"""
EDGE_S = 0.01
"""fade at the edges of excerpts from files, against clicks"""

SHORTEST_SYNTHESIS_S = 1.5
"""every synthesizer fills this time; shorter sounds are cut out of it"""

Synthesizer = Callable[[float, np.random.Generator], np.ndarray]
"""(duration in seconds, rng) -> sound (sample,) at `SAMPLE_RATE`, of any level"""


def _with_speaker(
    synthesize: Callable[..., np.ndarray], draw_speaker: Callable[[np.random.Generator], Speaker]
) -> Synthesizer:
    return lambda seconds, rng: synthesize(draw_speaker(rng), seconds, rng)


def _any_speaker(rng: np.random.Generator) -> Speaker:
    return (female_speaker if rng.random() < 0.5 else male_speaker)(rng)


STARSS23_SYNTHESIZERS: tuple[Synthesizer, ...] = (
    _with_speaker(speech, female_speaker),
    _with_speaker(speech, male_speaker),
    objects.clapping,
    objects.telephone,
    _with_speaker(laughter, _any_speaker),
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
    bank: FilesByClass | None = None,
    synthesizers: Sequence[Synthesizer] = (),
    shortest: float = 0.0,
) -> np.ndarray:
    """Synthesize or read one sound of a class at the common level.

    Args:
        label: class index.
        seconds: duration; sounds from files may be shorter.
        rng: chooses the file and the excerpt, or the parameters of the synthesis.
        bank: files by class; classes without files are synthesized.
        synthesizers: by class index; those of STARSS23 if empty.
        shortest: a shorter sound is cut out of one that lasts this long, in seconds.

    Returns:
        (sample,) float32 at `SAMPLE_RATE`.
    """
    synthesize = (synthesizers or STARSS23_SYNTHESIZERS)[label]
    if bank and label in bank:
        synthesize = partial(read_excerpt, bank[label][rng.integers(len(bank[label]))])
    if seconds < shortest:
        return normalize_level(_excerpt(synthesize(shortest, rng), seconds)).astype(np.float32)
    return normalize_level(synthesize(seconds, rng)).astype(np.float32)


def active_blocks(sound: np.ndarray) -> np.ndarray:
    """Detect activity in blocks of 10 ms; pauses up to `MAX_PAUSE_S` count as active.

    Args:
        sound: (sample,).

    Returns:
        (block,) bool.
    """
    level = _block_rms(sound)
    active = level > level.max(initial=0.0) * 10 ** (-ACTIVITY_RANGE_DB / 20)
    loud = np.flatnonzero(active)
    for before, after in pairwise(loud):
        if after - before <= MAX_PAUSE_S * SAMPLE_RATE / BLOCK_SAMPLES:
            active[before:after] = True
    return active & (level.max(initial=0.0) > 0)


def normalize_level(sound: np.ndarray) -> np.ndarray:
    """Scale a sound (sample,) so that the louder half of its active blocks has RMS `TARGET_RMS`, peaks permitting."""
    level = _block_rms(sound)
    loud = np.sort(level[active_blocks(sound)])
    if not len(loud):
        return sound
    power = np.sqrt(np.square(loud[len(loud) // 2 :]).mean())
    return sound * min(TARGET_RMS / power, PEAK_LIMIT / np.abs(sound).max())


def _excerpt(sound: np.ndarray, seconds: float) -> np.ndarray:
    """Cut `seconds` out of a sound (sample,), from its first active block."""
    excerpt = _trim(sound)[: round(seconds * SAMPLE_RATE)].copy()
    edge = min(round(EDGE_S * SAMPLE_RATE), len(excerpt) // 2)
    if edge:
        excerpt[len(excerpt) - edge :] *= np.linspace(1, 0, edge)
    return excerpt


def _block_rms(sound: np.ndarray) -> np.ndarray:
    padded = np.pad(sound, (0, -len(sound) % BLOCK_SAMPLES))
    return np.sqrt(np.square(padded.reshape(-1, BLOCK_SAMPLES)).mean(axis=1))


def read_excerpt(path: Path, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Read an excerpt of a sound file, of any level, that begins and ends with sound.

    Args:
        path: the file; channels are averaged.
        seconds: longest duration; the excerpt may be shorter.
        rng: chooses the excerpt.

    Returns:
        (sample,) float32 at `SAMPLE_RATE`.

    Raises:
        BadInput: unreadable or silent.
    """
    whole = _read(path)
    length = round(seconds * SAMPLE_RATE)
    start = int(rng.integers(max(len(whole) - length, 0) + 1))
    excerpt = whole[start : start + length].copy()
    edge = min(round(EDGE_S * SAMPLE_RATE), len(excerpt) // 2)
    ramp = np.linspace(0, 1, edge, dtype=np.float32)
    excerpt[:edge] *= ramp
    excerpt[len(excerpt) - edge :] *= ramp[::-1]
    # The excerpt may begin in a pause: the event starts at its first active block.
    trimmed = _trim(excerpt)
    return trimmed if len(trimmed) else excerpt


@lru_cache(maxsize=64)
def _read(path: Path) -> np.ndarray:
    header = audio_info(path)
    mono = read_audio(path).mean(axis=0)
    sound = soxr.resample(mono, header.sample_rate, SAMPLE_RATE).astype(np.float32)
    trimmed = _trim(sound)
    if not len(trimmed):
        raise BadInput(f"{path}: silent or empty; remove it from the sound bank")
    return trimmed


def _trim(sound: np.ndarray) -> np.ndarray:
    """Cut off inactive blocks at both ends; empty for a silent sound."""
    active = np.flatnonzero(active_blocks(sound))
    if not len(active):
        return sound[:0]
    return sound[active[0] * BLOCK_SAMPLES : (active[-1] + 1) * BLOCK_SAMPLES]
