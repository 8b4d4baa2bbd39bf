"""Scores of energy maps equal those of the official evaluators of DCASE2026 (newest/ of `--golden DIR`)."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avseld.io.energy_maps import read_energy_maps
from avseld.metrics.imaging import Records, scores_of
from avseld.metrics.imaging.drawing import draw
from avseld.metrics.imaging.first_definition import draw_points, mask_scores
from avseld.metrics.imaging.matching import match, pearson, soft_iou
from avseld.metrics.imaging.pictures import draw_maps

Golden = Callable[[str], Path]
EVALUATORS = {"2026-06-30": "evaluator_2026_06_30", "2026-05-28": "evaluator_2026_05_28_before_the_fix"}
PLACES = {"class0_frame0": (0, 0), "class1_first": (1, 1), "class6_seam": (2, 6), "class3_two_points": (2, 3)}


@pytest.fixture
def theirs(golden: Golden) -> dict:
    return json.loads(golden("newest/sai_metrics.json").read_text())


def maps(golden: Golden) -> tuple[list, list]:
    return read_energy_maps(golden("newest/sai_gt_std.json")), read_energy_maps(
        golden("newest/sai_pred.json"), True
    )


def matched(golden: Golden) -> Records:
    references, predictions = maps(golden)
    return match(draw_maps(references), draw_maps(predictions), 13)


@pytest.mark.parametrize("name", PLACES)
def test_overlap_and_correlation_of_two_maps_are_the_official_ones(
    golden: Golden, theirs: dict, name: str
) -> None:
    frame, label = PLACES[name]
    one, other = (
        draw(
            next(
                each for each in side if (each.frame, each.label, each.instance) == (frame, label, 0)
            ).polygons
        )
        for side in maps(golden)
    )
    expected = theirs["soft_iou_and_pearson"][name]
    values = (soft_iou(one, other), pearson(one, other), one.sum(), other.sum(), (one > 0).sum())
    wanted = [expected[key] for key in ("soft_iou", "pearson", "gt_sum", "pred_sum", "gt_active")]
    np.testing.assert_allclose(values, wanted, rtol=1e-12)


@pytest.mark.parametrize("definition", EVALUATORS)
@pytest.mark.parametrize(("legacy", "error"), [(True, 1e-15), (False, 2e-7)])
def test_scores_are_those_of_the_official_evaluator(
    golden: Golden, theirs: dict, definition: str, legacy: bool, error: float
) -> None:
    ours, expected = scores_of(matched(golden), definition, legacy), theirs[EVALUATORS[definition]]
    for name, value in ours.whole.items():
        assert value == pytest.approx(expected[name.replace("pearson", "pearson_r")], abs=error)
    for label, cells in expected["per_class"].items():
        precisions = [np.nan if value is None else value for value in cells["AP"]]
        np.testing.assert_allclose(ours.precisions[int(label)], precisions, atol=error)
        correlation = np.nan if cells["pearson"] is None else cells["pearson"]
        np.testing.assert_allclose(ours.correlations[int(label)], correlation, rtol=1e-12)
        assert ours.n_references[int(label)] == cells["n_gt"]


def test_the_first_definition_gives_the_lines_that_its_evaluator_printed(
    golden: Golden, theirs: dict
) -> None:
    scores = mask_scores([maps(golden)], 13)
    printed = "\n".join(theirs["evaluator_2026_04_02_report"])
    for value in (scores.precision, scores.precision_50, scores.correlation):
        assert f": {value:.4f}" in printed
    assert f": {scores.distance_error_percent:.2f} %" in printed
    of_classes = printed.partition("PER-CLASS")[2].splitlines()[1:]
    ours = ["N/A" if np.isnan(value) else f"{value:.4f}" for value in scores.class_precisions]
    assert [line.rpartition(":")[2].strip() for line in of_classes] == ours


def test_a_map_of_the_first_definition_is_drawn_as_there(golden: Golden, theirs: dict) -> None:
    picture = draw_points(np.concatenate(maps(golden)[0][0].polygons))
    expected = theirs["render_2026_04_02_class0_frame0"]
    assert float(picture.max()) == expected["max"]
    assert float(picture.sum()) == pytest.approx(expected["sum"], rel=1e-6)
    assert list(np.unravel_index(picture.argmax(), picture.shape)) == expected["argmax"]
