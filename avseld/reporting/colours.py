"""Colours of classes, the same in every figure, overlay and viewer."""

import colorsys
from collections.abc import Sequence

import numpy as np

from avseld.io.events import Events

# Dark enough for white paper, saturated enough for video; any two of the first 13 differ by at least 0.13, any
# two of the 20 by at least 0.08 in OKLab with lightness weighted 0.8.
COLOURS = (  # noqa: SIM905 - a list of one colour per line would be longer, not clearer
    "#1f77b4 #d62728 #2ca02c #ff7f0e #9432c8 #00b3b3 #e83e9c #6b4a12 #2a35d0 #b39a12 "
    "#c08fd8 #0b6b2e #8c1a45 #5aa5ff #ff8078 #6f7f8f #8fc31f #33406e #c77b4a #4dd09a"
).split()
GOLDEN_ANGLE = 0.381966
"""as a fraction of a turn; successive multiples stay far apart"""


def colour(label: int) -> str:
    """Return the colour of a class as #rrggbb; it depends on the index only.

    Beyond the table the hue advances by the golden angle, at alternating lightness.
    """
    if label < len(COLOURS):
        return COLOURS[label]
    extra = label - len(COLOURS)
    rgb = colorsys.hls_to_rgb(extra * GOLDEN_ANGLE % 1.0, (0.35, 0.5, 0.62)[extra % 3], 0.65)
    return "#" + "".join(f"{round(255 * value):02x}" for value in rgb)


def rgb(label: int) -> tuple[int, int, int]:
    """Return the colour of a class as three numbers in 0..255."""
    text = colour(label)
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def labels_in(*tables: Events | None) -> list[int]:
    """Return the class indices in any of the tables, ascending."""
    labels = [table.label for table in tables if table is not None]
    return [int(label) for label in np.unique(np.concatenate(labels))] if labels else []


def class_name(label: int, classes: Sequence[str]) -> str:
    """Return the name of a class, or its number if the list of names is too short."""
    return classes[label] if label < len(classes) else f"class {label}"
