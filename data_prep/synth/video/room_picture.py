"""Picture of the empty room from a 360-degree camera at the array, by ray casting."""

from functools import lru_cache

import numpy as np
from PIL import Image

from avseld.io.geometry import unit_vector
from data_prep.synth.acoustics.rooms import Room

FLOOR, CEILING = 4, 5
"""surface indices; 0 to 3 are the walls at low x, high x, low y, high y"""
LAMP_SPACING_M = 2.2
LAMP_RADIUS_M = 0.25
"""ceiling lamps stand on a square grid"""


@lru_cache(maxsize=4)
def render_room(room: Room, width: int) -> np.ndarray:
    """Render a room without people.

    Args:
        room: its size, the position of the camera, the seed of its appearance.
        width: columns; rows are half as many.

    Returns:
        (row, column, 3) uint8, equirectangular, azimuth 0 at the centre and positive to the left; read-only.
    """
    rng = np.random.default_rng(room.appearance_seed)
    rays = pixel_rays(width)
    distance, surface = _cast_on_walls(rays, np.array(room.array_position), np.array(room.size))
    point = np.array(room.array_position, np.float32) + rays * distance[..., None]
    colour = _paint_surfaces(surface, point, np.array(room.size), rng)
    for corner, size in _furniture(room, rng):
        _paint_box(colour, distance, rays, np.array(room.array_position), corner, size, rng)
    light = rng.uniform(0.75, 1.1) / (1 + 0.02 * distance**2)
    colour *= (light * (0.85 + 0.3 * _smooth_noise(width, rng)))[..., None]
    colour += rng.normal(0, 2.0, colour.shape[:2]).astype(np.float32)[..., None]
    picture = np.clip(colour, 0, 255).astype(np.uint8)
    picture.setflags(write=False)
    return picture


def pixel_rays(width: int) -> np.ndarray:
    """Compute the directions of the pixel centres, (row, column, 3) float32 unit vectors."""
    azimuth = 180 - (np.arange(width) + 0.5) * 360 / width
    elevation = 90 - (np.arange(width // 2) + 0.5) * 360 / width
    return unit_vector(azimuth[None, :], elevation[:, None]).astype(np.float32)


def _cast_on_walls(rays: np.ndarray, eye: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Follow rays (..., 3) from `eye` to the walls: distance (...,) in metres and surface index (...,)."""
    ahead = rays > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = np.where(ahead, size - eye, -eye).astype(np.float32) / rays
    axis = np.argmin(np.where(rays == 0, np.inf, distances), axis=-1)
    distance = np.take_along_axis(distances, axis[..., None], axis=-1)[..., 0]
    side = np.take_along_axis(ahead, axis[..., None], axis=-1)[..., 0]
    return distance, 2 * axis + side


def _paint_surfaces(
    surface: np.ndarray, point: np.ndarray, size: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Colour (row, column, 3) of walls with pictures and windows, plank floor with a rug, ceiling with lamps."""
    base = rng.uniform(150, 235, 3)
    colours = [np.clip(base * rng.uniform(0.8, 1.05), 0, 255) for _ in range(4)]
    colours += [rng.uniform((90, 60, 40), (170, 130, 100)), np.full(3, rng.uniform(210, 245))]
    picture = np.array(colours, np.float32)[surface]
    plank = np.floor(point[..., 1] / rng.uniform(0.12, 0.3)) * 12.9898
    tone = 0.85 + 0.3 * (np.abs(np.sin(plank) * 43758.5) % 1)
    picture[surface == FLOOR] *= tone[surface == FLOOR][..., None]
    _paint_rug(picture, surface, point, size, rng)
    for number in range(4):
        along = point[..., 1 if number < 2 else 0]
        length = size[1 if number < 2 else 0]
        for _ in range(rng.integers(1, 4)):
            start, high = rng.uniform(0.1, 0.75) * length, rng.uniform(0.6, 1.6)
            wide, tall = rng.uniform(0.4, 1.6), rng.uniform(0.4, 0.9)
            here = (surface == number) & (np.abs(along - start - wide / 2) < wide / 2)
            here &= np.abs(point[..., 2] - high - tall / 2) < tall / 2
            picture[here] = rng.uniform(30, 250, 3)
    offset = point[..., :2] % LAMP_SPACING_M - LAMP_SPACING_M / 2
    lamps = np.hypot(offset[..., 0], offset[..., 1]) < LAMP_RADIUS_M
    picture[lamps & (surface == CEILING)] = 255
    return picture


def _paint_rug(
    picture: np.ndarray, surface: np.ndarray, point: np.ndarray, size: np.ndarray, rng: np.random.Generator
) -> None:
    centre, half = rng.uniform(0.3, 0.7, 2) * size[:2], rng.uniform(0.6, 1.4, 2)
    away = np.abs((point[..., :2] - centre) / half)
    picture[(surface == FLOOR) & (away.max(axis=-1) < 1)] = rng.uniform(60, 200, 3)
    picture[(surface == FLOOR) & (away.max(axis=-1) < 0.8)] = rng.uniform(60, 200, 3)


def _furniture(room: Room, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw boxes that stand along the walls: corner and size, metres."""
    boxes = []
    for number in range(4):
        for _ in range(rng.integers(0, 3)):
            size = rng.uniform((0.5, 0.3, 0.4), (1.6, 0.55, 1.9))
            axis = number // 2
            if axis == 0:
                size[:2] = size[1::-1]
            corner = rng.uniform(0, 1, 3) * (np.array(room.size) - size)
            corner[axis] = 0 if number % 2 == 0 else room.size[axis] - size[axis]
            corner[2] = 0
            boxes.append((corner, size))
    return boxes


def _paint_box(
    colour: np.ndarray,
    distance: np.ndarray,
    rays: np.ndarray,
    eye: np.ndarray,
    corner: np.ndarray,
    size: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Paint a box where it is nearer than `distance`, in place; slab test of Kay and Kajiya (SIGGRAPH 1986)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first = (corner - eye).astype(np.float32) / rays
        second = (corner + size - eye).astype(np.float32) / rays
    near = np.minimum(first, second)
    enter, leave = near.max(axis=-1), np.maximum(first, second).min(axis=-1)
    hit = (enter < leave) & (enter > 0) & (enter < distance)
    shade = np.array([0.8, 1.0, 1.2], np.float32)[near.argmax(axis=-1)]
    colour[hit] = rng.uniform(40, 200, 3) * shade[hit][:, None]
    distance[hit] = enter[hit]


def _smooth_noise(width: int, rng: np.random.Generator) -> np.ndarray:
    """Draw smooth variations of light in 0..1, (row, column), continuous across the left and right edge."""
    coarse = rng.random((8, 16), dtype=np.float32)
    around = np.concatenate([coarse, coarse, coarse], axis=1)
    whole = Image.fromarray(around).resize((3 * width, width // 2), Image.Resampling.BICUBIC)
    return np.asarray(whole)[:, width : 2 * width]
