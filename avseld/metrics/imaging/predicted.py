"""Energy maps of predicted events: those of the network where it has some, else Gaussians around the directions."""

from dataclasses import replace

import numpy as np

from avseld.io.energy_maps import EnergyMap
from avseld.io.events import Events
from avseld.io.sphere_grid import N_CELLS, at_pixels
from avseld.metrics.imaging.directions import maps_of_directions, pixel_grid

LEAST = 0.05
"""share of a map's largest energy below which it has no points"""


def maps_of(events: Events) -> list[EnergyMap]:
    """Make the maps of predicted events, in the pixels of the official evaluator.

    Args:
        events: of a recording, one row each label frame of 100 ms.

    Returns:
        One map for each row, see `maps_of_directions`; where rows have energies, these in place of the Gaussian.
    """
    maps = maps_of_directions(events)
    if events.energies is None:
        return maps
    known = events.select(~(np.isnan(events.azimuth) | np.isnan(events.elevation)))
    assert known.energies is not None
    points, _ = pixel_grid()
    drawn = []
    for row, one in enumerate(maps):
        energy = at_pixels(known.energies[row : row + 1].dense(N_CELLS)[0], *points.T)
        near = energy >= LEAST * energy.max()
        drawn.append(replace(one, polygons=(np.column_stack([points[near], energy[near]]),)))
    return drawn
