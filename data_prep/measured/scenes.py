"""Scenes of still sources: real sounds, each through a turned room response, in diffuse noise; with exact labels."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.signal import oaconvolve

from avseld.base.rates import LABEL_HOP
from avseld.io.events import Events, concatenate
from avseld.io.geometry import angle_between, unit_vector
from data_prep.measured.responses import LEAD_SAMPLES, RoomResponse, diffuse_noise, turned_to
from data_prep.synth.rendering import Rendering
from data_prep.synth.sounds.classes import SAMPLE_RATE
from data_prep.synth.sounds.events import normalize_level, read_excerpt

SILENCE_BEFORE_S, SILENCE_AFTER_S = 1.0, 2.0
"""noise alone at the edges of a recording; reverberation decays in the silence after"""
SOUND_S = (2.0, 5.0)
"""shortest and longest excerpt of a sound; a file that is shorter is used whole"""
LEVEL_DB = (-3.0, 3.0)
"""range of the level of a source"""
ELEVATION_DEG = (-40, 40)
SEPARATION_DEG = 30.0
"""smallest angle between the sources of a recording: twice the angle within which predictions of a class are merged"""
ACTIVE_RANGE_DB = 20.0
"""a label frame of a dry sound is inactive if its power is further below the loudest frame: noise at 15 dB would bury
it"""
MAX_PAUSE_FRAMES = 2
"""shorter pauses count as active, like those between words in annotations"""
W_RMS = 0.02
"""RMS of W in the active frames"""
PEAK_LIMIT = 0.98
"""largest sample value; a recording that exceeds it is attenuated as a whole"""
FRAME_SAMPLES = round(LABEL_HOP * SAMPLE_RATE)


@dataclass(frozen=True)
class Source:
    """One sound of a scene, in whole degrees."""

    file: Path
    dry: np.ndarray
    """(sample,) over the whole recording"""
    azimuth: int
    elevation: int


def draw_sources(files: list[Path], seconds: float, rng: np.random.Generator) -> list[Source]:
    """Draw directions, excerpts and times of the sources of a recording; later ones begin during the first.

    Args:
        files: a sound file for each source.
        seconds: duration of the recording.
        rng: draws.

    Raises:
        BadInput: a sound is unreadable or silent.
    """
    latest = seconds - SILENCE_AFTER_S
    longest = min(SOUND_S[1], latest - SILENCE_BEFORE_S)
    sources: list[Source] = []
    first: tuple[float, float] | None = None
    for file in files:
        sound = normalize_level(read_excerpt(file, rng.uniform(min(SOUND_S[0], longest), longest), rng))
        sound = sound * 10 ** (rng.uniform(*LEVEL_DB) / 20)
        length = len(sound) / SAMPLE_RATE
        onset = _onset(length, first, latest, rng)
        first = first or (onset, onset + length)
        dry = np.zeros(round(seconds * SAMPLE_RATE))
        start = round(onset * SAMPLE_RATE)
        dry[start : start + len(sound)] = sound[: len(dry) - start]
        sources.append(Source(file, dry, *_direction(sources, rng)))
    return sources


def render(
    sources: list[Source], response: RoomResponse, snr_db: float, rng: np.random.Generator
) -> Rendering:
    """Render a scene.

    Args:
        sources: sounds and their directions.
        response: of the room; each source is convolved with the whole of it, turned to its direction.
        snr_db: power of W in the frames in which a source is active, relative to the noise.
        rng: draws the noise.

    Returns:
        Sound, noise and labels; a row a source and active label frame, class 0.

    Raises:
        BadInput: the response is too short to make noise of it.
    """
    n_samples = len(sources[0].dry)
    clean = np.zeros((4, n_samples))
    active = np.stack([active_frames(source.dry) for source in sources])
    for source in sources:
        wet = turned_to(response, source.azimuth, source.elevation)
        clean += oaconvolve(source.dry[None], wet, axes=1)[:, LEAD_SAMPLES : LEAD_SAMPLES + n_samples]
    frames = clean[0][: active.shape[1] * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    rms = np.sqrt(np.square(frames[active.any(axis=0)]).mean())
    clean *= W_RMS / rms
    noise = diffuse_noise(response, n_samples, rng) * W_RMS * 10 ** (-snr_db / 20)
    gain = min(1.0, PEAK_LIMIT / np.abs(clean + noise).max())
    labels = concatenate(_rows(index, source, active[index]) for index, source in enumerate(sources))
    return Rendering(clean * gain, noise * gain, labels.sorted())


def active_frames(dry: np.ndarray) -> np.ndarray:
    """Detect the label frames in which a dry sound is active.

    A frame of 100 ms is active if its power is at most `ACTIVE_RANGE_DB` below that of the loudest frame; pauses of up
    to `MAX_PAUSE_FRAMES` frames count as active.

    Args:
        dry: (sample,).

    Returns:
        (label frame,) bool, whole frames only.
    """
    whole = len(dry) // FRAME_SAMPLES
    power = np.square(dry[: whole * FRAME_SAMPLES].reshape(whole, FRAME_SAMPLES)).mean(axis=1)
    active = (power > 0) & (power >= power.max(initial=0.0) * 10 ** (-ACTIVE_RANGE_DB / 10))
    loud = np.flatnonzero(active)
    for before, after in pairwise(loud):
        if after - before <= MAX_PAUSE_FRAMES + 1:
            active[before:after] = True
    return active


def _onset(
    length: float, first: tuple[float, float] | None, latest: float, rng: np.random.Generator
) -> float:
    """Draw the onset of a sound that ends before `latest`; in the first half of the first sound, if there is one."""
    earliest, limit = SILENCE_BEFORE_S, latest - length
    if first:
        earliest, limit = first[0], min(limit, sum(first) / 2)
    return rng.uniform(earliest, limit) if limit > earliest else max(limit, SILENCE_BEFORE_S)


def _direction(others: list[Source], rng: np.random.Generator) -> tuple[int, int]:
    while True:
        azimuth = int(rng.integers(-180, 180))
        elevation = int(rng.integers(ELEVATION_DEG[0], ELEVATION_DEG[1] + 1))
        vector = unit_vector(azimuth, elevation)
        angles = [angle_between(vector, unit_vector(other.azimuth, other.elevation)) for other in others]
        if all(angle >= SEPARATION_DEG for angle in angles):
            return azimuth, elevation


def _rows(index: int, source: Source, active: np.ndarray) -> Events:
    frame = np.flatnonzero(active)
    constant = np.full(len(frame), 1.0)
    return Events(
        frame * LABEL_HOP,
        (frame + 1) * LABEL_HOP,
        0 * frame,
        index + 0 * frame,
        source.azimuth * constant,
        source.elevation * constant,
        np.nan * constant,
    )
