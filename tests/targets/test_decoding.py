"""Merging of close tracks."""

import numpy as np

from avseld.decoding.frames import merge_close_tracks
from avseld.io.geometry import unit_vector

PAIRS = ((0, 1), (1, 2), (2, 0))


def merge(azimuths, active=(True, True, True), weight=None):
    """Values are the azimuths; one frame, one class."""
    vectors = unit_vector(np.array(azimuths, float), 0.0)[None, None]
    values = np.array(azimuths, float)[None, None, :, None]
    weight = None if weight is None else np.array(weight, float)[None, None]
    merged, left = merge_close_tracks(values, np.array([[active]]), PAIRS, vectors, 15.0, weight)
    return {int(track): float(merged[0, 0, track, 0]) for track in np.flatnonzero(left[0, 0])}


def test_two_close_tracks_become_their_mean_at_the_place_of_the_first():
    assert merge([0, 10, 90]) == {0: 5.0, 2: 90.0}
    assert merge([0, 90, 10]) == {1: 90.0, 2: 5.0}


def test_two_close_pairs_make_one_of_all_three_tracks():
    assert merge([0, 10, 20]) == {0: 10.0}


def test_tracks_merge_only_below_the_angle_and_while_active():
    assert merge([0, 15.1, 90]) == {0: 0.0, 1: 15.1, 2: 90.0}
    assert merge([0, 10, 90], active=(True, False, True)) == {0: 0.0, 2: 90.0}


def test_weights_shift_the_mean():
    assert merge([0, 10, 90], weight=[3, 1, 1]) == {0: 2.5, 2: 90.0}
