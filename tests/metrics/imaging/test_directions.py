"""Directions drawn as Gaussians: where they lie, their width, and what the official rules make of them."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from avseld.io.energy_maps import EnergyMap
from avseld.io.events import Events
from avseld.io.geometry import unit_vector
from avseld.metrics.imaging import maps_of_directions
from avseld.metrics.imaging.drawing import COLUMNS, ROWS, draw
from avseld.metrics.imaging.matching import pearson, soft_iou

NAN = np.nan


def event(azimuth: float, elevation: float, frame: int = 3, label: int = 4) -> tuple[float, ...]:
    return (frame / 10, (frame + 1) / 10, label, 0, azimuth, elevation, 2.5)


def label_of_the_rules(azimuth: int, elevation: int) -> EnergyMap:
    """Draw a Gaussian as the generator of labels does, out to two sigma: pixel by pixel, with whole pixels."""
    row, column = 90 - elevation, (180 - azimuth) % 360
    points = []
    for y in range(180):
        for x in range(360):
            across = (x - column + 180) % 360 - 180
            square = (y - row) ** 2 + (np.cos(np.radians(elevation)) * across) ** 2
            if square <= 20**2:
                points.append((x, y, np.exp(-square / 200)))
    return EnergyMap(3, 4, 0, (np.array(points),))


@pytest.mark.parametrize(("azimuth", "elevation"), [(0, 0), (35, -20), (-178, 10), (179, 40)])
def test_a_drawn_direction_is_nearly_the_gaussian_by_which_labels_are_multiplied(azimuth, elevation):
    (one,) = maps_of_directions(Events.from_rows([event(azimuth - 0.5, elevation - 0.5)]))
    ours, theirs = draw(one.polygons), draw(label_of_the_rules(azimuth, elevation).polygons)
    assert soft_iou(theirs, ours) > 0.9
    assert pearson(theirs, ours) > 0.95
    assert (one.frame, one.label, one.distance, one.score) == (3, 4, 250.0, 1.0)


@settings(max_examples=40, deadline=None)
@given(azimuth=st.floats(-180, 180), elevation=st.floats(-88, 88))
@example(azimuth=180.0, elevation=0.0)
@example(azimuth=-179.9, elevation=-75.0)
def test_a_drawn_map_is_largest_at_the_direction(azimuth, elevation):
    (one,) = maps_of_directions(Events.from_rows([event(azimuth, elevation)]))
    row, column = np.unravel_index(draw(one.polygons).argmax(), (ROWS, COLUMNS))
    drawn = unit_vector(180 - (3.6 * column + 0.5), 90 - (3.6 * row + 0.5))
    assert np.degrees(np.arccos(min(drawn @ unit_vector(azimuth, elevation), 1))) < 3.6


def test_sources_of_a_class_in_a_frame_are_numbered_and_rows_without_direction_left_out():
    rows = [event(0, 0), event(90, 0), event(0, 0, label=5), event(NAN, NAN), event(0, 0, frame=4)]
    events = Events(*np.array(rows).T, confidence=np.array([0.9, 0.8, 0.7, 0.6, 0.5]))
    found = [(one.frame, one.label, one.instance, one.score) for one in maps_of_directions(events)]
    assert found == [(3, 4, 0, 0.9), (3, 4, 1, 0.8), (3, 5, 0, 0.7), (4, 4, 0, 0.5)]
