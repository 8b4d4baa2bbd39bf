import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avseld.io.geometry import (
    angle_between,
    direction,
    fold,
    from_frame,
    to_frame,
    unit_vector,
    wrap,
)

azimuths = st.floats(-179.99, 179.99)
elevations = st.floats(-89.99, 89.99)


@given(azimuths, elevations)
def test_a_direction_survives_conversion_to_a_vector(azimuth, elevation):
    back = direction(unit_vector(azimuth, elevation))
    assert np.allclose(back, (azimuth, elevation), atol=1e-9)


def test_front_is_x_left_is_y_up_is_z():
    assert np.allclose(
        unit_vector([0, 90, 0, 180], [0, 0, 90, 0]), [[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]]
    )


@pytest.mark.parametrize("degrees", [1e-7, 1e-5, 1e-3, 90.0, 180 - 1e-3, 180 - 1e-7])
def test_small_and_almost_opposite_angles_are_exact(degrees):
    angle = angle_between(unit_vector(0, 0), unit_vector(degrees, 0))
    assert angle == pytest.approx(degrees, rel=1e-12, abs=1e-13)


@given(azimuths, elevations, azimuths, elevations)
def test_the_angle_is_that_of_the_haversine_formula(a, b, c, d):
    expected = 2 * np.arcsin(
        np.sqrt(
            np.sin(np.radians(d - b) / 2) ** 2
            + np.cos(np.radians(b)) * np.cos(np.radians(d)) * np.sin(np.radians(c - a) / 2) ** 2
        ).clip(0, 1)
    )
    assert angle_between(unit_vector(a, b), unit_vector(c, d)) == pytest.approx(
        np.degrees(expected), abs=1e-5
    )


@given(st.floats(-2000, 2000))
def test_wrapping_moves_by_whole_turns(azimuth):
    wrapped = float(wrap(azimuth))
    assert -180 <= wrapped < 180
    turns = (azimuth - wrapped) / 360
    assert turns == pytest.approx(round(turns), abs=1e-9)


def test_folding_mirrors_the_rear_to_the_front():
    assert fold(np.array([100.0, -170.0, 60.0, 190.0, 450.0])).tolist() == [80, -10, 60, -10, 90]


@given(st.floats(-180, 179.999), elevations)
def test_a_position_in_the_frame_gives_its_direction_back(azimuth, elevation):
    back = from_frame(*to_frame(azimuth, elevation))
    assert angle_between(unit_vector(*back), unit_vector(azimuth, elevation)) < 1e-6


def test_left_is_in_the_left_half_of_the_frame_and_up_in_the_upper():
    assert to_frame(90, 45) == (0.25, 0.25)
    assert to_frame(0, 0) == (0.5, 0.5)
    assert to_frame(-90, -45) == (0.75, 0.75)
