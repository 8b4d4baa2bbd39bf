"""Stretches cover a recording and its look-ahead once, and every frame of it is predicted once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avseld.decoding.stretches import predicted_frames, stretch_samples, stretch_visual, stretches_of
from avseld.decoding.windows import WindowLengths

LABEL_FRAMES = 5
LENGTHS = WindowLengths(0.02, 480, 1024, 50, 45, LABEL_FRAMES, 0.1, every_label_frame=True)
"""windows of ten label frames"""

recordings = st.integers(1, 700)
look_aheads = st.integers(0, 12).map(lambda n: n * LABEL_FRAMES)
windows = st.integers(1, 4)


@given(recordings, look_aheads, windows)
def test_stretches_follow_one_another_up_to_the_look_ahead_after_the_end(n_frames, look_ahead, at_once):
    stretches = stretches_of(LENGTHS, n_frames, look_ahead, at_once)
    assert all(one.n_frames % LABEL_FRAMES == 0 and 0 < one.n_frames <= 50 * at_once for one in stretches)
    ends = [0, *(one.first + one.n_frames for one in stretches)]
    assert [one.first for one in stretches] == ends[:-1]
    assert 0 <= ends[-1] - look_ahead - n_frames < LABEL_FRAMES


@given(recordings, look_aheads, windows)
def test_every_frame_of_a_recording_is_predicted_once_and_in_order(n_frames, look_ahead, at_once):
    found = []
    for one in stretches_of(LENGTHS, n_frames, look_ahead, at_once):
        first, kept = predicted_frames(one, n_frames, look_ahead)
        own = np.arange(one.first, one.first + one.n_frames)[kept] - look_ahead
        assert len(own) == 0 or own[0] == first
        found += own.tolist()
    assert found == list(range(n_frames))


def test_the_samples_of_a_stretch_reach_half_a_transform_around_its_frames():
    first, second = stretches_of(LENGTHS, 100, 0, 1)
    assert stretch_samples(LENGTHS, first) == (-512, 49 * 480 + 1024)
    assert stretch_samples(LENGTHS, second) == (50 * 480 - 512, 49 * 480 + 1024)


def test_the_visual_input_of_a_stretch_is_that_of_its_label_frames_and_nothing_after_the_recording():
    def visual_at(starts: np.ndarray) -> np.ndarray:
        return (10 * starts[:, None] + 1 + np.arange(10))[:, :, None]

    seen = [stretch_visual(LENGTHS, visual_at, one, 113)[:, 0] for one in stretches_of(LENGTHS, 113, 15, 2)]
    np.testing.assert_allclose(seen[0], np.arange(20) + 1)  # label frame 0 is 1
    np.testing.assert_allclose(seen[1], [21, 22, 23, 0, 0, 0])  # the last ones are the look-ahead
    assert seen[0].dtype == np.float32
