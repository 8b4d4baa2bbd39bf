"""Frames of a scene: sprites facing the camera, drawn into the room by exact equirectangular projection."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from avseld.io.boxes import PERSON, Boxes
from avseld.io.geometry import wrap
from data_prep.synth.motion import Trajectory
from data_prep.synth.scene import Scene
from data_prep.synth.sounds.banks import FilesByClass
from data_prep.synth.video.room_picture import render_room
from data_prep.synth.video.sprites import LEG_SWINGS, Sprite, object_sprite, person_sprites

POSE_S = 0.15
"""seconds for which a walking pose is shown: six poses make a gait cycle of 0.9 s"""
MOTION_INTERVAL_S = 0.05
"""a person walks if the azimuth has changed since this long before"""
SCORE_RANGE = (0.55, 0.93)
"""detection scores of the smallest and the largest person"""
SCORED_HEIGHT = (0.08, 0.38)
"""box heights, as shares of the frame, between which scores increase"""
SCORE_STD = 0.02
"""standard deviation of the scores"""


@dataclass(frozen=True)
class PlacedSprite:
    """A sprite at a position; it stands upright and faces the camera."""

    sprite: Sprite
    azimuth: float
    """degrees"""
    radius: float
    """horizontal distance, metres"""
    bottom: float
    """height of the lower edge above the camera, metres"""

    @property
    def half_angle(self) -> float:
        """Return the angle in degrees between the centre and an edge of the opaque part."""
        return float(np.degrees(np.arctan(self.sprite.half_width / self.radius)))

    def box(self) -> np.ndarray:
        """Compute the box around the opaque part.

        Returns:
            (4,) x0 y0 x1 y1 as shares of the frame. The centre is at the azimuth of the sprite and within 0..1; a box
            across the edge of the frame is not split, and extends below 0 or above 1.
        """
        middle = (180 - self.azimuth) / 360 % 1.0
        half = self.half_angle / 360
        nearest, farthest = self.radius, np.hypot(self.radius, self.sprite.half_width)
        head, foot = self.bottom + self.sprite.opaque_height, self.bottom
        top = np.arctan2(head, nearest if head > 0 else farthest)
        bottom = np.arctan2(foot, nearest if foot < 0 else farthest)
        return np.array([middle - half, 0.5 - top / np.pi, middle + half, 0.5 - bottom / np.pi])


class DrawnSprite(NamedTuple):
    """A sprite in a frame."""

    placed: PlacedSprite
    place: tuple[np.ndarray, np.ndarray]
    """index of the rows and columns of the frame that it reaches"""
    opaque: np.ndarray
    """(row, column) bool: which of these pixels it covers"""


@dataclass(frozen=True, eq=False)
class SeenPerson:
    """A person in a frame."""

    placed: PlacedSprite
    whole: np.ndarray
    """(row, column) bool: pixels that the person would cover alone in the room"""
    visible: np.ndarray
    """(row, column) bool: those of them that nobody and nothing nearer covers"""


class Camera:
    """Renders the frames of a scene and the boxes of its people.

    Args:
        scene: the plan.
        width: columns of a frame; it has half as many rows.
        images: image files by class, used in place of drawn sprites.
    """

    def __init__(self, scene: Scene, width: int, images: FilesByClass) -> None:
        self.scene, self.width = scene, width
        self.person_sprites = [
            person_sprites(p.voice, p.body_height, p.appearance_seed, images) for p in scene.people
        ]
        background = render_room(scene.room, width).copy()
        self.moving: list[tuple[Sprite, Trajectory]] = []
        objects = [(object_sprite(o.label, o.appearance_seed, images), o.trajectory) for o in scene.objects]
        for sprite, trajectory in sorted(objects, key=lambda item: -float(item[1].radius[0])):
            if trajectory.moves(0, scene.duration):
                self.moving.append((sprite, trajectory))
            else:
                draw_sprite(background, self._place_object(sprite, trajectory, 0.0))
        self.background = background

    def people(self, time: float) -> list[PlacedSprite]:
        """Place everybody at a time in seconds, in the order of the plan."""
        placed = []
        for person, sprites in zip(self.scene.people, self.person_sprites, strict=True):
            azimuth, radius = person.feet.polar(time)
            before, _ = person.feet.polar(time - MOTION_INTERVAL_S)
            walks = abs(float(azimuth) - float(before)) > 1e-6
            # The poses run forth and back: 1 2 3 4 3 2.
            pose = 1 + int(time / POSE_S) % (2 * len(LEG_SWINGS) - 2) if walks else 0
            pose = pose if pose <= len(LEG_SWINGS) else 2 * len(LEG_SWINGS) - pose
            placed.append(PlacedSprite(sprites[pose], float(azimuth), float(radius), person.feet.height))
        return placed

    def frame(self, time: float) -> np.ndarray:
        """Render the frame at a time in seconds, (row, column, 3) uint8."""
        return self._draw(time, self.people(time))[0]

    def frame_and_people(self, time: float) -> tuple[np.ndarray, list[SeenPerson]]:
        """Render the frame at a time in seconds and find the pixels of its people.

        Returns:
            (row, column, 3) uint8, and everybody in the order of the plan.
        """
        people = self.people(time)
        frame, drawn = self._draw(time, people)
        seen: dict[int, SeenPerson] = {}
        hidden = np.zeros(frame.shape[:2], bool)
        for placed, place, opaque in reversed(drawn):  # from the nearest to the farthest
            whole = np.zeros_like(hidden)
            whole[place] = opaque
            seen[id(placed)] = SeenPerson(placed, whole, whole & ~hidden)
            hidden |= whole
        return frame, [seen[id(placed)] for placed in people]

    def _draw(self, time: float, people: list[PlacedSprite]) -> tuple[np.ndarray, list[DrawnSprite]]:
        """Draw moving objects and people, the farthest first; return the frame and what was drawn, in this order."""
        frame = self.background.copy()
        objects = [self._place_object(sprite, trajectory, time) for sprite, trajectory in self.moving]
        order = sorted([*objects, *people], key=lambda placed: -placed.radius)
        return frame, [DrawnSprite(placed, *draw_sprite(frame, placed)) for placed in order]

    def boxes(self, time: np.ndarray, about: dict[str, Any], rng: np.random.Generator) -> Boxes:
        """Compute the exact boxes of all people, highest score first; scores increase with height.

        Args:
            time: (time,) seconds.
            about: metadata of the boxes file.
            rng: randomness of the scores.
        """
        k = len(self.scene.people)
        box = np.array([[placed.box() for placed in self.people(t)] for t in time]).reshape(len(time), k, 4)
        height = box[..., 3] - box[..., 1]
        share = np.clip((height - SCORED_HEIGHT[0]) / (SCORED_HEIGHT[1] - SCORED_HEIGHT[0]), 0, 1)
        mean = SCORE_RANGE[0] + (SCORE_RANGE[1] - SCORE_RANGE[0]) * share
        score = np.clip(mean + rng.normal(0, SCORE_STD, share.shape), 0.3, 0.99)
        order = np.argsort(-score, axis=1, kind="stable")
        label = np.full((len(time), k), PERSON)
        sorted_box = np.take_along_axis(box, order[..., None], axis=1)
        return Boxes(time, sorted_box, np.take_along_axis(score, order, axis=1), label, about)

    def _place_object(self, sprite: Sprite, trajectory: Trajectory, time: float) -> PlacedSprite:
        azimuth, radius = trajectory.polar(time)
        bottom = max(trajectory.height - sprite.height / 2, -self.scene.room.array_position[2])
        return PlacedSprite(sprite, float(azimuth), float(radius), bottom)


def draw_sprite(frame: np.ndarray, placed: PlacedSprite) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Draw a sprite into an equirectangular frame, in place, wrapped around its edges.

    The sprite is an upright plane at a horizontal distance, facing the camera. A pixel at azimuth a from its centre and
    elevation e shows the point radius * tan(a) to the left and radius / cos(a) * tan(e) above the camera.

    Args:
        frame: (row, column, 3) uint8, changed.
        placed: the sprite and its position.

    Returns:
        An index of the rows and columns of the frame that it reaches, and which of these pixels it covers.
    """
    rows, columns = frame.shape[:2]
    sprite, radius = placed.sprite, placed.radius
    half = np.degrees(np.arctan(sprite.width / 2 / radius))
    middle = (180 - placed.azimuth) / 360 * columns
    reach = half / 360 * columns
    column = np.arange(int(np.floor(middle - reach)), int(np.ceil(middle + reach)) + 1)
    head = placed.bottom + sprite.height
    heights = [head, head, placed.bottom, placed.bottom]
    edges = 0.5 - np.arctan2(heights, [radius, np.hypot(radius, sprite.width)] * 2) / np.pi
    row = np.arange(max(int(edges.min() * rows), 0), min(int(np.ceil(edges.max() * rows)) + 1, rows))
    offset = np.radians(wrap(180 - (column + 0.5) * 360 / columns - placed.azimuth))
    elevation = np.radians(90 - (row + 0.5) * 180 / rows)
    across = sprite.width / 2 - radius * np.tan(offset)
    down = head - (radius / np.cos(offset))[None, :] * np.tan(elevation)[:, None]
    inside = (across >= 0) & (across < sprite.width) & (down >= 0) & (down < sprite.height)
    texture = sprite.at_resolution(1.5 * len(row))
    x = np.clip(across / sprite.width * texture.shape[1], 0, texture.shape[1] - 1).astype(int)
    y = np.clip(down / sprite.height * texture.shape[0], 0, texture.shape[0] - 1).astype(int)
    drawn = texture[y, x[None, :]].astype(np.float32)
    alpha = drawn[..., 3:] / 255 * inside[..., None]
    place = row[:, None], column[None, :] % columns
    frame[place] = (frame[place] * (1 - alpha) + drawn[..., :3] * alpha + 0.5).astype(np.uint8)
    return place, alpha[..., 0] > 0.5
