"""People in live video are followed from the past only, keep their index, and cost no memory over time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walking_people import STEP, N, azimuth_of, going, standing, walk

from avseld.io.boxes import Boxes
from avseld.io.geometry import wrap
from avseld.vision.live_tracking import LiveTracker, live_tracked
from avseld.vision.tracking import MIN_BOXES
from avseld.vision.visual_input import VisualInput, visual_spec
from data_prep.synth.video.detector_noise import yolox_nano_noise


def cut(boxes: Boxes, end: int) -> Boxes:
    return Boxes(boxes.time[:end], boxes.box[:end], boxes.score[:end], boxes.label[:end])


def noisy(seed: int) -> Boxes:
    people = [standing(30.0), going(-100.0, 10.0), going(150.0, -20.0)]
    return yolox_nano_noise().apply(walk(people), np.random.default_rng(seed))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), end=st.integers(1, N))
def test_later_frames_do_not_change_where_people_are_now(seed, end):
    boxes = noisy(seed)
    np.testing.assert_array_equal(live_tracked(cut(boxes, end)), live_tracked(boxes)[:end])


def test_people_keep_their_index_and_are_followed_across_the_seam():
    for speed in (4.0, -4.0):
        found = live_tracked(walk([going(160.0 * np.sign(speed), speed), standing(20.0)]), 4)[MIN_BOXES:]
        assert (found[:, :2, 4] > 0).all() and (found[:, 2:] == 0).all()
        away = np.abs(wrap(azimuth_of(found[:, :2]) - 20.0))
        assert (away.min(axis=1) < 1e-3).all()
        # A running mean of 0.1 s lags by 0.06 s behind.
        walker = wrap(
            azimuth_of(found[:, away.max(axis=0).argmax()]) - going(160.0 * np.sign(speed), speed)[MIN_BOXES:]
        )
        assert np.abs(walker).max() < 0.5


def test_a_person_is_shown_once_there_are_enough_boxes():
    shown = live_tracked(walk([standing(0.0)]))[:, 0, 4] > 0
    assert not shown[: MIN_BOXES - 1].any() and shown[MIN_BOXES - 1 :].all()


def test_detections_of_three_frames_are_not_shown():
    seen = walk([standing(0.0), standing(90.0)])
    seen.score[:, 1] = 0
    seen.score[100:103, 1] = 0.6
    assert (live_tracked(seen)[:, 1] == 0).all()


def test_through_a_gap_a_person_stays_at_a_falling_score_and_is_gone_after_two_seconds():
    seen = walk([standing(0.0)])
    seen.score[100:] = 0
    found = live_tracked(seen)[:, 0]
    assert (found[100:119, 4] > 0).all() and (np.diff(found[100:119, 4]) <= 0).all()
    assert (found[121:] == 0).all()
    np.testing.assert_array_equal(found[110, :4], found[99, :4])


def test_an_index_is_free_for_a_frame_before_the_next_person_gets_it():
    seen = walk([standing(0.0), standing(120.0)])
    seen.score[100:, 0] = 0
    seen.score[:110, 1] = 0
    found = live_tracked(seen, 1)[:, 0]
    first, second = (np.abs(wrap(azimuth_of(found) - at)) < 1 for at in (0.0, 120.0))
    there = found[:, 4] > 0
    last, begin = np.flatnonzero(first & there)[-1], np.flatnonzero(second & there)[0]
    assert last < begin - 1 and not there[last + 1 : begin].any()


def test_what_is_remembered_does_not_grow():
    tracker, boxes = LiveTracker(), noisy(3)
    rounds = []
    for again in range(4):
        for row, time in enumerate(boxes.time):
            tracker.update(time + again * N * STEP, boxes.box[row], boxes.score[row], boxes.label[row])
        rounds.append(len(tracker.tracks))
    assert max(rounds) <= 8


def test_most_people_with_the_errors_of_a_detector_are_within_six_degrees():
    people = [standing(30.0), going(-100.0, 10.0), going(150.0, -20.0)]
    errors = []
    for seed in range(5):
        found = live_tracked(noisy(seed))[20:]
        near = [
            np.abs(wrap(azimuth_of(found) - path[20:, None])) + 360 * (found[..., 4] == 0) for path in people
        ]
        errors += [each.min(axis=1) for each in near]
    assert np.mean(np.concatenate(errors) < 6) > 0.9


def test_a_network_for_live_video_is_shown_what_the_tracker_shows():
    boxes = walk([standing(40.0)])
    spec = visual_spec("live_tracks", 4, 0, 10, 0.1)
    seen = VisualInput(boxes, spec).at(np.array([2.0]))
    assert seen.shape == (1, 10, 4, 5) and spec.tracks
    np.testing.assert_array_equal(seen[0], live_tracked(boxes, 4)[20:30])


@pytest.mark.parametrize("n", [0, 1])
def test_a_video_without_people_has_none(n):
    empty = Boxes(np.arange(n) * STEP, np.zeros((n, 0, 4)), np.zeros((n, 0)), np.zeros((n, 0), int))
    assert live_tracked(empty, 3).shape == (n, 3, 5) and (live_tracked(empty, 3) == 0).all()
