"""Matching of energy maps, and average precision, beside literal references."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.metrics.imaging.matching import UNMATCHED, Drawn, Records, concatenate_records, match, soft_iou
from avseld.metrics.imaging.scores import THRESHOLDS, jackknife, jackknife_of_gain, scores_of

ROWS = st.lists(
    st.tuples(st.sampled_from([0.1, 0.2, 0.3, 0.4]), st.sampled_from([UNMATCHED, 0.0, 0.25, 0.3, 0.5, 0.8])),
    max_size=12,
)


def records(
    rows: list[tuple[float, float]], n_references: int, recording: int = 0, n_recordings: int = 1
) -> Records:
    scores, overlaps = np.array(rows, float).reshape(-1, 2).T
    counts = np.zeros((n_recordings, 2), int)
    counts[recording, 0] = n_references
    place, label = np.full(len(scores), recording), np.zeros(len(scores), int)
    return Records(
        place, label, scores, overlaps, np.full(len(scores), np.nan), counts, np.zeros(n_recordings, int)
    )


def literal_precision(hits: list[bool], n_references: int) -> Fraction:
    points = [
        (Fraction(sum(hits[:n]), n_references), Fraction(sum(hits[:n]), n)) for n in range(1, len(hits) + 1)
    ]
    best = [max((p for r, p in points if r >= Fraction(k, 100)), default=Fraction(0)) for k in range(101)]
    return sum(best, Fraction(0)) / 101


@given(rows=ROWS, more=st.integers(0, 5))
def test_average_precision_is_the_mean_of_the_best_precisions_at_101_recalls(rows, more):
    n_references = sum(overlap >= 0 for _, overlap in rows) + more
    if not n_references:
        return
    ordered = sorted(rows, key=lambda row: -row[0])
    scores = scores_of(records(rows, n_references))
    for place, least in enumerate(THRESHOLDS):
        expected = literal_precision([overlap >= least for _, overlap in ordered], n_references)
        assert abs(scores.precisions[0, place] - float(expected)) < 1e-12
        in_single = scores_of(records(rows, n_references), legacy=True).precisions[0, place]
        assert abs(in_single - float(expected)) < 2 / 101 + 1e-6


def test_seven_of_ten_found_reach_a_recall_of_seven_tenths_and_fall_short_of_it_in_single_precision():
    rows = [(1 - 0.01 * n, 1.0) for n in range(7)]
    assert scores_of(records(rows, 10)).precisions[0, 0] == 71 / 101
    assert abs(scores_of(records(rows, 10), legacy=True).precisions[0, 0] - 70 / 101) < 1e-7


def picture(*places: tuple[int, int]) -> np.ndarray:
    drawn = np.zeros((50, 100))
    for row, column in places:
        drawn[row, column] = 1
    return drawn


@settings(max_examples=40)
@given(data=st.data(), n_references=st.integers(1, 4), n_predictions=st.integers(1, 4))
def test_the_pairs_of_a_cell_have_the_largest_sum_of_overlaps(data, n_references, n_predictions):
    seed = data.draw(st.integers(0, 1000))
    random = np.random.default_rng(seed)
    sides = [
        random.random((n, 50, 100)) * (random.random((n, 50, 100)) < 0.01)
        for n in (n_references, n_predictions)
    ]
    found = match(
        [Drawn(0, 0, one) for one in sides[0]],
        [Drawn(0, 0, one, float(place)) for place, one in enumerate(sides[1])],
        2,
    )
    few, many = sorted(sides, key=len)
    best = max(
        sum(soft_iou(one, many[place]) for one, place in zip(few, order, strict=True))
        for order in permutations(range(len(many)), len(few))
    )
    taken = found.overlap[found.overlap >= 0]
    assert len(taken) == len(few)
    assert abs(taken.sum() - best) < 1e-12


def test_sounds_of_other_frames_or_classes_are_never_matched():
    there = picture((10, 10), (10, 11))
    found = match([Drawn(0, 0, there)], [Drawn(1, 0, there, 0.9), Drawn(0, 1, there, 0.8)], 2)
    assert (found.overlap == UNMATCHED).all()
    assert found.n_references.tolist() == [[1, 0]]


def test_a_reference_that_is_there_twice_is_counted_and_found_once():
    there = picture((10, 10), (10, 11))
    found = match([Drawn(0, 0, there)] * 2, [Drawn(0, 0, there, 0.9)], 2)
    assert found.n_doubled.tolist() == [1]
    assert found.n_references.tolist() == [[2, 0]]
    assert found.overlap.tolist() == [1.0]


def test_a_class_that_is_never_predicted_counts_as_nothing_and_left_the_mean_before_the_repair():
    there = picture((10, 10), (10, 11))
    found = match([Drawn(0, 0, there), Drawn(0, 1, there)], [Drawn(0, 0, there, 0.9)], 2)
    assert scores_of(found).macro_precision == 0.5
    assert scores_of(found, "2026-05-28").macro_precision == 1.0
    assert scores_of(found).without_predictions == [1]


@settings(max_examples=20)
@given(parts=st.lists(ROWS, min_size=2, max_size=4))
def test_the_jackknife_leaves_each_recording_out(parts):
    each = [records(rows, 1 + sum(overlap >= 0 for _, overlap in rows)) for rows in parts]
    whole = concatenate_records(each)
    for place in range(len(each)):
        rest = concatenate_records(each[:place] + each[place + 1 :])
        assert scores_of(whole.without(place)).macro_precision == scores_of(rest).macro_precision
    low, high = jackknife(whole)["macro_mAP"]
    assert low <= high


@settings(max_examples=20)
@given(parts=st.lists(st.tuples(ROWS, ROWS), min_size=2, max_size=4))
def test_the_gain_of_a_system_is_that_on_the_recordings_that_both_were_scored_on(parts):
    one, other = (
        concatenate_records([records(rows, 1 + sum(overlap >= 0 for _, overlap in rows)) for rows in system])
        for system in zip(*parts, strict=True)
    )
    low, high = jackknife_of_gain(one, other)["macro_mAP"]
    assert jackknife_of_gain(other, one)["macro_mAP"] == pytest.approx((-high, -low))
    assert jackknife_of_gain(one, one)["macro_mAP"] == (0, 0)


def test_a_system_that_is_always_better_has_a_gain_above_zero():
    better, worse = (
        concatenate_records([records([(0.9, overlap)] * 2, 2)] * 4) for overlap in (0.6, UNMATCHED)
    )
    low, high = jackknife_of_gain(better, worse)["macro_mAP"]
    assert 0 < low <= high == pytest.approx(2 / 3)


def test_equal_recordings_leave_no_doubt():
    each = records([(0.9, 0.6), (0.5, UNMATCHED)], 2)
    low, high = jackknife(concatenate_records([each, each, each]))["macro_mAP"]
    assert high - low < 1e-12
