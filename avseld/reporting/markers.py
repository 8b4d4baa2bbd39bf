"""Markers on an equirectangular image: circles, dots, boxes and names, continued across the side edges."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from avseld.io.boxes import Boxes, people
from avseld.io.events import Events
from avseld.io.geometry import angle_between, to_frame, unit_vector
from avseld.reporting.colours import class_name, rgb

MAX_SHARED_NAME_DEG = 20.0
"""a reference this close to a prediction of its class shares the name written beside the prediction"""
SUPERSAMPLING = 4
"""markers are drawn larger by this factor and scaled down, because Pillow does not antialias"""
DARK, WHITE = (20, 20, 20), (255, 255, 255)

Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]
SHAPES: dict[str, Callable[[float], list[tuple[float, float, Colour | None]]]] = {
    "reference": lambda radius: [(radius + 2.5, 5.0, DARK), (radius + 1.5, 3.0, None)],
    "prediction": lambda radius: [
        (radius / 2 + 2.5, 0, DARK),
        (radius / 2 + 1.5, 0, WHITE),
        (radius / 2, 0, None),
    ],
}
"""circles from the outside in: outer radius, line width (0: filled), colour (None: that of the class)"""


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Load the font that matplotlib ships.

    Args:
        size: pixels.
    """
    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), size)


@lru_cache(maxsize=256)
def marker(kind: str, colour: Colour, radius: int) -> Image.Image:
    """Draw a marker on a square image with alpha: a hollow circle (reference) or a filled dot with rim (prediction).

    Args:
        kind: reference or prediction.
        colour: three numbers in 0..255.
        radius: of the circle in pixels; the dot has half of it.
    """
    size = (2 * radius + 9) * SUPERSAMPLING
    image = Image.new("RGBA", (size, size))
    draw = ImageDraw.Draw(image)
    for outer, line, shade in SHAPES[kind](float(radius)):
        low, high = size / 2 - outer * SUPERSAMPLING, size / 2 + outer * SUPERSAMPLING - 1
        paint = shade or colour
        draw.ellipse(
            (low, low, high, high),
            fill=None if line else paint,
            outline=paint if line else None,
            width=round(line * SUPERSAMPLING),
        )
    return image.resize((size // SUPERSAMPLING, size // SUPERSAMPLING), Image.Resampling.BOX)


def draw_directions(
    image: Image.Image, reference: Events, prediction: Events, classes: list[str], radius: int
) -> None:
    """Draw the directions of the events of one moment; without azimuth none is drawn, a missing elevation is 0.

    Args:
        image: RGB, changed in place.
        reference: events of the moment.
        prediction: events of the moment.
        classes: class names by index.
        radius: pixels of the reference circles.
    """
    rows = {"reference": _placed(reference), "prediction": _placed(prediction)}
    for kind, events in rows.items():
        for label, x, y in zip(events.label, *_pixels(events, image.size), strict=True):
            paste_wrapped(image, marker(kind, rgb(int(label)), radius), int(x), int(y))
    taken: list[Rectangle] = []
    unnamed = {"prediction": rows["prediction"], "reference": _unmatched(**rows)}
    for kind, events in unnamed.items():
        distance = radius + 4 if kind == "reference" else radius // 2 + 6
        for label, x, y in zip(events.label, *_pixels(events, image.size), strict=True):
            write_name(
                image, class_name(int(label), classes), rgb(int(label)), (int(x), int(y)), distance, taken
            )


def draw_boxes(image: Image.Image, boxes: Boxes, time: float) -> None:
    """Draw the person boxes at a time, as the network receives them.

    Args:
        image: RGB, changed in place.
        boxes: detections.
        time: seconds.
    """
    if not len(boxes.time):
        return
    row = int(boxes.at(time))
    moment = Boxes(*(getattr(boxes, key)[row : row + 1] for key in ("time", "box", "score", "label")))
    draw = ImageDraw.Draw(image)
    width, height = image.size
    for box in people(moment)[0]:
        if not box.any():
            continue
        middle = np.round(box * (width, height, width, height))
        for shift in (-width, 0, width):
            left, top, right, bottom = middle + np.array((shift, 0, shift, 0))
            if right < 0 or left > width:
                continue
            draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=DARK, width=4)
            draw.rectangle((left, top, right, bottom), outline=WHITE, width=2)


def paste_wrapped(image: Image.Image, small: Image.Image, x: int, y: int) -> None:
    """Paste a small image with alpha, continued at the other side edge.

    Args:
        image: RGB, changed in place.
        small: image to paste.
        x: column of its centre.
        y: row of its centre.
    """
    for shift in (-image.width, 0, image.width):
        left = x - small.width // 2 + shift
        if left < image.width and left + small.width > 0:
            image.paste(small, (left, y - small.height // 2), small)


def write_name(
    image: Image.Image,
    name: str,
    colour: Colour,
    place: tuple[int, int],
    distance: int,
    taken: list[Rectangle],
) -> None:
    """Write a name beside a marker, inside the image and beside the names already written.

    Args:
        image: RGB, changed in place.
        name: the text.
        colour: of the bar at its left.
        place: x, y of the marker's centre.
        distance: pixels between the centre and the text.
        taken: rectangles of the names so far; the new one is appended.
    """
    size = max(11, image.width // 74)
    letters = font(size)
    width, height = round(letters.getlength(name)) + 14, size + 6
    x, y = place
    left = x + distance if x + distance + width <= image.width else x - distance - width
    left = min(max(left, 0), max(image.width - width, 0))
    top = min(max(y - height // 2, 0), image.height - height)
    shifts = [0, *(sign * k * height for k in range(1, len(taken) + 2) for sign in (1, -1))]
    tops = [top + shift for shift in shifts if 0 <= top + shift <= image.height - height]
    free = [y for y in tops if not any(_overlap((left, y, left + width, y + height), t) for t in taken)]
    top = free[0] if free else top
    taken.append((left, top, left + width, top + height))
    draw = ImageDraw.Draw(image, "RGBA")
    draw.rectangle((left, top, left + width, top + height), fill=(0, 0, 0, 165))
    draw.rectangle((left, top, left + 4, top + height), fill=colour)
    draw.text((left + 9, top + height // 2), name, fill=WHITE, font=letters, anchor="lm")


def _placed(events: Events) -> Events:
    return events.select(~np.isnan(events.azimuth))


def _pixels(events: Events, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    u, v = to_frame(events.azimuth, np.nan_to_num(events.elevation))
    return np.round(u * size[0]).astype(int) % size[0], np.round(v * size[1]).astype(int)


def _unmatched(reference: Events, prediction: Events) -> Events:
    first, second = (unit_vector(e.azimuth, np.nan_to_num(e.elevation)) for e in (reference, prediction))
    near = angle_between(first[:, None], second[None]) < MAX_SHARED_NAME_DEG
    same = reference.label[:, None] == prediction.label[None]
    return reference.select(~(near & same).any(axis=1))


def _overlap(first: Rectangle, second: Rectangle) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]
