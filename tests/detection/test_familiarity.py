"""Pictures unlike those of the training are told from the others by their contrast and colour."""

import numpy as np
import pytest

from detection.familiarity import Familiarity, fit, statistics


def plain(rng: np.random.Generator, number: int) -> np.ndarray:
    """Draw pictures of a few plain rectangles, (number, 96, 192, 3)."""
    pictures = np.empty((number, 96, 192, 3))
    for each in pictures:
        each[:] = rng.uniform(60, 200, 3)
        for _ in range(4):
            top, left = rng.integers(0, 60), rng.integers(0, 150)
            each[top : top + 30, left : left + 30] = rng.uniform(0, 255, 3)
    return np.clip(pictures + rng.normal(0, 2, pictures.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def familiarity() -> Familiarity:
    pictures = plain(np.random.default_rng(0), 40)
    return fit(np.array([statistics(each) for each in pictures]), 2.0)


def test_training_pictures_are_at_a_distance_of_about_one_and_textures_far_away(familiarity) -> None:
    rng = np.random.default_rng(1)
    near = familiarity.distance(plain(rng, 10))
    texture = familiarity.distance(rng.integers(0, 256, (3, 96, 192, 3), dtype=np.uint8))
    assert 0.3 < np.median(near) < 2 and texture.min() > 3 * np.median(near)


def test_the_distance_does_not_depend_on_the_size_of_a_picture(familiarity) -> None:
    small = plain(np.random.default_rng(2), 3)
    large = small.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(familiarity.distance(large), familiarity.distance(small), rtol=1e-6)


def test_a_distribution_is_read_back_from_a_card(familiarity) -> None:
    words = {"mean": familiarity.mean.tolist(), "precision": familiarity.precision.tolist(), "threshold": 2.0}
    frames = plain(np.random.default_rng(3), 2)
    np.testing.assert_allclose(
        Familiarity.from_dict(words).distance(frames), familiarity.distance(frames), rtol=1e-9
    )
