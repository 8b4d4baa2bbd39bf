"""Energy maps with fewer points, so that a file fits the limit of a submission (DCASE2026 Task 3: 20 MiB).

The evaluator draws every map on a picture of 100 x 50 pixels and looks at nothing else. A point at each of these
pixels, with the value that is drawn there, is drawn alike; a map of a thousand points then has some eighty.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from avseld.io.energy_maps import HEIGHT, WIDTH, EnergyMap, text_of
from avseld.metrics.imaging.drawing import COLUMNS, ROWS, X_SCALE, Y_SCALE, draw, interpolated, on_picture

LEVELS = (0.0, 0.05, 0.1, 0.2, 0.3)
"""shares of a map's largest energy below which points are left out, tried in turn until the file is small enough"""
CLOSE = 1e-4
"""difference of energies, of which files have six digits, that counts as none"""
FRAME_BYTES = 20
"""of a file without any map"""


def thin(one: EnergyMap, level: float = 0.0) -> EnergyMap:
    """Take the points of a map at the pixels of the evaluator's picture; with level 0 it is drawn alike.

    Args:
        one: the map.
        level: share of its largest energy below which points are left out.
    """
    top = max((points[:, 2].max() for points in one.polygons), default=0.0)
    polygons = (_at_pixels(points, level * top) for points in one.polygons)
    return replace(one, polygons=tuple(points for points in polygons if len(points)))


def _at_pixels(points: np.ndarray, least: float) -> np.ndarray:
    """Draw one polygon and return its pixels as points, or its own points where no choice of these is drawn alike."""
    x, y, energy = on_picture(points)
    drawn = interpolated(x, y, energy)
    strong = points[points[:, 2] >= least]
    if drawn is None:  # points alone
        return strong
    rows, columns, values = drawn
    kept = ~np.isnan(values) & (values >= least)
    row, column = np.nonzero(kept)
    across, down = columns[column], rows[row]
    across = np.where(across > COLUMNS, across - COLUMNS, across)
    wanted = draw([points], relative=False)
    for sides in (_outward, _both_sides):
        found = sides(across, down, column, row, values[kept])
        is_alike = least > 0 or np.allclose(draw([found], relative=False), wanted, atol=CLOSE)
        if len(found) < len(strong) and is_alike:
            return found
    return strong


def _outward(
    across: np.ndarray, down: np.ndarray, column: np.ndarray, row: np.ndarray, value: np.ndarray
) -> np.ndarray:
    """Look up coordinates of pixels; where none falls on a pixel, that away from the middle.

    A pixel on the edge must not come to lie outside of all triangles.
    """
    right, low = (place > place.mean() if len(place) else place for place in (column, row))
    x, y = PIXEL_X[np.asarray(right, int), across], PIXEL_Y[np.asarray(low, int), down]
    return np.stack([x, y, value], axis=1)


def _both_sides(
    across: np.ndarray, down: np.ndarray, column: np.ndarray, row: np.ndarray, value: np.ndarray
) -> np.ndarray:
    """Look up coordinates of pixels; where none falls on a pixel, that on either side of it."""
    around = [
        np.stack([PIXEL_X[right, across], PIXEL_Y[low, down], value], axis=1)
        for right in (0, 1)
        for low in (0, 1)
    ]
    return np.unique(np.concatenate(around), axis=0)


def thin_to(maps: Sequence[EnergyMap], max_bytes: int) -> tuple[list[EnergyMap], float, int]:
    """Thin the maps of a recording until their file is at most as large as a limit.

    Args:
        maps: of one recording.
        max_bytes: limit.

    Returns:
        The maps, the level that was taken (`thin`), and the number of least confident maps that had to be left out.
    """
    for level in LEVELS:
        thinned = [thin(one, level) for one in maps]
        sizes = [len(text_of(one)) + 1 for one in thinned]
        if FRAME_BYTES + sum(sizes) <= max_bytes:
            return thinned, level, 0
    by_confidence = sorted(range(len(thinned)), key=lambda place: -thinned[place].score)
    fitting = FRAME_BYTES + np.cumsum([sizes[place] for place in by_confidence]) <= max_bytes
    kept = sorted(place for place, fits in zip(by_confidence, fitting, strict=True) if fits)
    return [thinned[place] for place in kept], LEVELS[-1], len(maps) - len(kept)


def _coordinates(n_pixels: int, n_degrees: int, scale: np.float32) -> np.ndarray:
    """Find what the evaluator's arithmetic takes to whole pixels: (2, n_pixels + 1) the same, or just below and above.

    Coordinates have six digits after the point, as those of `avseld.io.energy_maps.write_energy_maps`.
    """
    found = []
    for pixel in range(n_pixels + 1):
        near = [round(pixel * n_degrees / n_pixels + step * 1e-6, 6) for step in range(-40, 41)]
        drawn = {x: np.float32(x) * scale for x in near if 0 <= x <= n_degrees}
        exact = [x for x, place in drawn.items() if place == pixel]
        below = exact[:1] or [x for x, place in drawn.items() if place < pixel][-1:]
        above = exact[:1] or [x for x, place in drawn.items() if place > pixel][:1]
        found.append((below[0], above[0]))
    return np.array(found).T


PIXEL_X, PIXEL_Y = _coordinates(COLUMNS, WIDTH, X_SCALE), _coordinates(ROWS, HEIGHT, Y_SCALE)
"""coordinates of the columns and rows of the evaluator's picture"""
