"""Sprites: images of people and objects with transparency, drawn or read from files."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from avseld.base.errors import BadInput
from data_prep.synth.sounds.banks import FilesByClass
from data_prep.synth.sounds.classes import CLASSES, FEMALE_SPEECH, MALE_SPEECH
from data_prep.synth.video.people import Voice

LEG_SWINGS = (-1.0, -0.4, 0.4, 1.0)
"""swing of the legs in each walking pose, as a share of the largest"""
PIXELS_PER_M = 240
"""resolution of drawn sprites: that of a frame of 1920 columns at a distance of 1.3 m"""
PERSON_SPRITE_WIDTH_M = 0.9
"""width of a drawn person, with empty margins"""
MAX_PERSON_IMAGE_WIDTH_M = 1.0
"""limit for image files, which may show more than one person or an arm stretched out"""
MAX_OBJECT_IMAGE_WIDTH_M = 1.5
"""limit for image files of objects"""
MIN_LEVEL_PIXELS = 8
"""smallest side of the lowest resolution of a sprite"""
SKIN = ((255, 219, 190), (234, 190, 150), (198, 140, 100), (141, 90, 60), (90, 58, 40))
HAIR = ((30, 22, 18), (80, 50, 30), (150, 110, 60), (190, 190, 190), (120, 40, 20))
Box = tuple[float, float, float, float]


class Sprite:
    """An image with its size in metres, kept at several resolutions to avoid aliasing when it is drawn small.

    Args:
        image: the image; its alpha channel is kept.
        width: metres.
        height: metres.
    """

    def __init__(self, image: Image.Image, width: float, height: float) -> None:
        self.levels = [np.asarray(image.convert("RGBA"))]
        while min(self.levels[-1].shape[:2]) > MIN_LEVEL_PIXELS:
            smaller = Image.fromarray(self.levels[-1]).reduce(2)
            self.levels.append(np.asarray(smaller))
        opaque = self.levels[0][..., 3] > 127
        columns, rows = np.flatnonzero(opaque.any(axis=0)), np.flatnonzero(opaque.any(axis=1))
        middle = opaque.shape[1] / 2
        self.width, self.height = width, height
        self.half_width = float(max(middle - columns[0], columns[-1] + 1 - middle) / opaque.shape[1] * width)
        """metres from the centre to the farther edge of the opaque part"""
        self.opaque_height = float(height * (1 - rows[0] / opaque.shape[0]))
        """metres from the lower edge of the image to the upper edge of the opaque part"""

    def at_resolution(self, rows: float) -> np.ndarray:
        """Return the smallest version with at least a number of rows, (row, column, 4) uint8."""
        return next((level for level in self.levels[::-1] if level.shape[0] >= rows), self.levels[0])


def person_sprites(
    voice: Voice, body_height: float, appearance_seed: int, images: FilesByClass
) -> list[Sprite]:
    """Create the sprites of a person: standing and walking.

    Args:
        voice: female or male: chooses hair and clothing, or the class of the image file.
        body_height: metres.
        appearance_seed: seed of the other features, or of the choice of the file.
        images: image files by class.

    Returns:
        The standing pose, then one walking pose for each of `LEG_SWINGS`; an image file serves for all of them.
    """
    rng = np.random.default_rng(appearance_seed)
    files = images.get(FEMALE_SPEECH if voice == "female" else MALE_SPEECH)
    if files:
        image = read_image(files[rng.integers(len(files))])
        width = min(body_height * image.width / image.height, MAX_PERSON_IMAGE_WIDTH_M)
        return [Sprite(image, width, body_height)] * (1 + len(LEG_SWINGS))
    colours = _draw_colours(rng)
    dress, build = voice == "female" and rng.random() < 0.5, rng.uniform(0.9, 1.15)
    return [
        Sprite(
            _draw_person(body_height, voice == "female", dress, build, colours, swing),
            PERSON_SPRITE_WIDTH_M,
            body_height,
        )
        for swing in (0.0, *LEG_SWINGS)
    ]


def object_sprite(label: int, appearance_seed: int, images: FilesByClass) -> Sprite:
    """Create the sprite of an object.

    Args:
        label: class index, one of `DRAWN_CLASSES` or a class with image files.
        appearance_seed: seed of its colour, or of the choice of the file.
        images: image files by class.
    """
    rng = np.random.default_rng(appearance_seed)
    width, height = CLASSES[label].size_m
    if files := images.get(label):
        image = read_image(files[rng.integers(len(files))])
        return Sprite(image, min(height * image.width / image.height, MAX_OBJECT_IMAGE_WIDTH_M), height)
    return Sprite(_draw_object(label, width, height, rng), width, height)


@lru_cache(maxsize=256)
def read_image(path: Path) -> Image.Image:
    """Read an image file as RGBA.

    Raises:
        BadInput: missing or unreadable.
    """
    try:
        with Image.open(path) as file:
            return file.convert("RGBA")
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not a readable image ({error}); remove it from the folder") from error


def _draw_colours(rng: np.random.Generator) -> dict[str, tuple[int, ...]]:
    return {
        "skin": SKIN[rng.integers(len(SKIN))],
        "hair": HAIR[rng.integers(len(HAIR))],
        "shirt": tuple(rng.integers(30, 235, 3).tolist()),
        "trousers": tuple(rng.integers(15, 130, 3).tolist()),
        "shoes": tuple(rng.integers(10, 70, 3).tolist()),
    }


def _draw_person(
    body_height: float,
    long_hair: bool,
    dress: bool,
    build: float,
    colours: dict[str, tuple[int, ...]],
    swing: float,
) -> Image.Image:
    """Draw a person of eight head heights; coordinates are shares of the body height, limbs are thick lines."""
    scale = 2 * PIXELS_PER_M * body_height
    width, height = round(2 * PIXELS_PER_M * PERSON_SPRITE_WIDTH_M), round(scale)
    image = Image.new("RGBA", (width, height), (*colours["shirt"], 0))
    draw = ImageDraw.Draw(image)

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
    colours = colours | {"eye": (25, 25, 30), "mouth": (150, 50, 50)}
    for side in (-1, 1):
        oval(side * 0.018, 0.066, 0.006, 0.005, "eye")
    oval(0, 0.104, 0.015, 0.006, "mouth")
    return image.reduce(2)


OBJECT_SHAPES: dict[int, list[tuple[str, Box, int]]] = {
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
OBJECT_SHAPES[12] = OBJECT_SHAPES[7]
"""class index -> shapes of the drawn object: kind, box as shares of width and height, brightness"""
DRAWN_CLASSES = tuple(OBJECT_SHAPES)
"""classes for which an object can be drawn"""


def _draw_object(label: int, width: float, height: float, rng: np.random.Generator) -> Image.Image:
    columns, rows = round(2 * PIXELS_PER_M * width), round(2 * PIXELS_PER_M * height)
    tint = rng.uniform(0.6, 1.2, 3)
    image = Image.new("RGBA", (columns, rows), (128, 128, 128, 0))
    draw = ImageDraw.Draw(image)
    for kind, (left, top, right, bottom), brightness in OBJECT_SHAPES[label]:
        place = (left * columns, top * rows, right * columns - 1, bottom * rows - 1)
        colour = tuple(np.clip(brightness * tint, 0, 255).astype(int).tolist())
        if kind == "pieslice":
            draw.pieslice(place, 180, 360, colour)
        else:
            getattr(draw, kind)(place, fill=colour)
    return image.reduce(2)
