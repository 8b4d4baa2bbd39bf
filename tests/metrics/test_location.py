"""Localization without classes against values worked out by hand."""

import numpy as np
import pytest

from avseld.io.events import Events
from avseld.metrics.location import (
    choose_threshold,
    concatenate_frames,
    locate_frames,
    location_scores,
    scores_by_overlap,
    scores_by_polyphony,
)


def rows(*table):
    """Events from (frame, class, azimuth, elevation)."""
    return Events.from_rows(
        [(0.1 * f, 0.1 * (f + 1), c, i, a, e, np.nan) for i, (f, c, a, e) in enumerate(table)]
    )


REFERENCE = rows((2, 0, 0, 0), (3, 0, 0, 0), (3, 1, 90, 0), (4, 1, 175, 0), (5, 0, 0, 80))
PREDICTION = rows(
    (0, 4, 0, 0),  # nothing sounds
    (2, 7, 12, 0),  # a hit of another class
    (2, 7, 60, 0),  # a second row for one sound
    (3, 0, 92, 0),  # both sounds are hit, in the other order
    (3, 0, -6, 0),
    (4, 1, -175, 0),  # across the rear
    (5, 0, 0, 50),  # assigned, but far
)  # fmt: skip


def test_hits_and_false_rows_of_a_recording_are_those_counted_by_hand():
    frames = locate_frames(REFERENCE, PREDICTION, duration=1.2)
    assert frames.sources.tolist() == [0, 0, 1, 2, 1, 1] + 6 * [0]
    assert frames.predicted.tolist() == [1, 0, 2, 2, 1, 1] + 6 * [0]
    assert frames.hits.tolist() == [0, 0, 1, 2, 1, 0] + 6 * [0]
    scores = location_scores(frames)
    assert scores.n_references == 5 and scores.recall == pytest.approx(4 / 5)
    assert scores.minutes == pytest.approx(0.02)
    assert scores.false_per_minute == pytest.approx(3 / 0.02)  # the silent one, the second one, the far one
    assert scores.median_deg == pytest.approx(10)  # of 2, 6, 10, 12, 30


def test_frames_are_scored_by_the_number_of_sounds_in_them():
    by_overlap = scores_by_overlap(locate_frames(REFERENCE, PREDICTION, duration=1.2))
    assert list(by_overlap) == [0, 1, 2]
    assert by_overlap[0].false_per_minute == pytest.approx(1 / (8 / 600)) and np.isnan(by_overlap[0].recall)
    assert by_overlap[1].recall == pytest.approx(2 / 3) and by_overlap[1].median_deg == pytest.approx(12)
    assert by_overlap[2].recall == 1 and by_overlap[2].median_deg == pytest.approx(4)
    assert by_overlap[2].false_per_minute == 0


def test_recordings_are_scored_by_their_largest_number_of_sounds_and_keep_their_silence():
    one = locate_frames(rows((0, 0, 0, 0)), rows((0, 0, 5, 0), (7, 0, 5, 0)), duration=1.0)
    two = locate_frames(REFERENCE, PREDICTION, duration=1.2)
    both = concatenate_frames([one, two])
    assert len(both) == 22
    by_polyphony = scores_by_polyphony(both)
    assert list(by_polyphony) == [1, 2]
    assert by_polyphony[1] == location_scores(one) and by_polyphony[2] == location_scores(two)
    assert by_polyphony[1].false_per_minute == pytest.approx(60)


def test_two_labels_in_one_direction_are_one_sound_but_two_predictions_are_two_rows():
    same = rows((0, 0, 30, 0), (0, 3, 30, 0))
    scores = location_scores(locate_frames(same, same))
    assert scores.n_references == 1 and scores.recall == 1
    assert scores.false_per_minute == pytest.approx(600)


def test_planar_directions_are_compared_by_their_azimuths_mirrored_to_the_front():
    reference = rows((0, 0, 150, 40), (1, 0, -20, 0), (1, 0, -160, -30))
    prediction = rows((0, 0, 32, 0), (1, 0, -25, np.nan))
    frames = locate_frames(reference, prediction, duration=0.2, planar=True)
    assert frames.match_deg == pytest.approx([2, 5])
    assert frames.sources.tolist() == [1, 1]  # -160 is heard where -20 is
    assert location_scores(frames).recall == 1


def test_silence_and_empty_predictions_have_no_recall_or_none():
    silent = location_scores(locate_frames(Events.empty(), Events.empty(), duration=60))
    assert silent.false_per_minute == 0 and np.isnan(silent.recall) and np.isnan(silent.median_deg)
    missed = location_scores(locate_frames(REFERENCE, Events.empty(), duration=60))
    assert missed.recall == 0 and np.isnan(missed.median_deg)


def test_an_event_without_direction_is_refused():
    with pytest.raises(ValueError, match="no direction"):
        locate_frames(rows((0, 0, np.nan, np.nan)), Events.empty())


def test_the_threshold_with_the_highest_recall_among_few_false_rows_is_chosen():
    thresholds = np.array([0.1, 0.3, 0.5, 0.7])
    rate, recall = np.array([300, 28, 20, 2]), np.array([0.9, 0.8, 0.8, 0.4])
    assert choose_threshold(thresholds, rate, recall, 30) == 2  # the higher one of two alike
    assert choose_threshold(thresholds, rate, recall, 1000) == 0
    assert choose_threshold(thresholds, rate, recall, 1) == 3  # none has so few
