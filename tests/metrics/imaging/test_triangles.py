"""Interpolation over triangles at pixels gives what SciPy gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from avseld.metrics.imaging import triangles
from avseld.metrics.imaging.triangles import values_at

ROWS, COLUMNS = np.arange(5, 25), np.arange(3, 30)


def by_scipy(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    return LinearNDInterpolator(Delaunay(points), values)(*np.meshgrid(COLUMNS, ROWS))


def scattered(n: int, step: float, seed: int) -> np.ndarray:
    """Different points (n, 2) on a grid of a step that covers the pixels and a little more, not on one line."""
    random = np.random.default_rng(seed)
    size = int(34 / step)
    chosen = random.choice(size * size, n, replace=False)
    points = np.stack(np.divmod(chosen, size), axis=1) * step
    return np.concatenate([points, [[0.01, 0.02], [33.1, 0.4], [3.3, 29.2]]])


@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 60), step=st.sampled_from([0.05, 0.5, 1.0, 0.27777778]), seed=st.integers(0, 999))
def test_values_and_the_outside_are_those_of_scipy(n, step, seed):
    points = scattered(n, step, seed)
    values = np.random.default_rng(seed).random(len(points)).astype(np.float32)
    ours = values_at(Delaunay(points), values, ROWS, COLUMNS)
    np.testing.assert_allclose(ours, by_scipy(points, values), rtol=0, atol=1e-12)


def test_the_points_of_a_grid_have_their_own_values_up_to_its_edge():
    across, down = np.meshgrid(np.arange(6, 12), np.arange(8, 14))
    points = np.stack([across.ravel(), down.ravel()], axis=1).astype(float)
    values = np.arange(36.0)
    found = values_at(Delaunay(points), values, ROWS, COLUMNS)
    np.testing.assert_array_equal(found[3:9, 3:9].ravel(), values)
    assert np.isfinite(found).sum() == 36


@pytest.mark.parametrize("height", [1e-5, 1e-8])
def test_pixels_in_a_triangle_as_thin_as_rounding_are_left_to_scipy(height, monkeypatch):
    asked = []

    def scipy_here(*arguments):
        asked.append(arguments)
        return LinearNDInterpolator(*arguments)

    monkeypatch.setattr(triangles, "LinearNDInterpolator", scipy_here)
    points = np.array([[4, 9], [9, 9], [6.5, 9 + height]])
    found = values_at(Delaunay(points), np.ones(3), ROWS, COLUMNS)
    assert asked
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(by_scipy(points, np.ones(3))))
