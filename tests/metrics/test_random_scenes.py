"""Ten thousand random scenes per definition: the fast counting against the slow words of the definition."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from reference import slow_seld

from avseld.io.events import Events
from avseld.metrics import RULES, doa2019
from avseld.metrics.api import count_pairs
from avseld.metrics.counts import Counts
from avseld.metrics.seld import ScoringOptions

N_SCENES = 10_000
N_CLASSES = 3


def random_scenes(seed: int, hop: float, n_scenes: int) -> list[tuple[list, list, Events, Events]]:
    """Scenes of two seconds, every other one on a 10-degree grid: ties, poles, the seam, exact 20 degrees."""
    generator = np.random.default_rng(seed)
    scenes = []
    for index in range(n_scenes):
        reference = random_rows(generator, coarse=index % 2 == 0)
        prediction = random_rows(generator, coarse=index % 2 == 0)
        near = generator.random(len(reference)) < 0.7  # part of the prediction follows the reference
        follow = reference[near].copy()
        follow[:, 2] = generator.integers(0, 3, len(follow))
        step = 10.0 if index % 2 == 0 else 0.01
        follow[:, 3] = wrapped(follow[:, 3] + step * np.round(generator.uniform(-30, 30, len(follow)) / step))
        prediction = np.concatenate([prediction[: len(prediction) // 2], follow])
        scenes.append(
            (rows_of(reference), rows_of(prediction), events_of(reference, hop), events_of(prediction, hop))
        )
    return scenes


def wrapped(azimuth: np.ndarray) -> np.ndarray:
    return (azimuth + 180) % 360 - 180


def random_rows(generator: np.random.Generator, coarse: bool) -> np.ndarray:
    n = int(generator.integers(0, 9))
    step = 10.0 if coarse else 0.01
    first = generator.integers(0, 2) * 9  # near the border of two segments, or not
    table = [
        first + generator.integers(0, generator.integers(2, 12), n),
        generator.integers(0, N_CLASSES, n) * (generator.random() < 0.7),
        generator.integers(0, 3, n),
        step * np.round(generator.uniform(-180, 179.9, n) / step),
        step * np.round(generator.uniform(-90, 90, n) / step),
        generator.integers(1, 8, n) / 2.0,
        generator.integers(0, 2, n),
    ]
    return np.stack(table, axis=1).astype(float)


def rows_of(table: np.ndarray) -> list[tuple]:
    return [(int(f), int(c), int(s), a, e, d, int(o)) for f, c, s, a, e, d, o in table.tolist()]


def events_of(table: np.ndarray, hop: float) -> Events:
    frame, label, source, azimuth, elevation, distance, onscreen = table.T
    return Events(frame * hop, (frame + 1) * hop, label, source, azimuth, elevation, distance, onscreen)


def left_right_distance(reference: list, prediction: list, n_classes: int, **more: bool) -> dict:
    return slow_seld.frames(reference, prediction, n_classes, slow_seld.left_right, 100.0, **more)


def vectors_exactly(reference: list, prediction: list, n_classes: int) -> dict:
    return slow_seld.frames(reference, prediction, n_classes, slow_seld.without_rounding, everything=True)


def left_right_exactly(reference: list, prediction: list, n_classes: int) -> dict:
    return left_right_distance(reference, prediction, n_classes, everything=True)


DEFINITIONS: list[tuple[int, bool, Callable]] = [
    (2020, False, slow_seld.blocks),
    (2021, False, slow_seld.segments),
    (2023, True, slow_seld.segments_corrected),
    (2024, False, slow_seld.frames),
    (2024, True, vectors_exactly),
    (2025, False, left_right_distance),
    (2025, True, left_right_exactly),
]


@pytest.mark.parametrize(("year", "corrected", "slow"), DEFINITIONS)
def test_counts_of_random_scenes_are_those_of_the_definition(
    year: int, corrected: bool, slow: Callable
) -> None:
    rule = RULES[year]
    scenes = random_scenes(year + corrected, rule.hop, N_SCENES)
    options = ScoringOptions(N_CLASSES, corrected, distance=rule.counting == "frames")
    fast = count_pairs([(scene[2], scene[3]) for scene in scenes], rule, options)
    wrong = disagreeing(
        fast, [slow(reference, prediction, N_CLASSES) for reference, prediction, *_ in scenes]
    )
    if not corrected:
        assert not len(wrong), f"scene {wrong[0]}: {scenes[wrong[0]][:2]}"
    # corrected angles are computed along two roads: exact 20 degrees and ties fall either way on the grid
    assert (wrong % 2 == 0).all(), f"scene {wrong[wrong % 2 == 1]}"
    assert len(wrong) <= N_SCENES * 0.02


def test_counts_of_2019_are_those_of_the_definition() -> None:
    scenes = random_scenes(2019, RULES[2019].hop, N_SCENES)
    references, predictions = [scene[2] for scene in scenes], [scene[3] for scene in scenes]
    rule = replace(RULES[2019], frames_per_block=5)
    fast = doa2019.count(references, predictions, rule, N_CLASSES, n_frames=25)
    slow = [
        slow_seld.year_2019(reference, prediction, N_CLASSES, 25, 5) for reference, prediction, *_ in scenes
    ]
    wrong = disagreeing(fast, slow)
    assert not len(wrong), f"scene {wrong[0]}: {scenes[wrong[0]][:2]}"


def disagreeing(fast: Counts, slow: list[dict]) -> np.ndarray:
    """Scenes in which any count differs."""
    agree = np.ones(len(slow), bool)
    for name in slow[0]:
        expected = np.array([scene[name] for scene in slow]).reshape(len(slow), -1)
        agree &= np.isclose(getattr(fast, name).reshape(len(slow), -1), expected, atol=1e-6).all(axis=1)
    return np.flatnonzero(~agree)
