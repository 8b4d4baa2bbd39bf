"""Tracks of people keep their identity through misses, duplicates, brief false boxes and across the seam."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walking_people import STEP, N, azimuth_of, going, standing, walk

from avseld.io.boxes import Boxes
from avseld.io.geometry import wrap
from avseld.vision.tracking import tracked
from avseld.vision.visual_input import VisualInput, VisualSpec
from data_prep.synth.video.detector_noise import yolox_nano_noise


def test_people_keep_their_slot_and_position():
    found = tracked(walk([standing(30.0), going(-100.0, 2.0)]), 4)
    assert found.shape == (N, 4, 5) and found.dtype == np.float32
    assert (found[:, :2, 4] > 0.5).all() and (found[:, 2:] == 0).all()
    here = np.sort(np.abs(wrap(azimuth_of(found[:, :2]) - 30.0)), axis=1)
    np.testing.assert_allclose(here[:, 0], 0, atol=1e-3)
    other = azimuth_of(found[:, np.argmax(np.ptp(found[:, :2, 0], axis=0))])
    np.testing.assert_allclose(wrap(other - going(-100.0, 2.0)), 0, atol=0.05)


def test_a_person_crossing_the_seam_keeps_their_slot():
    for speed in (30.0, -30.0):
        found = tracked(walk([going(175.0 * np.sign(speed), speed)]), 3)
        assert (found[:, 0, 4] > 0).all() and (found[:, 1:] == 0).all()
        np.testing.assert_allclose(
            wrap(azimuth_of(found[:, 0]) - going(175.0 * np.sign(speed), speed)), 0, atol=0.05
        )
        middle = (found[:, 0, 0] + found[:, 0, 2]) / 2
        assert (middle >= 0).all() and (middle <= 1).all()


def test_a_gap_of_a_second_is_bridged_at_a_lower_score():
    seen = walk([going(0.0, 20.0)])
    seen.score[100:110] = 0
    found = tracked(seen, 2)
    assert (found[:, 0, 4] > 0).all() and (found[:, 1] == 0).all()
    np.testing.assert_allclose(wrap(azimuth_of(found[:, 0]) - going(0.0, 20.0)), 0, atol=0.5)
    assert found[105, 0, 4] < 0.7 * found[50, 0, 4]


def test_a_longer_gap_ends_the_track():
    seen = walk([standing(0.0)])
    seen.score[100:150] = 0
    found = tracked(seen, 2)
    assert (
        (found[100:150, :, 4] == 0).all() and (found[:100, 0, 4] > 0).all() and (found[150:, 0, 4] > 0).all()
    )


def test_detections_of_three_frames_are_discarded():
    seen = walk([standing(0.0), standing(90.0)])
    seen.score[:, 1] = 0
    seen.score[100:103, 1] = 0.6
    assert (tracked(seen, 2)[:, 1] == 0).all()


def test_duplicate_boxes_join_one_track():
    once = walk([standing(20.0)])
    random = np.random.default_rng(0)
    again = once.box + 0.1 * (once.box[..., 2:3] - once.box[..., :1]) * random.standard_normal((N, 1, 4))
    twice = Boxes(
        once.time,
        np.concatenate([once.box, again], axis=1),
        np.tile([0.8, 0.4], (N, 1)),
        np.zeros((N, 2), int),
    )
    found = tracked(twice, 3)
    assert ((found[..., 4] > 0).sum(axis=1) == 1).all()


def test_a_box_of_the_upper_half_of_a_person_joins_their_track():
    once = walk([standing(-40.0)])
    half = once.box.copy()
    half[..., 3] = (half[..., 1] + half[..., 3]) / 2
    half[..., 2] -= 0.4 * (half[..., 2] - half[..., 0])
    both = Boxes(
        once.time,
        np.concatenate([half, once.box], axis=1),
        np.tile([0.3, 0.7], (N, 1)),
        np.zeros((N, 2), int),
    )
    np.testing.assert_array_equal(tracked(both, 3)[:, 0, :4], tracked(once, 3)[:, 0, :4])
    assert (tracked(both, 3)[:, 1:] == 0).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_box_order_does_not_change_the_tracks(seed):
    random = np.random.default_rng(seed)
    noisy = yolox_nano_noise().apply(walk([standing(30.0), going(-100.0, 10.0), going(150.0, -20.0)]), random)
    order = np.argsort(random.random(noisy.score.shape), axis=1)
    mixed = Boxes(
        noisy.time,
        np.take_along_axis(noisy.box, order[..., None], axis=1),
        np.take_along_axis(noisy.score, order, axis=1),
        np.take_along_axis(noisy.label, order, axis=1),
    )
    np.testing.assert_array_equal(tracked(mixed, 6), tracked(noisy, 6))


@settings(max_examples=10, deadline=None)
@given(angle=st.floats(-180, 180), seed=st.integers(0, 100))
def test_tracks_rotate_with_the_panorama(angle, seed):
    exact = walk([standing(30.0), going(-100.0, 10.0)])
    noisy = yolox_nano_noise().apply(exact, np.random.default_rng(seed))
    shift = np.array([-angle / 360, 0, -angle / 360, 0])
    turned = Boxes(noisy.time, noisy.box + shift * (noisy.score > 0)[..., None], noisy.score, noisy.label)
    before, after = tracked(noisy, 6), tracked(turned, 6)
    np.testing.assert_allclose(after[..., 4], before[..., 4], atol=1e-5)
    there = before[..., 4] > 0
    off = wrap(azimuth_of(after)[there] - azimuth_of(before)[there] - angle)
    np.testing.assert_allclose(off, 0, atol=1e-2)


def test_tracking_has_fewer_misses_and_false_boxes_than_single_frames():
    """With the measured detector errors: fewer misses, smaller displacements, fewer false boxes."""
    exact = walk([standing(30.0), going(-100.0, 10.0), going(150.0, -20.0)])
    truth = azimuth_of(exact.box)

    def faults(found: np.ndarray) -> tuple[float, float, float]:
        there = found[..., 4] > 0
        off = np.abs(wrap(azimuth_of(found)[:, :, None] - truth[:, None, :]))
        off = np.where(there[..., None], off, 360.0)
        nearest = off.min(axis=1)  # (time, person)
        known = nearest < 10
        nobody = (there & (off.min(axis=2) >= 10)).sum(axis=1).mean()
        return 1 - known.mean(), float(np.sqrt(np.square(nearest[known]).mean())), float(nobody)

    told = [yolox_nano_noise().apply(exact, np.random.default_rng(seed)) for seed in range(8)]
    alone = np.mean([faults(VisualInput(boxes, VisualSpec(8, N)).people) for boxes in told], axis=0)
    followed = np.mean([faults(tracked(boxes)) for boxes in told], axis=0)
    assert followed[0] < 0.4 * alone[0], (alone, followed)  # missed
    assert followed[1] < 0.7 * alone[1], (alone, followed)  # displaced
    assert followed[2] < 0.7 * alone[2], (alone, followed)  # false


def test_with_more_people_than_slots_those_with_the_lowest_scores_are_dropped():
    seen = walk([standing(float(azimuth)) for azimuth in range(-150, 151, 60)])
    seen.score[:] = np.linspace(0.9, 0.4, 6)
    found = tracked(seen, 4)
    np.testing.assert_allclose(np.sort(azimuth_of(found[0])), [-150, -90, -30, 30], atol=1e-3)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_videos_of_a_few_frames_have_no_tracks(n):
    boxes = Boxes(np.arange(n) * STEP, np.full((n, 2, 4), 0.5), np.full((n, 2), 0.9), np.zeros((n, 2), int))
    assert tracked(boxes, 3).shape == (n, 3, 5) and not tracked(boxes, 3).any()


def test_frame_rate_does_not_change_the_tracks():
    for fps in (5.0, 30.0):
        n = round(30 * fps)
        time = np.arange(n) / fps
        azimuth = 100 + 12 * time
        box = np.stack(
            [(180 - azimuth) / 360 - 0.03, 0.4 + 0 * time, (180 - azimuth) / 360 + 0.03, 0.7 + 0 * time], 1
        )
        found = tracked(Boxes(time, box[:, None], np.full((n, 1), 0.7), np.zeros((n, 1), int)), 2)
        np.testing.assert_allclose(wrap(azimuth_of(found[:, 0]) - azimuth), 0, atol=0.05)
