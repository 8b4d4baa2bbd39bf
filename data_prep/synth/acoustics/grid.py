"""Scenes of the corpora before STARSS: sounds without makers, still on a grid of directions or on an arc."""

import numpy as np

from data_prep.synth.acoustics.rooms import Room
from data_prep.synth.motion import Path
from data_prep.synth.scene import FIRST_ONSET, LAST_PAUSE, LEVEL_DB, Scene, SoundEvent

GRID_DEG = 10
REACH = {1.0: 40, 2.0: 20}
"""distances in metres, and the steepest elevation at each, that the corpora of 2018 and 2019 were recorded at"""
SPEEDS = (10.0, 20.0, 40.0)
"""of moving sources, degrees a second (TAU-NIGENS 2020)"""
SHORTEST = 0.8


def draw_scene(
    room: Room,
    seconds: float,
    n_classes: int,
    lengths: tuple[float, float],
    gaps: tuple[float, float],
    overlap: int,
    snr_db: tuple[float, float],
    moving: float,
    rng: np.random.Generator,
) -> Scene:
    """Draw events one after another in so many voices; two that sound at once are of different classes.

    Args:
        room: where they sound.
        seconds: duration.
        n_classes: classes, drawn so that all come before one comes again.
        lengths: shortest and longest event, seconds.
        gaps: shortest and longest silence of a voice, seconds.
        overlap: voices.
        snr_db: least and most.
        moving: share of the sources that move along an arc.
        rng: all comes from it.
    """
    clock = [FIRST_ONSET + rng.uniform(0, 0.5 + voice) for voice in range(overlap)]
    events: list[SoundEvent] = []
    deck: list[int] = []
    end = seconds - LAST_PAUSE
    while min(clock) < end:
        voice = int(np.argmin(clock))
        onset = clock[voice]
        sounding = {event.label for event in events if event.onset + event.seconds > onset - 0.1}
        if not set(deck) - sounding:
            deck += rng.permutation(n_classes).tolist()
        label = deck.pop(next(place for place, card in enumerate(deck) if card not in sounding))
        length = min(float(rng.uniform(*lengths)), end - onset)
        clock[voice] = onset + length + rng.uniform(*gaps)
        if length >= SHORTEST:
            path = (_arc if rng.random() < moving else _still)(onset, length, rng)
            events.append(SoundEvent(label, len(events), onset, length, path, float(rng.uniform(*LEVEL_DB))))
    return Scene(room, seconds, float(rng.uniform(*snr_db)), tuple(events), (), ())


def _still(onset: float, length: float, rng: np.random.Generator) -> Path:
    distance = float(rng.choice(list(REACH)))
    azimuth = float(rng.integers(-18, 18) * GRID_DEG)
    steps = REACH[distance] // GRID_DEG
    elevation = np.radians(float(rng.integers(-steps, steps + 1) * GRID_DEG))
    return Path.still(azimuth, float(distance * np.cos(elevation)), float(distance * np.sin(elevation)))


def _arc(onset: float, length: float, rng: np.random.Generator) -> Path:
    start = rng.uniform(-180, 180)
    turn = float(rng.choice(SPEEDS)) * length * rng.choice([-1, 1])
    radius, height = rng.uniform(1.0, 2.0), rng.uniform(-0.6, 0.6)
    time = np.array([onset, onset + length])
    return Path(time, np.array([start, start + turn]), np.full(2, radius), float(height))
