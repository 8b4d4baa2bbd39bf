"""Simulated detections have the error statistics that they are given."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.io.boxes import PERSON, Boxes, read_boxes
from data_prep.synth.corpus import synth
from data_prep.synth.video.detector_noise import NOISE_FILE, DetectorNoise, yolox_nano_noise

QUIET = DetectorNoise(
    height_edges=(0.3,),
    miss_rate=(0.0, 0.0),
    miss_logit_std=0.0,
    miss_frames=1.0,
    duplicate_rate=0.0,
    centre_std=(0.0, 0.0),
    log_size_std=(0.0, 0.0),
    duplicate_centre_rms=(0.0, 0.0),
    duplicate_log_size_rms=(0.0, 0.0),
    score=(0.8, 0.01),
    false_per_frame=0.0,
    false_frames=1.0,
    false_score=(0.3, 0.1),
    false_size=(0.1, 0.1),
)


def crowd(n: int = 2000, tall: float = 0.25) -> Boxes:
    """Create the exact boxes of two people who stand still, 72 degrees apart."""
    box = np.array([[0.2, 0.4, 0.25, 0.4 + tall], [0.4, 0.4, 0.45, 0.4 + tall]])
    return Boxes(
        np.arange(n) / 10, np.tile(box, (n, 1, 1)), np.full((n, 2), 0.9), np.zeros((n, 2), int), {"a": 1}
    )


def near(found: Boxes, middle: float, within: float = 0.05) -> np.ndarray:
    """Count the boxes near a horizontal position, (time,)."""
    x = (found.box[..., 0] + found.box[..., 2]) / 2
    return ((np.abs(x - middle) < within) & (found.score > 0)).sum(axis=1)


def test_without_noise_boxes_stay_exact():
    exact = crowd(50)
    found = QUIET.apply(exact, np.random.default_rng(0))
    assert (near(found, 0.225) == 1).all() and (near(found, 0.425) == 1).all()
    assert ((found.score > 0).sum(axis=1) == 2).all() and (found.label[found.score > 0] == PERSON).all()
    order = np.argsort(found.box[:, :2, 0], axis=1)
    placed = np.take_along_axis(found.box[:, :2], order[..., None], axis=1)
    np.testing.assert_allclose(placed, exact.box, atol=1e-12)
    assert (np.diff(found.score, axis=1) <= 0).all() and found.about == {"a": 1, "noise": "measured"}


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1000))
def test_misses_have_the_given_rate_and_mean_length(seed):
    noise = DetectorNoise(**{**QUIET.__dict__, "miss_rate": (0.4, 0.1), "miss_frames": 3.0})
    small = noise.apply(crowd(6000), np.random.default_rng(seed))
    large = noise.apply(crowd(6000, tall=0.5), np.random.default_rng(seed))
    missed = np.stack([near(small, 0.225) == 0, near(small, 0.425) == 0], axis=1)
    assert missed.mean() == pytest.approx(0.4, abs=0.05)
    assert (near(large, 0.225) == 0).mean() == pytest.approx(0.1, abs=0.03)
    ends = (np.diff(missed[:, 0].astype(int)) == -1).sum()
    assert missed[:, 0].sum() / ends == pytest.approx(3.0, abs=0.5)
    assert np.corrcoef(missed.T)[0, 1] == pytest.approx(0, abs=0.1)  # independently


def test_miss_rates_differ_between_people_and_keep_their_mean():
    even = DetectorNoise(**{**QUIET.__dict__, "miss_rate": (0.2, 0.2)})
    uneven = DetectorNoise(**{**even.__dict__, "miss_logit_std": 1.5})

    def shares(noise: DetectorNoise) -> np.ndarray:
        detections = [noise.apply(crowd(200), np.random.default_rng(seed)) for seed in range(150)]
        return np.array([(near(found, x) == 0).mean() for found in detections for x in (0.225, 0.425)])

    one, other = shares(even), shares(uneven)
    assert one.mean() == pytest.approx(0.2, abs=0.01) and other.mean() == pytest.approx(0.2, abs=0.04)
    assert other.std() > 4 * one.std()


def test_false_boxes_have_the_given_rate_and_mean_length():
    noise = DetectorNoise(
        **{**QUIET.__dict__, "false_per_frame": 0.5, "false_frames": 6.0, "false_size": (0.001, 0.001)}
    )
    found = noise.apply(crowd(4000), np.random.default_rng(2))
    alone = (found.box[..., 2] - found.box[..., 0] < 0.02) & (found.score > 0)
    assert alone.sum(axis=1).mean() == pytest.approx(0.5, abs=0.1)
    places = [set(np.round(found.box[row, alone[row], 0], 4)) for row in range(len(found.time))]
    kept = sum(len(now & before) for before, now in pairwise(places))
    assert kept / sum(map(len, places)) == pytest.approx(1 - 1 / 6, abs=0.05)


def test_duplicates_have_the_given_displacement():
    noise = DetectorNoise(**{**QUIET.__dict__, "duplicate_rate": 1.0, "duplicate_centre_rms": (0.3, 0.0)})
    found = noise.apply(crowd(3000), np.random.default_rng(3))
    middle = (found.box[..., 0] + found.box[..., 2]) / 2
    off = np.minimum(np.abs(middle - 0.225), np.abs(middle - 0.425))[found.score > 0] / 0.05
    assert np.sort(off)[: len(off) // 2].max() < 1e-6  # every person has one exact box
    assert np.sqrt(2 * np.mean(off**2)) == pytest.approx(0.3, abs=0.03)


def test_rates_of_duplicates_and_false_boxes_and_displacements_are_those_given():
    noise = DetectorNoise(
        **QUIET.__dict__
        | {"duplicate_rate": 0.3, "false_per_frame": 0.5, "false_size": (0.001, 0.001)}
        | {"centre_std": (0.1, 0.02), "duplicate_centre_rms": (0.1, 0.02)}
    )
    found = noise.apply(crowd(5000), np.random.default_rng(1))
    width = found.box[..., 2] - found.box[..., 0]
    person = (width > 0.02) & (found.score > 0)
    assert person.sum(axis=1).mean() == pytest.approx(2.6, abs=0.05)
    assert ((width < 0.02) & (found.score > 0)).sum(axis=1).mean() == pytest.approx(0.5, abs=0.05)
    x = ((found.box[..., 0] + found.box[..., 2]) / 2)[person]
    off = np.minimum(np.abs(x - 0.225), np.abs(x - 0.425)) / 0.05
    assert np.sqrt(np.mean(off**2)) == pytest.approx(0.1, abs=0.01)


def test_the_shipped_statistics_are_measured_and_reproduced():
    words = json.loads(NOISE_FILE.read_text())
    assert "yolox_nano.onnx" in words["about"] and sum(words["n_boxes"]) > 1000
    assert len(words["miss_rate"]) == len(words["height_edges"]) + 1
    noise = yolox_nano_noise()
    found = noise.apply(crowd(4000), np.random.default_rng(0))
    share = np.mean([(near(found, x, 0.02) == 0).mean() for x in (0.225, 0.425)])
    assert share == pytest.approx(noise.miss_rate[1], abs=0.05)


def test_a_corpus_has_simulated_detections_that_depend_on_the_seed_only(tmp_path):
    def made(name, boxes):
        synth(tmp_path / name, recordings=2, seconds=6.0, width=64, fps=5.0, seed=1, boxes=boxes, jobs=1)
        return [read_boxes(path) for path in sorted((tmp_path / name / "boxes_dev").rglob("*.npz"))]

    exact, one, again = made("exact", "exact"), made("one", "detected"), made("again", "detected")
    for before, after, same in zip(exact, one, again, strict=True):
        np.testing.assert_array_equal(after.box, same.box)
        assert after.box.shape[1] > before.box.shape[1]
        assert len(after.time) == len(before.time)
