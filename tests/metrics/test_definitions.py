"""The table of scores: every name that is printed, logged or ranked has a row, and rows agree with the formulas."""

import pickle

import numpy as np
import pytest

from avseld.io.events import Events
from avseld.metrics import RULES, SCORES, count_recording, scores_from_counts
from avseld.metrics.definitions import higher_is_better, label_of, of_classes
from avseld.metrics.ranking import ranking_names
from avseld.metrics.scoring import segment_scoring, task4_scoring


def test_every_score_of_every_year_and_task_has_a_row():
    for rule in RULES.values():
        assert set(rule.all_scores) <= set(SCORES)
    for scoring in (segment_scoring(2), task4_scoring(2), task4_scoring(2, "micro")):
        assert set(scoring.names) <= set(SCORES)
    heads = ("azimuth", "elevation")
    assert {name for task in ("sed", "tagging", "directions") for name in ranking_names(task, heads)} <= set(
        SCORES
    )


def test_errors_are_better_small_and_recalls_large():
    assert all(higher_is_better(name) for name in ("F", "LR", "mAP", "event_F", "frame_recall"))
    assert not any(higher_is_better(name) for name in ("ER", "LE", "seld_score", "loss", "event_ER"))


@pytest.mark.parametrize("year", sorted(RULES))
def test_a_perfect_prediction_is_at_least_as_good_as_an_empty_one_in_every_score(year):
    reference = Events.from_rows([(f * 0.1, (f + 1) * 0.1, f % 3, 0, 40.0, 10.0, 2.0) for f in range(60)])
    n_classes = 3
    perfect, empty = (
        scores_from_counts(count_recording(reference, prediction, year, n_classes), challenge=year)
        for prediction in (reference, Events.empty())
    )
    for name in perfect.printed:
        if not np.isnan(empty[name]):
            sign = 1 if higher_is_better(name) else -1
            assert sign * perfect[name] > sign * empty[name], name


def test_scores_are_attributes_and_items_and_an_unknown_name_is_neither():
    result = scores_from_counts(count_recording(Events.empty(), Events.empty(), 2023), challenge=2023)
    assert result["LR"] == result.LR and np.isnan(result.DOAE)
    assert pickle.loads(pickle.dumps(result)).values.keys() == result.values.keys()
    with pytest.raises(AttributeError):
        _ = result.accuracy
    with pytest.raises(KeyError):
        _ = result["accuracy"]


def test_missing_values_are_printed_as_a_dash():
    assert SCORES["F"].text(None) == SCORES["F"].text(float("nan")) == "-"
    assert SCORES["LE"].text(12.345) == "12.3" and SCORES["LE"].text(12.345, extra_digits=1) == "12.35"


def test_only_scores_with_an_angle_threshold_are_headed_by_its_20_degrees():
    assert [label_of(name, ["ER", "F", "LE", "LR"]) for name in ("ER", "F", "LE")] == ["ER20", "F20", "LE_CD"]
    assert [label_of(name, ["F", "DOAE", "RDE"]) for name in ("F", "DOAE")] == ["F20", "DOAE"]
    assert [label_of(name, ["ER", "F", "doa_error", "frame_recall"]) for name in ("ER", "F")] == ["ER", "F"]
    assert label_of("F", ["F", "ER"]) == "F"  # sound event detection
    assert [label_of("mAP", names) for names in (["mAP"], ["mAP", "mAP_micro"])] == ["mAP", "mAP macro"]


@pytest.mark.parametrize(
    ("year", "of_a_class"),
    [
        (2018, ["F", "doa_error", "seld_score"]),
        (2019, ["F", "seld_score"]),
        (2020, ["F", "LE", "LR", "seld_score"]),
        (2024, ["F", "DOAE", "RDE", "DE", "seld_score", "P", "R", "LR"]),
    ],
)
def test_scores_of_all_classes_together_are_none_of_a_class(year, of_a_class):
    assert sorted(of_classes(RULES[year].all_scores, year)) == sorted(of_a_class)
