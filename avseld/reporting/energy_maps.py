"""Pictures of energy maps: how the energy of each sound is spread over the 360-degree frame (DCASE2026)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from avseld.base.errors import BadInput
from avseld.io.energy_maps import FRAME_S, HEIGHT, WIDTH, EnergyMap, files_of, read_energy_maps
from avseld.reporting.colours import class_name, rgb

ROWS, COLUMNS = 50, 100
"""of a picture: pixels of the official evaluator, 3.6 degrees wide"""
LEVELS = 9
"""steps of energy on a page"""
STRENGTH = 0.85
"""share of the colour of a class where the energy is largest"""
NAMED_FROM = 0.3
"""score of a prediction below which it is drawn without its name"""
NAME_DEG = 150
"""azimuth beyond which a name would leave the picture if it stood in its middle"""
DARK = 32
"""grey behind maps without a picture, 0 to 255"""


def picture_of(one: EnergyMap) -> np.ndarray:
    """Return the energies of a sound over their largest: (50, 100), the largest point in each pixel."""
    picture = np.zeros((ROWS, COLUMNS))
    for points in one.polygons:
        row = np.floor(points[:, 1] * ROWS / HEIGHT + 1e-3).astype(int).clip(0, ROWS - 1)
        column = np.floor(points[:, 0] * COLUMNS / WIDTH + 1e-3).astype(int) % COLUMNS
        np.maximum.at(picture, (row, column), points[:, 2])
    return picture / max(picture.max(), np.finfo(float).tiny)


def maps_beside(folder: Path, name: str) -> list[EnergyMap]:
    """Read the energy maps of a recording.

    Args:
        folder: of predictions or labels, or one file.
        name: of the recording.

    Raises:
        BadInput: none of that recording, or an unreadable file.
    """
    if folder.is_file():
        return read_energy_maps(folder)
    files = files_of(folder)
    if name not in files:
        raise BadInput(
            f"{folder}: no energy maps of {name}; predict them with avseld predict --maps {folder}"
        )
    return read_energy_maps(files[name])


def page_maps(maps: Sequence[EnergyMap], stop: float) -> dict[str, Any]:
    """Return maps as the script of the page reads them.

    Args:
        maps: of a recording.
        stop: seconds that the page shows.

    Returns:
        Rows and columns of the pictures, and for each sound frame, label, pixels with energy (their numbers, each less
        the one before) and a digit from 1 to 9 for each.
    """
    sounds = []
    for one in sorted(maps, key=lambda one: one.frame):
        if one.frame * FRAME_S >= stop:
            break
        level = np.round(LEVELS * picture_of(one).ravel()).astype(int)
        places = np.flatnonzero(level)
        sounds.append(
            [one.frame, one.label, np.diff(places, prepend=0).tolist(), "".join(map(str, level[places]))]
        )
    return {"rows": ROWS, "columns": COLUMNS, "sounds": sounds}


def blended(maps: Sequence[EnergyMap], background: np.ndarray) -> np.ndarray:
    """Lay the maps of a frame over a panorama, in the colours of their classes, paler where the score is lower.

    Args:
        maps: of one frame.
        background: (row, column, 3) uint8.

    Returns:
        The same shape, uint8.
    """
    height, width = background.shape[:2]
    rows, columns = np.arange(height) * ROWS // height, np.arange(width) * COLUMNS // width
    picture = background.astype(float)
    for one in maps:
        share = (
            STRENGTH * np.nan_to_num(one.score, nan=1.0) * picture_of(one)[np.ix_(rows, columns)][..., None]
        )
        picture = (1 - share) * picture + share * np.array(rgb(one.label))
    return np.round(picture).astype(np.uint8)


def _towards_the_middle(azimuth: float) -> str:
    """Return the alignment of a name that does not leave the picture at the seam."""
    if abs(azimuth) < NAME_DEG:
        return "center"
    return "left" if azimuth > 0 else "right"


def maps_figure(
    panels: Mapping[str, Sequence[EnergyMap]],
    frame: int,
    classes: Sequence[str],
    background: np.ndarray | None = None,
) -> Figure:
    """Draw the energy maps of a frame over the 360-degree picture, one panel for each source of maps.

    Args:
        panels: title -> maps of the recording.
        frame: of 100 ms.
        classes: names by index.
        background: (row, column, 3) uint8; dark if None.
    """
    behind = np.full((HEIGHT, WIDTH, 3), DARK, np.uint8) if background is None else background
    figure = Figure(figsize=(7.2, 3.7 * len(panels)), layout="constrained", dpi=100)
    for axes, (title, maps) in zip(np.ravel(figure.subplots(len(panels))), panels.items(), strict=True):
        shown = [one for one in maps if one.frame == frame]
        axes.imshow(blended(shown, behind), extent=(180, -180, -90, 90), interpolation="nearest", aspect=1)
        axes.set(xticks=range(180, -181, -90), yticks=range(-90, 91, 45), title=title)
        axes.set(xlabel="azimuth (degrees)", ylabel="elevation (degrees)")
        for one in shown:
            if one.score < NAMED_FROM:
                continue
            row, column = np.unravel_index(picture_of(one).argmax(), (ROWS, COLUMNS))
            place = (180 - 360 * (column + 0.5) / COLUMNS, 90 - 180 * (row + 0.5) / ROWS)
            score = "" if np.isnan(one.score) else f" {one.score:.2f}"
            axes.annotate(
                f"{class_name(one.label, classes)}{score}", place, (0, 14), textcoords="offset points",
                color="white", fontsize=8, ha=_towards_the_middle(place[0]), annotation_clip=False,
            )  # fmt: skip
    return figure
