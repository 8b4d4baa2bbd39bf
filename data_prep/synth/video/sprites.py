"""Flat pictures of people and things, with transparency, that are put up in the scene facing the camera."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from avseld.base.errors import BadInput
from data_prep.synth.sounds.banks import Bank
from data_prep.synth.sounds.classes import CLASSES, FEMALE_SPEECH, MALE_SPEECH
from data_prep.synth.video.people import Voice

STEPS = (-1.0, -0.4, 0.4, 1.0)
"""swing of the legs in the pictures of somebody walking"""
ROWS_PER_METRE = 240
FIGURE_WIDTH = 0.9
"""metres that a drawn person's picture is wide, empty margins included"""
WIDEST_PICTURE = 1.0
SKIN = ((255, 219, 190), (234, 190, 150), (198, 140, 100), (141, 90, 60), (90, 58, 40))
HAIR = ((30, 22, 18), (80, 50, 30), (150, 110, 60), (190, 190, 190), (120, 40, 20))
Box = tuple[float, float, float, float]


class Figure:
    """A picture with its size in metres, kept at several resolutions so that small ones do not flicker."""

    def __init__(self, picture: Image.Image, width: float, height: float) -> None:
        self.levels = [np.asarray(picture.convert("RGBA"))]
        while min(self.levels[-1].shape[:2]) > 8:
            smaller = Image.fromarray(self.levels[-1]).reduce(2)
            self.levels.append(np.asarray(smaller))
        opaque = self.levels[0][..., 3] > 127
        columns, rows = np.flatnonzero(opaque.any(axis=0)), np.flatnonzero(opaque.any(axis=1))
        middle = opaque.shape[1] / 2
        self.width, self.height = width, height
        self.half_width = float(max(middle - columns[0], columns[-1] + 1 - middle) / opaque.shape[1] * width)
        """metres from the middle to the farther edge of what is drawn"""
        self.top = float(height * (1 - rows[0] / opaque.shape[0]))
        """metres above the lower edge of the picture"""

    def level(self, rows: float) -> np.ndarray:
        """The smallest version with at least so many rows, (row, column, 4) uint8."""
        return next((level for level in self.levels[::-1] if level.shape[0] >= rows), self.levels[0])


def person_figures(voice: Voice, tall: float, look: int, pictures: Bank) -> list[Figure]:
    """Somebody standing, then walking: one picture for each of `STEPS`.

    Args:
        voice: chooses hair and clothing, or the class of the picture.
        tall: metres.
        look: seed of what is left.
        pictures: files by class; a real picture stands for all poses.
    """
    rng = np.random.default_rng(look)
    files = pictures.get(FEMALE_SPEECH if voice == "female" else MALE_SPEECH)
    if files:
        picture = real_picture(files[rng.integers(len(files))])
        width = min(tall * picture.width / picture.height, WIDEST_PICTURE)
        return [Figure(picture, width, tall)] * (1 + len(STEPS))
    colours = _colours(rng)
    dress, build = voice == "female" and rng.random() < 0.5, rng.uniform(0.9, 1.15)
    return [
        Figure(_draw_person(tall, voice == "female", dress, build, colours, swing), FIGURE_WIDTH, tall)
        for swing in (0.0, *STEPS)
    ]


def thing_figure(label: int, look: int, pictures: Bank) -> Figure:
    """An object of a class, drawn or from a file."""
    rng = np.random.default_rng(look)
    width, height = CLASSES[label].size
    if files := pictures.get(label):
        picture = real_picture(files[rng.integers(len(files))])
        return Figure(picture, min(height * picture.width / picture.height, 1.5), height)
    return Figure(_draw_thing(label, width, height, rng), width, height)


@lru_cache(maxsize=256)
def real_picture(path: Path) -> Image.Image:
    """Read a picture.

    Raises:
        BadInput: missing or unreadable.
    """
    try:
        with Image.open(path) as file:
            return file.convert("RGBA")
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: no readable picture ({error}); take it out of the folder") from error


def _colours(rng: np.random.Generator) -> dict[str, tuple[int, ...]]:
    return {
        "skin": SKIN[rng.integers(len(SKIN))],
        "hair": HAIR[rng.integers(len(HAIR))],
        "shirt": tuple(rng.integers(30, 235, 3).tolist()),
        "trousers": tuple(rng.integers(15, 130, 3).tolist()),
        "shoes": tuple(rng.integers(10, 70, 3).tolist()),
    }


def _draw_person(
    tall: float,
    long_hair: bool,
    dress: bool,
    build: float,
    colours: dict[str, tuple[int, ...]],
    swing: float,
) -> Image.Image:
    """Shares of the height (eight heads tall, as in drawing books); limbs are thick lines with round ends."""
    scale = 2 * ROWS_PER_METRE * tall
    width, height = round(2 * ROWS_PER_METRE * FIGURE_WIDTH), round(scale)
    picture = Image.new("RGBA", (width, height), (*colours["shirt"], 0))
    draw = ImageDraw.Draw(picture)

    def limb(points: list[tuple[float, float]], thick: float, colour: str) -> None:
        places = [(width / 2 + x * scale, y * scale) for x, y in points]
        draw.line(places, colours[colour], max(round(thick * scale), 1), joint="curve")
        for x, y in places:
            r = thick * scale / 2
            draw.ellipse((x - r, y - r, x + r, y + r), colours[colour])

    def oval(x: float, y: float, rx: float, ry: float, colour: str) -> None:
        x, y = width / 2 + x * scale, y * scale
        draw.ellipse((x - rx * scale, y - ry * scale, x + rx * scale, y + ry * scale), colours[colour])

    shoulder, hip = 0.105 * build, 0.055 * build
    if long_hair:
        oval(0, 0.085, 0.062, 0.085, "hair")
    for side in (-1, 1):
        step = side * swing * 0.13
        limb(
            [(side * hip * 0.8, 0.5), (side * hip * 0.9 + step * 0.55, 0.74), (side * hip + step, 0.955)],
            0.07,
            "trousers",
        )
        limb([(side * hip + step, 0.978), (side * (hip + 0.02) + step, 0.978)], 0.04, "shoes")
        swung = -side * swing * 0.07
        limb([(side * shoulder, 0.21), (side * (shoulder + 0.02) + swung * 0.5, 0.36)], 0.05 * build, "shirt")
        limb(
            [(side * (shoulder + 0.02) + swung * 0.5, 0.36), (side * (shoulder + 0.015) + swung, 0.5)],
            0.036,
            "skin",
        )
    limb([(0, 0.13), (0, 0.2)], 0.05, "skin")
    limb([(-shoulder * 0.75, 0.225), (shoulder * 0.75, 0.225)], 0.08, "shirt")
    limb([(-hip * 0.7, 0.27), (-hip * 0.7, 0.47)], 0.1 * build, "shirt")
    limb([(hip * 0.7, 0.27), (hip * 0.7, 0.47)], 0.1 * build, "shirt")
    if dress:
        corners = [(-hip - 0.02, 0.42), (hip + 0.02, 0.42), (hip + 0.09, 0.72), (-hip - 0.09, 0.72)]
        draw.polygon([(width / 2 + x * scale, y * scale) for x, y in corners], colours["shirt"])
    oval(0, 0.072, 0.048, 0.066, "skin")
    draw.pieslice(
        [(width / 2 - 0.053 * scale, 0.0), (width / 2 + 0.053 * scale, 0.12 * scale)],
        180,
        360,
        colours["hair"],
    )
    colours = colours | {"eyes": (25, 25, 30), "mouth": (150, 50, 50)}
    for side in (-1, 1):
        oval(side * 0.018, 0.066, 0.006, 0.005, "eyes")
    oval(0, 0.104, 0.015, 0.006, "mouth")
    return picture.reduce(2)


BODY: dict[int, list[tuple[str, Box, int]]] = {
    3: [("rounded_rectangle", (0.2, 0.0, 0.8, 1.0), 40), ("rectangle", (0.27, 0.1, 0.73, 0.7), 220)],
    5: [("rounded_rectangle", (0.1, 0.45, 0.9, 0.95), 110), ("rectangle", (0.42, 0.0, 0.55, 0.5), 60)],
    7: [
        ("rectangle", (0.0, 0.0, 1.0, 1.0), 90),
        ("rectangle", (0.12, 0.06, 0.88, 0.46), 120),
        ("rectangle", (0.12, 0.54, 0.88, 0.94), 120),
        ("ellipse", (0.84, 0.47, 0.94, 0.52), 230),
    ],
    8: [
        ("rectangle", (0.0, 0.0, 1.0, 1.0), 35),
        ("ellipse", (0.2, 0.5, 0.8, 0.92), 120),
        ("ellipse", (0.32, 0.12, 0.68, 0.36), 120),
    ],
    9: [
        ("rectangle", (0.45, 0.0, 0.55, 0.6), 60),
        ("ellipse", (0.15, 0.45, 0.85, 0.75), 150),
        ("ellipse", (0.05, 0.62, 0.95, 1.0), 150),
        ("ellipse", (0.38, 0.62, 0.62, 0.74), 30),
    ],
    10: [
        ("rectangle", (0.0, 0.6, 1.0, 1.0), 225),
        ("rectangle", (0.4, 0.05, 0.5, 0.6), 160),
        ("rectangle", (0.4, 0.05, 0.8, 0.16), 160),
        ("rectangle", (0.7, 0.16, 0.76, 0.6), 205),
    ],
    11: [
        ("ellipse", (0.42, 0.82, 0.58, 1.0), 90),
        ("pieslice", (0.08, 0.0, 0.92, 1.6), 200),
        ("rectangle", (0.02, 0.78, 0.98, 0.88), 170),
    ],
}
BODY[12] = BODY[7]
"""shapes of things by class: kind, box in shares of width and height, brightness"""
DRAWN = tuple(BODY)
"""classes with an object in the picture"""


def _draw_thing(label: int, width: float, height: float, rng: np.random.Generator) -> Image.Image:
    columns, rows = round(2 * ROWS_PER_METRE * width), round(2 * ROWS_PER_METRE * height)
    tint = rng.uniform(0.6, 1.2, 3)
    picture = Image.new("RGBA", (columns, rows), (128, 128, 128, 0))
    draw = ImageDraw.Draw(picture)
    for kind, (left, top, right, bottom), brightness in BODY[label]:
        place = (left * columns, top * rows, right * columns - 1, bottom * rows - 1)
        colour = tuple(np.clip(brightness * tint, 0, 255).astype(int).tolist())
        if kind == "pieslice":
            draw.pieslice(place, 180, 360, colour)
        else:
            getattr(draw, kind)(place, fill=colour)
    return picture.reduce(2)
