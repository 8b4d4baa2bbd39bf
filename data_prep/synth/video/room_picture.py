"""The empty room as a 360-degree camera at the array sees it: a pixel's ray is followed to what it hits."""

from functools import lru_cache

import numpy as np
from PIL import Image

from avseld.io.geometry import unit_vector
from data_prep.synth.acoustics.rooms import Room

WALLS = 6
"""low and high x, low and high y, floor and ceiling"""


@lru_cache(maxsize=4)
def backdrop(room: Room, width: int) -> np.ndarray:
    """Picture of a room without people.

    Args:
        room: its size, the place of the camera, the seed of its look.
        width: columns; rows are half as many.

    Returns:
        (row, column, 3) uint8, equirectangular, azimuth 0 in the middle and positive to the left.
    """
    rng = np.random.default_rng(room.look)
    rays = pixel_rays(width)
    distance, wall = _walls(rays, np.array(room.array), np.array(room.size))
    point = np.array(room.array, np.float32) + rays * distance[..., None]
    colour = _paint(wall, point, np.array(room.size), rng)
    for corner, size in _furniture(room, rng):
        _put_box(colour, distance, rays, np.array(room.array), corner, size, rng)
    light = rng.uniform(0.75, 1.1) / (1 + 0.02 * distance**2)
    colour *= (light * (0.85 + 0.3 * _clouds(width, rng)))[..., None]
    colour += rng.normal(0, 2.0, colour.shape[:2]).astype(np.float32)[..., None]
    picture = np.clip(colour, 0, 255).astype(np.uint8)
    picture.setflags(write=False)
    return picture


def pixel_rays(width: int) -> np.ndarray:
    """Directions of the pixels' centres, (row, column, 3) float32 unit vectors."""
    azimuth = 180 - (np.arange(width) + 0.5) * 360 / width
    elevation = 90 - (np.arange(width // 2) + 0.5) * 360 / width
    return unit_vector(azimuth[None, :], elevation[:, None]).astype(np.float32)


def _walls(rays: np.ndarray, eye: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ahead = rays > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = np.where(ahead, size - eye, -eye).astype(np.float32) / rays
    axis = np.argmin(np.where(rays == 0, np.inf, distances), axis=-1)
    distance = np.take_along_axis(distances, axis[..., None], axis=-1)[..., 0]
    side = np.take_along_axis(ahead, axis[..., None], axis=-1)[..., 0]
    return distance, 2 * axis + side


def _paint(wall: np.ndarray, point: np.ndarray, size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    base = rng.uniform(150, 235, 3)
    colours = [np.clip(base * rng.uniform(0.8, 1.05), 0, 255) for _ in range(4)]
    colours += [rng.uniform((90, 60, 40), (170, 130, 100)), np.full(3, rng.uniform(210, 245))]
    picture = np.array(colours, np.float32)[wall]
    plank = np.floor(point[..., 1] / rng.uniform(0.12, 0.3)) * 12.9898
    tone = 0.85 + 0.3 * (np.abs(np.sin(plank) * 43758.5) % 1)
    picture[wall == 4] *= tone[wall == 4][..., None]
    _put_rug(picture, wall, point, size, rng)
    for number in range(4):
        along = point[..., 1 if number < 2 else 0]
        length = size[1 if number < 2 else 0]
        for _ in range(rng.integers(1, 4)):
            start, high = rng.uniform(0.1, 0.75) * length, rng.uniform(0.6, 1.6)
            wide, tall = rng.uniform(0.4, 1.6), rng.uniform(0.4, 0.9)
            here = (wall == number) & (np.abs(along - start - wide / 2) < wide / 2)
            here &= np.abs(point[..., 2] - high - tall / 2) < tall / 2
            picture[here] = rng.uniform(30, 250, 3)
    lamps = np.hypot(point[..., 0] % 2.2 - 1.1, point[..., 1] % 2.2 - 1.1) < 0.25
    picture[lamps & (wall == 5)] = 255
    return picture


def _put_rug(
    picture: np.ndarray, wall: np.ndarray, point: np.ndarray, size: np.ndarray, rng: np.random.Generator
) -> None:
    centre, half = rng.uniform(0.3, 0.7, 2) * size[:2], rng.uniform(0.6, 1.4, 2)
    away = np.abs((point[..., :2] - centre) / half)
    picture[(wall == 4) & (away.max(axis=-1) < 1)] = rng.uniform(60, 200, 3)
    picture[(wall == 4) & (away.max(axis=-1) < 0.8)] = rng.uniform(60, 200, 3)


def _furniture(room: Room, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Boxes along the walls: corner and size in metres."""
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


def _put_box(
    colour: np.ndarray,
    distance: np.ndarray,
    rays: np.ndarray,
    eye: np.ndarray,
    corner: np.ndarray,
    size: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Paint a box where it is nearer than what is there; the slab test of Kay and Kajiya (SIGGRAPH 1986)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first = (corner - eye).astype(np.float32) / rays
        second = (corner + size - eye).astype(np.float32) / rays
    near = np.minimum(first, second)
    enter, leave = near.max(axis=-1), np.maximum(first, second).min(axis=-1)
    hit = (enter < leave) & (enter > 0) & (enter < distance)
    shade = np.array([0.8, 1.0, 1.2], np.float32)[near.argmax(axis=-1)]
    colour[hit] = rng.uniform(40, 200, 3) * shade[hit][:, None]
    distance[hit] = enter[hit]


def _clouds(width: int, rng: np.random.Generator) -> np.ndarray:
    """Smooth unevenness of the light in 0..1, (row, column), that closes at the edges."""
    coarse = rng.random((8, 16), dtype=np.float32)
    around = np.concatenate([coarse, coarse, coarse], axis=1)
    whole = Image.fromarray(around).resize((3 * width, width // 2), Image.Resampling.BICUBIC)
    return np.asarray(whole)[:, width : 2 * width]
