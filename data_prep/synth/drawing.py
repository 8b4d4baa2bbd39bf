"""Rooms and scenes of a preset, as the generators of corpora and of pictures draw them."""

from pathlib import Path

import numpy as np

from data_prep.synth.acoustics.rooms import Room, draw_room
from data_prep.synth.label_statistics import read_statistics_once
from data_prep.synth.presets import Preset
from data_prep.synth.scene import Scene, draw_scene
from data_prep.synth.scene_like import draw_scene_like


def draw_room_of(preset: Preset, number: int, rng: np.random.Generator) -> Room:
    """Draw a room of a preset.

    Args:
        preset: ranges of its size, its reverberation and the place of the array.
        number: room number.
        rng: the only source of randomness.
    """
    return draw_room(
        number, preset.rt60_s, rng, preset.room_m, preset.array_height_m, preset.min_critical_distance_m
    )


def draw_scene_of(
    preset: Preset, room: Room, duration: float, rng: np.random.Generator, like: Path | str | None = None
) -> Scene:
    """Draw a scene of a preset, by label statistics where it has some.

    Args:
        preset: of the scene.
        room: the room, with the array in it.
        duration: seconds.
        rng: the only source of randomness.
        like: table of label statistics in place of those of the preset, if it has some.
    """
    if preset.statistics is None:
        return draw_scene(room, duration, preset, rng)
    return draw_scene_like(read_statistics_once(like or preset.statistics), room, duration, preset, rng)
