"""Stereo and perspective of DCASE2025: sound, labels, on screen, pixels; values of the official generator."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avseld.io.events import Events
from data_prep.stereo.camera import DCASE2025, Camera, View, on_screen, source_pixels
from data_prep.stereo.labels import as_seen, fold, seen_labels, wrap
from data_prep.stereo.sound import loudest, stereo

GOLDEN = Path(__file__).parents[2] / "golden" / "stereo2025"
ONSCREEN, STEREO, PERSPECTIVE = (
    json.loads((GOLDEN / f"{name}_2025.json").read_text()) for name in ("onscreen", "stereo", "perspective")
)


@pytest.mark.parametrize("case", STEREO["stereo"], ids=lambda case: f"deg {case['deg']}")
def test_stereo_is_that_of_the_official_generator(case):
    left, right = stereo(np.array(STEREO["foa_WYZX"]), -case["deg"])
    np.testing.assert_allclose(left, case["left"], atol=1e-7, rtol=0)
    np.testing.assert_allclose(right, case["right"], atol=1e-7, rtol=0)


def test_azimuths_turn_and_fold_as_in_the_official_generator():
    for case in STEREO["labels"]:
        turned, _ = as_seen(np.array([case["azimuth"]]), np.array([0]), View(-case["deg"]))
        assert fold(turned) == case["folded"], case


def test_every_whole_degree_is_on_screen_where_the_official_table_says_so():
    azimuth, elevation = np.meshgrid(np.arange(-180, 180), np.arange(-90, 90))
    expected = np.zeros(azimuth.shape, bool)
    for row, (first, last) in ONSCREEN["rows"].items():
        expected |= (elevation == int(row)) & (azimuth >= first) & (azimuth <= last)
    assert azimuth.size == 64800 and expected.sum() > 5000
    for deg in (0, 90, 217):
        turned = (azimuth - deg + 180) % 360 - 180
        found = on_screen(DCASE2025, View(-deg), turned.ravel(), elevation.ravel())
        assert (found.reshape(expected.shape) == expected).all()


@pytest.mark.parametrize("case", PERSPECTIVE, ids=lambda case: f"deg {case['deg']}")
def test_pixels_lie_where_the_official_picture_takes_them_from(case):
    columns, rows = source_pixels(DCASE2025, View(-case["deg"]), 1920, 960)
    for point in case["points"]:
        place = point["row"], point["col"]
        assert columns[place] == pytest.approx(point["src_x"], abs=2e-5)
        assert rows[place] == pytest.approx(point["src_y"], abs=1e-5)


def test_chroma_lies_on_every_second_column_between_two_rows():
    luma, chroma = (source_pixels(DCASE2025, View(40), 1920, 960, scale) for scale in (1, 2))
    np.testing.assert_allclose(2 * chroma[0][90], luma[0][180:182, ::2].mean(axis=0), atol=0.01)
    np.testing.assert_allclose(2 * chroma[1][90] + 0.5, luma[1][180:182, ::2].mean(axis=0), atol=0.01)


@given(st.floats(-400, 400), st.floats(-60, 60))
def test_the_middle_of_the_picture_shows_where_the_camera_looks(azimuth, elevation):
    columns, rows = source_pixels(Camera(3, 3), View(azimuth, elevation), 360, 180)
    assert abs(wrap(np.array(179.5 - columns[1, 1] - azimuth) % 360)) < 1e-6
    assert rows[1, 1] == pytest.approx(89.5 - elevation, abs=1e-6)


@given(st.floats(-180, 180), st.floats(-85, 85), st.floats(-180, 180), st.floats(-40, 40))
def test_a_source_is_straight_ahead_of_a_camera_that_looks_at_it(azimuth, elevation, yaw, tilt):
    seen = as_seen(np.array([azimuth]), np.array([elevation]), View(azimuth, elevation))
    np.testing.assert_allclose(np.concatenate(seen), 0, atol=1e-5)
    a, e = as_seen(np.array([azimuth]), np.array([elevation]), View(yaw, tilt))
    left = np.cos(np.radians(e)) * np.sin(np.radians(a))  # a tilt leaves the left-right axis where it is
    level = np.cos(np.radians(elevation)) * np.sin(np.radians(azimuth - yaw))
    assert left == pytest.approx(level, abs=1e-9)


def test_tilting_the_camera_down_brings_the_floor_onto_the_screen():
    floor = np.array([0.0]), np.array([-50.0])
    assert not on_screen(DCASE2025, View(), *floor) and on_screen(DCASE2025, View(0, -25), *floor)


def test_a_turning_camera_hears_a_source_pass_from_right_to_left():
    source = np.stack([np.ones(5), np.zeros(5), np.zeros(5), np.ones(5)])  # in front
    left, right = stereo(source, np.array([90, 45, 0, -45, -90]))
    assert (np.diff(left) > 0).all() and (np.diff(right) < 0).all() and left[2] == right[2] == 1


def test_no_stereo_is_louder_than_the_bound():
    field = np.random.default_rng(0).normal(size=(4, 1000))
    peaks = np.max([np.abs(stereo(field, azimuth)).max(axis=0) for azimuth in range(360)], axis=0)
    assert (peaks <= loudest(field) + 1e-12).all() and (peaks > 0.999 * loudest(field)).all()


def test_labels_of_a_turning_camera_are_those_of_the_middle_of_each_frame():
    events = Events.from_rows([(0.2, 0.6, 3, 1, 80, 10, 1.5)])  # four frames
    seen = seen_labels(events, DCASE2025, 2, [View(0), View(40), View(60), View(-60)])
    assert seen.frame.tolist() == [0, 1, 2, 3] and seen.azimuth.tolist() == [80, 40, 20, 140]
    assert seen.onscreen.tolist() == [0, 1, 1, 0]
    assert seen.folded_lines()[4] == "3,3,1,40,150,0" and seen.unfolded_lines()[4] == "3,3,1,140,10,150,60"
