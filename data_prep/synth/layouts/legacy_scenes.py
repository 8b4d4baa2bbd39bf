"""Scenes of the corpora before STARSS: sources without visible makers, on a grid of directions or moving along arcs.

Sources: S. Adavanne, A. Politis, T. Virtanen, "A multi-room reverberant dataset for sound event localization and
detection", DCASE 2019 workshop (grid of 10 degrees at 1 and 2 m); A. Politis, S. Adavanne, T. Virtanen, "A dataset of
reverberant spatial sound scenes with moving sources for sound event localization and detection", DCASE 2020 workshop,
arXiv 2006.01919 (moving sources).
"""

import numpy as np

from data_prep.synth.acoustics.rooms import Room
from data_prep.synth.motion import Trajectory
from data_prep.synth.scene import EVENT_GAIN_DB, FIRST_ONSET_S, LAST_PAUSE_S, Scene, SoundEvent

DIRECTION_STEP_DEG = 10
"""grid of azimuths and elevations of TAU Spatial Sound Events 2019"""
MAX_ELEVATION_DEG = {1.0: 40, 2.0: 20}
"""distance in metres -> largest absolute elevation recorded at it"""
ARC_SPEEDS_DEG_S = (10.0, 20.0, 40.0)
"""angular speeds of moving sources in TAU-NIGENS 2020"""
ARC_RADIUS_M = (1.0, 2.0)
"""horizontal distance of moving sources"""
ARC_HEIGHT_M = (-0.6, 0.6)
"""height of moving sources relative to the array: elevations up to some 30 degrees"""
MIN_EVENT_S = 0.8
"""shorter events, cut off by the end of the recording, are left out"""
SAME_CLASS_GAP_S = 0.1
"""a class is drawn again only this long after its previous event, one label frame"""


def draw_legacy_scene(
    room: Room,
    duration: float,
    n_classes: int,
    event_s: tuple[float, float],
    gaps_s: tuple[float, float],
    polyphony: int,
    snr_db: tuple[float, float],
    moving_share: float,
    rng: np.random.Generator,
) -> Scene:
    """Draw layers of consecutive events; overlapping events are of different classes.

    Args:
        room: the room.
        duration: seconds.
        n_classes: number of classes; all are drawn before one repeats.
        event_s: shortest and longest event.
        gaps_s: shortest and longest silence in a layer.
        polyphony: number of layers.
        snr_db: lowest and highest.
        moving_share: share of sources that move along an arc.
        rng: the only source of randomness.
    """
    next_onset = [FIRST_ONSET_S + rng.uniform(0, 0.5 + layer) for layer in range(polyphony)]
    events: list[SoundEvent] = []
    deck: list[int] = []
    end = duration - LAST_PAUSE_S
    while min(next_onset) < end:
        layer = int(np.argmin(next_onset))
        onset = next_onset[layer]
        active = {event.label for event in events if event.onset + event.duration > onset - SAME_CLASS_GAP_S}
        if not set(deck) - active:
            deck += rng.permutation(n_classes).tolist()
        label = deck.pop(next(place for place, card in enumerate(deck) if card not in active))
        length = min(float(rng.uniform(*event_s)), end - onset)
        next_onset[layer] = onset + length + rng.uniform(*gaps_s)
        if length >= MIN_EVENT_S:
            draw = _draw_arc if rng.random() < moving_share else _draw_grid_position
            trajectory = draw(onset, length, rng)
            gain_db = float(rng.uniform(*EVENT_GAIN_DB))
            events.append(SoundEvent(label, len(events), onset, length, trajectory, gain_db))
    return Scene(room, duration, float(rng.uniform(*snr_db)), tuple(events), (), ())


def _draw_grid_position(onset: float, length: float, rng: np.random.Generator) -> Trajectory:
    distance = float(rng.choice(list(MAX_ELEVATION_DEG)))
    half_circle = 180 // DIRECTION_STEP_DEG
    azimuth = float(rng.integers(-half_circle, half_circle) * DIRECTION_STEP_DEG)
    steps = MAX_ELEVATION_DEG[distance] // DIRECTION_STEP_DEG
    elevation = np.radians(float(rng.integers(-steps, steps + 1) * DIRECTION_STEP_DEG))
    radius, height = float(distance * np.cos(elevation)), float(distance * np.sin(elevation))
    return Trajectory.stationary(azimuth, radius, height)


def _draw_arc(onset: float, length: float, rng: np.random.Generator) -> Trajectory:
    start = rng.uniform(-180, 180)
    arc = float(rng.choice(ARC_SPEEDS_DEG_S)) * length * rng.choice([-1, 1])
    radius, height = rng.uniform(*ARC_RADIUS_M), rng.uniform(*ARC_HEIGHT_M)
    time = np.array([onset, onset + length])
    return Trajectory(time, np.array([start, start + arc]), np.full(2, radius), float(height))
