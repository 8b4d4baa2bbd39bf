"""Directions as energy maps: a Gaussian around each, so that any system that finds directions makes maps of 2026.

The official labels are multiplied by such a Gaussian around each annotated direction (docs/sources.md, DCASE2026), so
that a label is never wider than it.
"""

from collections import Counter
from functools import lru_cache

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.io.energy_maps import CENTIMETRES, REACH_DEG, SIGMA_DEG, EnergyMap, directions_of_pixels
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.metrics.imaging.drawing import COLUMNS, ROWS
from avseld.metrics.imaging.thinning import PIXEL_X, PIXEL_Y


@lru_cache(maxsize=1)
def pixel_grid() -> tuple[np.ndarray, np.ndarray]:
    """List the pixels of the evaluator's picture.

    Returns:
        (pixel, 2) x and y in degrees of a file, that fall on whole pixels of the picture or just beside, and (pixel, 3)
        unit vectors of their directions.
    """
    x, y = np.meshgrid(PIXEL_X[0, :COLUMNS], PIXEL_Y[0, :ROWS])
    x, y = x.ravel(), y.ravel()
    return np.stack([x, y], axis=1), directions_of_pixels(x, y)


def maps_of_directions(events: Events) -> list[EnergyMap]:
    """Draw a Gaussian of 10 degrees around each direction, out to 20 degrees, in the pixels of the evaluator.

    Args:
        events: of a recording, predicted, one row each label frame of 100 ms; those without direction are left out.

    Returns:
        One map for each row; sources of a class in a frame are numbered in the order of the rows. The score is the
        row's confidence, 1 where it is not known, and the distance is in centimetres.
    """
    events = events.select(~(np.isnan(events.azimuth) | np.isnan(events.elevation)))
    points, pixels = pixel_grid()
    centres = unit_vector(events.azimuth, events.elevation)
    score = np.ones(len(events)) if events.confidence is None else events.confidence
    frames = np.round(events.onset / LABEL_HOP).astype(int)
    numbers: Counter[tuple[int, int]] = Counter()
    maps = []
    for row, (frame, label) in enumerate(zip(frames.tolist(), events.label.tolist(), strict=True)):
        angle = np.degrees(np.arccos(np.clip(pixels @ centres[row], -1, 1)))
        near = angle <= REACH_DEG
        energy = np.exp(-0.5 * (angle[near] / SIGMA_DEG) ** 2)
        polygon = np.column_stack([points[near], energy])
        distance = CENTIMETRES * float(events.distance[row])
        maps.append(EnergyMap(frame, label, numbers[frame, label], (polygon,), distance, float(score[row])))
        numbers[frame, label] += 1
    return maps
