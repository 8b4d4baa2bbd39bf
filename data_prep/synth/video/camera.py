"""A plan becomes frames: figures facing the camera, put into the room by exact equirectangular projection."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from avseld.io.boxes import PERSON, Boxes
from avseld.io.geometry import wrap
from data_prep.synth.motion import Path
from data_prep.synth.scene import Scene
from data_prep.synth.sounds.banks import Bank
from data_prep.synth.video.room_picture import backdrop
from data_prep.synth.video.sprites import STEPS, Figure, person_figures, thing_figure

STEP_SECONDS = 0.15
SURE = (0.55, 0.93)
"""scores of the smallest and the largest person"""


@dataclass(frozen=True)
class Standing:
    """A figure at a place."""

    figure: Figure
    azimuth: float
    """degrees"""
    radius: float
    """horizontal metres"""
    foot: float
    """lower edge, metres above the camera"""

    @property
    def half_angle(self) -> float:
        """Degrees from the middle to an edge of what is drawn."""
        return float(np.degrees(np.arctan(self.figure.half_width / self.radius)))

    def box(self) -> np.ndarray:
        """x0 y0 x1 y1 in 0..1 around what is drawn, its centre at the place's azimuth.

        A box across the picture's edge goes beyond 0 or 1 and is not split; its centre stays within.
        """
        middle = (180 - self.azimuth) / 360 % 1.0
        half = self.half_angle / 360
        nearest, farthest = self.radius, np.hypot(self.radius, self.figure.half_width)
        head, foot = self.foot + self.figure.top, self.foot
        top = np.arctan2(head, nearest if head > 0 else farthest)
        bottom = np.arctan2(foot, nearest if foot < 0 else farthest)
        return np.array([middle - half, 0.5 - top / np.pi, middle + half, 0.5 - bottom / np.pi])


class Camera:
    """Renders a scene's frames and knows where its people are in them."""

    def __init__(self, scene: Scene, width: int, pictures: Bank) -> None:
        self.scene, self.width = scene, width
        self.looks = [person_figures(p.voice, p.tall, p.look, pictures) for p in scene.people]
        still = backdrop(scene.room, width).copy()
        self.moving: list[tuple[Figure, Path]] = []
        placed = [(thing_figure(thing.label, thing.look, pictures), thing.path) for thing in scene.things]
        for figure, path in sorted(placed, key=lambda item: -float(item[1].radius[0])):
            if path.moves(0, scene.seconds):
                self.moving.append((figure, path))
            else:
                put(still, self._thing(figure, path, 0.0))
        self.still = still

    def people(self, time: float) -> list[Standing]:
        """Where everybody is at a time, in the order of the plan."""
        found = []
        for person, look in zip(self.scene.people, self.looks, strict=True):
            azimuth, radius = person.feet.polar(time)
            before, _ = person.feet.polar(time - 0.05)
            walks = abs(float(azimuth) - float(before)) > 1e-6
            step = 1 + int(time / STEP_SECONDS) % (2 * len(STEPS) - 2) if walks else 0
            step = step if step <= len(STEPS) else 2 * len(STEPS) - step
            found.append(Standing(look[step], float(azimuth), float(radius), person.feet.height))
        return found

    def frame(self, time: float) -> np.ndarray:
        """The picture at a time, (row, column, 3) uint8."""
        picture = self.still.copy()
        things = [self._thing(figure, path, time) for figure, path in self.moving]
        for standing in sorted([*things, *self.people(time)], key=lambda standing: -standing.radius):
            put(picture, standing)
        return picture

    def boxes(self, time: np.ndarray, about: dict[str, Any], rng: np.random.Generator) -> Boxes:
        """Boxes of all people at some times, the largest first; scores rise with the size.

        Args:
            time: (time,) seconds.
            about: goes into the boxes file.
            rng: makes scores uneven.
        """
        k = len(self.scene.people)
        box = np.array([[standing.box() for standing in self.people(t)] for t in time]).reshape(-1, k, 4)
        tall = box[..., 3] - box[..., 1]
        size = np.clip((tall - 0.08) / 0.3, 0, 1)
        score = np.clip(SURE[0] + (SURE[1] - SURE[0]) * size + rng.normal(0, 0.02, size.shape), 0.3, 0.99)
        order = np.argsort(-score, axis=1, kind="stable")
        label = np.full((len(time), k), PERSON)
        sorted_box = np.take_along_axis(box, order[..., None], axis=1)
        return Boxes(time, sorted_box, np.take_along_axis(score, order, axis=1), label, about)

    def _thing(self, figure: Figure, path: Path, time: float) -> Standing:
        azimuth, radius = path.polar(time)
        foot = max(path.height - figure.height / 2, -self.scene.room.array[2])
        return Standing(figure, float(azimuth), float(radius), foot)


def put(picture: np.ndarray, standing: Standing) -> None:
    """Paint a figure into an equirectangular picture, in place, across its edge if need be.

    The figure is a plane at a horizontal distance, facing the camera: a pixel at azimuth a off the middle and
    elevation e shows its point radius * tan(a) to the left and radius / cos(a) * tan(e) above the camera.
    """
    rows, columns = picture.shape[:2]
    figure, radius = standing.figure, standing.radius
    half = np.degrees(np.arctan(figure.width / 2 / radius))
    middle = (180 - standing.azimuth) / 360 * columns
    reach = half / 360 * columns
    column = np.arange(int(np.floor(middle - reach)), int(np.ceil(middle + reach)) + 1)
    head = standing.foot + figure.height
    edges = (
        0.5
        - np.arctan2([head, head, standing.foot, standing.foot], [radius, np.hypot(radius, figure.width)] * 2)
        / np.pi
    )
    row = np.arange(max(int(edges.min() * rows), 0), min(int(np.ceil(edges.max() * rows)) + 1, rows))
    off = np.radians(wrap(180 - (column + 0.5) * 360 / columns - standing.azimuth))
    elevation = np.radians(90 - (row + 0.5) * 180 / rows)
    across = figure.width / 2 - radius * np.tan(off)
    down = head - (radius / np.cos(off))[None, :] * np.tan(elevation)[:, None]
    inside = (across >= 0) & (across < figure.width) & (down >= 0) & (down < figure.height)
    texture = figure.level(1.5 * len(row))
    x = np.clip(across / figure.width * texture.shape[1], 0, texture.shape[1] - 1).astype(int)
    y = np.clip(down / figure.height * texture.shape[0], 0, texture.shape[0] - 1).astype(int)
    drawn = texture[y, x[None, :]].astype(np.float32)
    alpha = drawn[..., 3:] / 255 * inside[..., None]
    place = np.ix_(row, column % columns)
    picture[place] = (picture[place] * (1 - alpha) + drawn[..., :3] * alpha + 0.5).astype(np.uint8)
