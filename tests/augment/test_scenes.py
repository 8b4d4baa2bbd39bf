"""Rotated, mirrored and mixed scenes: audio, labels and boxes keep the same direction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avseld.augment.scenes import ALL_ROTATIONS, Mix, Rotate, Window, rotations
from avseld.base.errors import BadInput
from avseld.base.physics import TETRAHEDRON_DEG
from avseld.io.boxes import centre_direction
from avseld.io.events import Events
from avseld.io.geometry import angle_between, direction, to_frame, unit_vector

RATE = 24000
AZIMUTH, ELEVATION = st.integers(-179, 180), st.integers(-75, 75)


def box_at(azimuth: float, elevation: float, half: float = 0.02) -> np.ndarray:
    u, v = to_frame(azimuth, elevation)
    return np.array([[u - half, v - half, u + half, v + half, 0.9], [0, 0, 0, 0, 0]], np.float32)


def scene(azimuth: float, elevation: float) -> Window:
    """Create a plane wave in first-order ambisonics, its label and its box."""
    x, y, z = unit_vector(azimuth, elevation)
    sound = np.random.default_rng(0).normal(size=2400)
    events = Events.from_rows([(0.0, 0.1, 3, 0, azimuth, elevation, 2.0)])
    return Window(np.outer([1, y, z, x], sound).astype(np.float32), events, 0.0, box_at(azimuth, elevation))


def intensity(waveform: np.ndarray) -> np.ndarray:
    w, y, z, x = waveform
    return np.array([(w * x).mean(), (w * y).mean(), (w * z).mean()])


@given(AZIMUTH, ELEVATION)
def test_intensity_label_and_box_point_the_same_way_after_all_sixteen_rotations(azimuth, elevation):
    window = scene(azimuth, elevation)
    seen = set()
    for rotation, matrix in rotations("foa"):
        measured = intensity(matrix @ window.waveform)
        events, boxes = rotation.events(window.events), rotation.boxes(window.visual)
        labelled = unit_vector(events.azimuth[0], events.elevation[0])
        seen_in_video = unit_vector(*centre_direction(boxes[0]))
        assert angle_between(measured, labelled) < 1e-3 and angle_between(seen_in_video, labelled) < 1e-3
        assert not boxes[1].any() and boxes[0, 4] == np.float32(0.9)
        seen.add((float(events.azimuth[0]), float(events.elevation[0])))
    if azimuth % 45 and elevation:
        assert len(seen) == 16


def test_the_array_allows_eight_rotations_and_each_permutes_its_capsules():
    capsules = unit_vector(*np.array(TETRAHEDRON_DEG).T)
    found = rotations("mic")
    assert len(found) == 8 and len({str(matrix) for _, matrix in found}) == 8
    delay = np.random.default_rng(0)
    for rotation, matrix in found:
        assert np.array_equal(np.sort(matrix, axis=1)[:, -1], np.ones(4)) and matrix.sum() == 4
        for _ in range(5):
            wave = delay.normal(size=3)
            arrival = capsules @ wave  # the wave reaches a capsule that faces it earlier
            assert np.allclose(matrix @ arrival, capsules @ rotation.vectors(wave))


def test_binaural_and_stereo_channels_are_exchanged():
    for format in ("binaural", "stereo"):
        (_, same), (mirror, swapped) = rotations(format)
        assert np.array_equal(same, np.eye(2)) and np.array_equal(swapped @ [1, 2], [2, 1])
        rotated = mirror.events(scene(30, 10).events)
        assert (rotated.azimuth[0], rotated.elevation[0]) == (-30, 10)
        assert np.allclose(
            direction(unit_vector(-30, 10)), centre_direction(mirror.boxes(box_at(30, 10))[0]), atol=1e-4
        )
    with pytest.raises(BadInput, match="recordings of format mono cannot be rotated"):
        rotations("mono")


def test_a_person_cut_by_the_edge_of_a_stereo_picture_does_not_come_in_on_its_other_side():
    _, (mirror, _) = rotations("stereo")
    cut = np.array([[-0.2, 0.1, 0.1, 0.9, 0.8]], np.float32)
    np.testing.assert_allclose(mirror.boxes(cut), [[0.9, 0.1, 1.2, 0.9, 0.8]], atol=1e-6)


@given(st.sampled_from(ALL_ROTATIONS), AZIMUTH, ELEVATION)
def test_a_rotation_keeps_angles_and_the_vertical(rotation, azimuth, elevation):
    one, other = unit_vector(azimuth, elevation), unit_vector(17.0, -8.0)
    assert angle_between(rotation.vectors(one), rotation.vectors(other)) == pytest.approx(
        angle_between(one, other), abs=1e-6
    )
    assert abs(rotation.vectors(one)[2]) == pytest.approx(abs(one[2]))


def test_rotate_draws_all_sixteen_rotations():
    rotate, random = Rotate("foa"), np.random.default_rng(0)
    window = scene(20.0, 15.0)
    seen = set()
    for _ in range(300):
        rotated = rotate(window, random, lambda: window)
        assert (
            angle_between(
                intensity(rotated.waveform),
                unit_vector(rotated.events.azimuth[0], rotated.events.elevation[0]),
            )
            < 1e-3
        )
        seen.add((float(rotated.events.azimuth[0]), float(rotated.events.elevation[0])))
    assert len(seen) == 16


def test_mixed_windows_hold_audio_labels_and_boxes_of_both():
    first, second = scene(20.0, 0.0), scene(-100.0, 10.0)
    second = Window(second.waveform, second.events, -3.0, second.visual)
    mixed = Mix("foa", chance=1.0, gain_db=0.0)(first, np.random.default_rng(0), lambda: second)
    assert np.allclose(mixed.waveform, first.waveform + second.waveform, atol=1e-6)
    assert mixed.events.azimuth.tolist() == [20, -100] and mixed.events.source.tolist() == [0, 1]
    assert mixed.events.onset.tolist() == [0.0, 3.0]  # as far from the start of the window as before
    assert mixed.visual.shape == (2, 5) and mixed.visual[:, 4].all()
    assert Mix("foa", chance=0.0)(first, np.random.default_rng(0), lambda: second) is first


def people(*places: tuple[float, ...], n_frames: int = 5) -> np.ndarray:
    """Create boxes (frame, slot, 5) of one person per slot, identified by the left edge; 0 in empty slots."""
    boxes = np.zeros((n_frames, len(places), 5), np.float32)
    for place, marks in enumerate(places):
        for frame, mark in enumerate(marks):
            if mark:
                boxes[frame, place] = [mark, 0.4, mark + 0.1, 0.6, 0.9]
    return boxes


def mixed_boxes(own: np.ndarray, other: np.ndarray, layout: str) -> np.ndarray:
    first, second = (
        Window(np.zeros((4, 10), np.float32), scene(0, 0).events, 0.0, b, layout) for b in (own, other)
    )
    return Mix("foa", chance=1.0)(first, np.random.default_rng(0), lambda: second).visual[..., 0]


def test_a_mixed_track_keeps_its_slot_for_the_whole_window():
    own = people((0.1, 0.1, 0.1, 0, 0), (0, 0, 0, 0, 0))
    other = people((0, 0.5, 0.5, 0.5, 0.5), (0.7, 0.7, 0.7, 0.7, 0.7))
    mixed = mixed_boxes(own, other, layout="tracks")
    assert np.allclose(mixed.T, [[0.1, 0.1, 0.1, 0, 0], [0, 0.5, 0.5, 0.5, 0.5]])


def test_mixed_boxes_without_tracks_fill_the_free_slots_of_each_frame():
    own = people((0.1, 0.1, 0.1, 0, 0), (0, 0, 0, 0, 0))
    other = people((0, 0.5, 0.5, 0.5, 0.5), (0.7, 0.7, 0.7, 0.7, 0.7))
    mixed = mixed_boxes(own, other, layout="boxes")
    assert np.allclose(mixed.T, [[0.1, 0.1, 0.1, 0.5, 0.5], [0.7, 0.5, 0.5, 0.7, 0.7]])


@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_mixed_window_keeps_its_own_embeddings_at_their_times(seen):
    own = np.where(np.array(seen)[:, None], np.random.default_rng(0).normal(size=(6, 20)), 0).astype(
        np.float32
    )
    window, other = (
        Window(np.zeros((4, 10), np.float32), scene(0, 0).events, 0.0, visual, "embeddings")
        for visual in (own, np.ones((6, 20), np.float32))
    )
    mixed = Mix("foa", chance=1.0)(window, np.random.default_rng(0), lambda: other)
    assert np.array_equal(mixed.visual, own)
