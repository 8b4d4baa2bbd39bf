"""Scores of DCASE 2019 and of SELDnet 2018, where they were published or can be computed by hand."""

from pathlib import Path

import numpy as np
import pytest
from made_scenes import stationary_source

from avseld.io.events import Events, concatenate
from avseld.metrics import RULES, doa2018, doa2019, score, scores_from_counts


def span(first: int, last: int, label: int, azimuth: float, elevation: float = 0.0) -> Events:
    return stationary_source(first, last, label, azimuth, elevation, hop=0.02)


def test_values_of_the_2019_scorer_on_a_made_scene_are_met() -> None:
    reference = concatenate([span(5, 59, 0, 30), span(30, 79, 1, -170, 20), span(118, 119, 2, 0, -10)])
    prediction = concatenate(
        [span(10, 48, 0, 40, 5), span(90, 99, 0, 90), span(49, 49, 1, 0), span(35, 69, 2, 175, 10)]
    )
    counted = doa2019.count([reference], [prediction], RULES[2019], 3, n_frames=120)
    ours = scores_from_counts(counted, challenge=2019)
    expected = [0.6, 0.4444444444, 12.7179995213, 0.65, 0.3940527771]
    assert [ours[name] for name in RULES[2019].scores] == pytest.approx(expected, abs=1e-7)
    assert (counted.matched.sum(), counted.equal_frames[0]) == (85, 78)
    fair = scores_from_counts(
        doa2019.count([reference], [prediction], RULES[2019], 3, n_frames=120, corrected=True), challenge=2019
    )
    assert fair.doa_error > ours.doa_error  # unmatched directions no longer dilute it


@pytest.mark.parametrize(
    ("names", "grid", "expected"),
    [
        (
            ("split1_ir0_ov1_1", "split1_ir1_ov1_21"),
            False,
            [1.0, 0.0869565217, 57.6203958123, 0.4566666667, 0.6941225304],
        ),
        (
            ("split1_ir0_ov2_11", "split1_ir1_ov2_31"),
            False,
            [1.0091743119, 0.1388888889, 48.6630483766, 0.39, 0.6876589229],
        ),
        (
            ("split1_ir0_ov2_11", "split1_ir1_ov2_31"),
            True,
            [1.0091743119, 0.1388888889, 45.4239579580, 0.37, 0.6881601863],
        ),
    ],
)
def test_real_files_of_2019_have_their_published_scores(shared, names, grid, expected) -> None:
    files = {path.stem: path for path in Path(shared("data/dcase2019_csv")).rglob("*.csv")}
    reference, prediction = (intervals(files[name]) for name in names)
    ours = score({"a": reference}, {"a": prediction}, 2019, grid=grid)
    assert [ours[name] for name in RULES[2019].scores] == pytest.approx(expected, abs=1e-6)


CLASSES_2019 = (
    *("knock", "drawer", "clearthroat", "phone", "keysDrop", "speech"),
    *("keyboard", "pageturn", "cough", "doorslam", "laughter"),
)


def intervals(path: Path) -> Events:
    """Label file of 2019: class name, start, end, elevation, azimuth, distance."""
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    return Events.from_rows(
        (
            float(on),
            float(off),
            CLASSES_2019.index(name),
            0,
            float(azimuth),
            float(elevation),
            float(distance),
        )
        for name, on, off, elevation, azimuth, distance in rows
    )


def test_2018_scores_keep_the_published_arithmetic_of_the_chord() -> None:
    def unit(azimuth: float, elevation: float) -> np.ndarray:
        a, e = np.radians([azimuth, elevation])
        return np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])

    reference, prediction = np.zeros((400, 3)), np.zeros((400, 3))
    reference[5:200, 0] = reference[100:300, 1] = 1
    prediction[10:171, 0] = prediction[350:360, 0] = prediction[171, 1] = prediction[150:310, 2] = 1
    where, said = np.zeros((400, 3, 3)), np.zeros((400, 3, 3))  # frame, axis, class
    where[5:200, :, 0], where[100:300, :, 1] = unit(30, 0), unit(-170, 20)
    said[:, :, 0], said[:, :, 1], said[:, :, 2] = 0.9 * unit(40, 5), unit(-160, 25), (0.1, 0.2, 0.3)
    ours = doa2018.legacy_2018(reference, prediction, where.reshape(400, 9), said.reshape(400, 9))
    assert ours["ER"] == pytest.approx(0.75)
    assert ours["F"] == pytest.approx(0.25)
    assert ours["count_accuracy"] == pytest.approx(0.8919413919)
    assert ours["chord_reference"] == pytest.approx(0.1963171918)
    assert ours["chord_prediction"] == pytest.approx(0.3098080319)
    assert ours["doa_error"] == pytest.approx(11.26628816)
    assert ours["frame_recall"] == pytest.approx(297 / 400)
    assert ours["seld_score"] == pytest.approx(0.4550226224)
    fair = doa2018.legacy_2018(
        reference, prediction, where.reshape(400, 9), said.reshape(400, 9), corrected=True
    )
    # vectors are compared by direction: 195 cells at 11.17 degrees, 200 at 10.9
    assert fair["doa_error"] == pytest.approx((195 * 11.168952812 + 200 * 10.6652) / 395, abs=0.2)


def test_the_grid_of_2019_floors_angles_and_clips_the_seam() -> None:
    azimuth, elevation = doa2019.quantize(
        np.array([19.9, -0.1, 180.0, -180.0]), np.array([9.0, -41.0, 55.0, 0.0])
    )
    assert azimuth.tolist() == [10, -10, 170, -180]
    assert elevation.tolist() == [0, -40, 40, 0]
