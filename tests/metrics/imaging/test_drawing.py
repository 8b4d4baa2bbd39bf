"""Drawing of energy maps: seam, thinning, references kept on disk."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.io.energy_maps import EnergyMap, write_energy_maps
from avseld.metrics.imaging.drawing import COLUMNS, ROWS, draw
from avseld.metrics.imaging.pictures import KEPT_FILES, draw_predictions, draw_references
from avseld.metrics.imaging.thinning import LEVELS, PIXEL_X, PIXEL_Y, thin, thin_to


def disc(x: float, y: float, radius: float, seed: int = 0) -> np.ndarray:
    """Points at all whole degrees within a circle, with random energies."""
    across, down = np.meshgrid(np.arange(-40, 41), np.arange(-40, 41))
    inside = np.hypot(across, down) <= radius
    energy = np.random.default_rng(seed).uniform(0.2, 1, inside.sum())
    places = np.stack([(x + across[inside]) % 360, y + down[inside], energy], axis=1)
    return places[(places[:, 1] >= 0) & (places[:, 1] <= 180)]


def test_a_map_is_drawn_as_the_share_of_its_largest_energy():
    drawn = draw([disc(180, 90, 10)])
    assert drawn.shape == (ROWS, COLUMNS)
    assert drawn.max() == 1
    rows, columns = np.nonzero(drawn)
    assert abs(rows.mean() - 25) < 0.5 and abs(columns.mean() - 50) < 0.5
    np.testing.assert_allclose(draw([disc(180, 90, 10) * [1, 1, 7]]), drawn, atol=1e-6)


@given(turn=st.integers(0, 99))
def test_a_turned_map_is_drawn_turned_over_the_seam_too(turn):
    drawn = draw([disc(90, 90, 12)])
    turned = draw([disc(90 + 3.6 * turn, 90, 12)])
    # Rounding chooses the triangles, so single pixels differ.
    assert np.abs(np.roll(drawn, turn, axis=1) - turned).mean() < 2e-3
    assert ((np.roll(drawn, turn, axis=1) > 0) == (turned > 0)).mean() > 0.998


def test_points_on_a_line_and_single_points_are_drawn_one_by_one():
    line = np.array([[36.0, 90, 0.5], [39.6, 90, 1.0]])
    assert np.argwhere(draw([line])).tolist() == [[25, 10], [25, 11]]
    assert draw([line])[25, 10] == 0.5
    three = np.concatenate([line, [[43.2, 90, 0.25]]])
    assert np.argwhere(draw([three])).tolist() == [[25, 10], [25, 11], [25, 12]]


@settings(max_examples=60, deadline=None)
@given(
    x=st.floats(0, 359.9),
    y=st.floats(15, 165),
    radius=st.floats(2, 30),
    seed=st.integers(0, 99),
    kept=st.floats(0.2, 1),
)
def test_a_thinned_map_is_drawn_alike(x, y, radius, seed, kept):
    points = disc(np.floor(x), np.floor(y), radius, seed)
    points = points[np.random.default_rng(seed).random(len(points)) < kept]
    if not len(points):
        return
    one = EnergyMap(0, 0, 0, (points,), score=0.5)
    thinned = thin(one)
    np.testing.assert_allclose(draw(thinned.polygons), draw(one.polygons), atol=1e-3)
    assert sum(map(len, thinned.polygons)) <= len(points)


def test_a_map_of_a_thousand_points_needs_some_ninety():
    one = EnergyMap(0, 0, 0, (disc(100, 90, 18),), score=0.5)
    assert len(one.polygons[0]) > 1000
    assert len(thin(one).polygons[0]) < 100


def test_every_pixel_has_coordinates_that_are_drawn_on_it_or_just_beside_it():
    for pixels, scale in ((PIXEL_X, np.float32(100 / 360)), (PIXEL_Y, np.float32(50 / 180))):
        drawn = pixels.astype(np.float32) * scale
        whole = np.arange(pixels.shape[1])
        assert (drawn[0] <= whole).all() and (drawn[1] >= whole).all()
        assert np.abs(drawn - whole).max() < 1e-5


def test_thinning_leaves_out_weak_points_and_then_the_least_confident_maps(tmp_path):
    maps = [EnergyMap(n, 0, 0, (disc(100, 90, 18, n),), 100.0, 0.1 * n) for n in range(8)]
    exact, level, left_out = thin_to(maps, 10**6)
    assert (level, left_out) == (0.0, 0)
    size = write_energy_maps(tmp_path / "exact.json", exact)
    fewer, level, left_out = thin_to(maps, size - size // 50)
    assert level > 0 and left_out == 0
    few, level, left_out = thin_to(maps, 4000)
    assert level == LEVELS[-1] and 0 < left_out < 8
    assert [one.frame for one in few] == list(range(left_out, 8))
    for kept, limit in ((fewer, size - size // 50), (few, 4000)):
        assert write_energy_maps(tmp_path / "some.json", kept) <= limit


@pytest.fixture
def labels(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "a_std.json"
    write_energy_maps(path, [EnergyMap(n, n % 3, 0, (disc(350 + n, 90, 12, n),)) for n in range(5)])
    return path


def test_references_are_drawn_once_and_the_kept_ones_are_the_same(labels, tmp_path, monkeypatch):
    first = draw_references(labels, 13)
    monkeypatch.setattr("avseld.metrics.imaging.pictures.draw", None)  # nothing is drawn again
    second = draw_references(labels, 13)
    for one, other in zip(first, second, strict=True):
        assert (one.frame, one.label) == (other.frame, other.label)
        np.testing.assert_array_equal(one.picture, other.picture)


def test_damaged_kept_references_are_drawn_again(labels, tmp_path):
    first = draw_references(labels, 13)
    (kept,) = (tmp_path / "cache").rglob("*.npz")
    kept.write_bytes(kept.read_bytes()[:200])
    np.testing.assert_array_equal(draw_references(labels, 13)[0].picture, first[0].picture)


def test_changed_labels_are_drawn_anew(labels):
    before = draw_references(labels, 13)
    write_energy_maps(labels, [EnergyMap(0, 0, 0, (disc(10, 40, 12),))])
    assert len(draw_references(labels, 13)) == 1 != len(before)


@pytest.fixture
def predictions(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    maps = [EnergyMap(n, n % 3, 0, (disc(100 + n, 90, 12, n),), score=0.1 * n) for n in range(5)]
    write_energy_maps(tmp_path / "a.json", maps)
    return tmp_path / "a.json", maps


def test_the_same_maps_with_other_confidences_in_another_order_are_not_drawn_again(predictions, monkeypatch):
    path, maps = predictions
    first = draw_predictions(path, 13)
    assert [one.score for one in first] == pytest.approx([one.score for one in maps])
    monkeypatch.setattr("avseld.metrics.imaging.pictures.draw", None)
    write_energy_maps(path, [replace(one, score=0.9) for one in maps[3:0:-1]])
    for one, number in zip(draw_predictions(path, 13), (3, 2, 1), strict=True):
        assert (one.frame, one.label, one.score) == (number, number % 3, 0.9)
        np.testing.assert_array_equal(one.picture, first[number].picture)


def test_a_map_with_other_energies_at_the_same_points_is_drawn_again(predictions):
    path, maps = predictions
    first = draw_predictions(path, 13)
    points = maps[2].polygons[0].copy()
    points[points[:, 1] > 90, 2] = 0.1
    write_energy_maps(path, [*maps[:2], replace(maps[2], polygons=(points,))])
    second = draw_predictions(path, 13)
    np.testing.assert_array_equal(second[1].picture, first[1].picture)
    assert np.abs(second[2].picture - first[2].picture).max() > 0.3


def test_only_the_latest_predictions_of_a_recording_are_kept(predictions, tmp_path):
    path, maps = predictions
    for number in range(KEPT_FILES + 3):
        write_energy_maps(path, [replace(maps[0], frame=number)])
        draw_predictions(path, 13)
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == KEPT_FILES
