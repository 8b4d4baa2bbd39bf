"""Boxes, embeddings and frames in the time and the directions of the sound."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from counting_video import counting_video, number_of

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint
from avseld.data.visual import load_visual_input
from avseld.io.alignment import aligned, boxes_of, embeddings_of
from avseld.io.boxes import Boxes, centre_direction, write_boxes
from avseld.io.embeddings import VisualEmbeddings, write_embeddings
from avseld.io.geometry import to_frame, wrap
from avseld.io.manifest import Recording
from avseld.io.video import open_panorama, turned
from avseld.vision.visual_input import VisualSpec


def boxes_at(azimuth: list[float], video: Path | None = None) -> Boxes:
    """Create boxes of one person, 36 degrees wide, a box every 0.1 s, with one row of padding."""
    u, v = to_frame(np.array(azimuth), np.zeros(len(azimuth)))
    box = np.stack([u - 0.05, v - 0.1, u + 0.05, v + 0.1], axis=1)[:, None]
    box = np.concatenate([box, np.zeros_like(box)], axis=1)
    score = np.tile([0.9, 0.0], (len(azimuth), 1))
    label = np.tile([0, -1], (len(azimuth), 1))
    about = {"duration": 0.1 * len(azimuth)} | ({"video": fingerprint(video)} if video else {})
    return Boxes(np.arange(len(azimuth)) / 10, box, score, label, about)


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """A recording of 2 s whose video of 1 s starts at 0.7 s, with a camera that faces 90 degrees to the left."""
    video = counting_video(tmp_path / "v.mp4", 10, 10)
    write_boxes(tmp_path / "boxes.npz", boxes_at([10.0 * k for k in range(10)], video))
    return Recording(
        "a", tmp_path / "a.wav", "foa", video, tmp_path / "boxes.npz", duration=2.0, video_offset=0.7,
        video_yaw=90.0, embeddings=tmp_path / "frames.npz",
    )  # fmt: skip


@pytest.mark.parametrize("yaw", [90.0, -90.0, 180.0, 33.0, 400.0])
def test_a_yaw_is_added_to_the_azimuth_of_every_box(yaw: float) -> None:
    azimuth = [0.0, 100.0, -170.0, 179.0]
    boxes = aligned(boxes_at(azimuth), 0.0, yaw)
    found, elevation = centre_direction(boxes.box[:, 0])
    np.testing.assert_allclose(wrap(found - np.array(azimuth) - yaw), 0, atol=1e-6)
    np.testing.assert_allclose(elevation, 0, atol=1e-9)
    np.testing.assert_allclose(boxes.box[:, 0, 2] - boxes.box[:, 0, 0], 0.1)
    assert not boxes.box[:, 1].any(), "padding stays empty"


def test_boxes_of_a_late_video_are_seen_later(recording: Recording) -> None:
    boxes = boxes_of(recording)
    assert boxes is not None
    np.testing.assert_allclose(boxes.time, 0.7 + np.arange(10) / 10)
    visual = load_visual_input(recording, VisualSpec(1, 20))
    assert visual.start == 0.7 and visual.duration == pytest.approx(1.7)
    shown = visual.at(np.array([0.0]))[0, :, 0]
    assert not shown[:7].any() and shown[7:17].any(axis=1).all() and not shown[17:].any()
    azimuth = centre_direction(shown[7:17])[0]
    np.testing.assert_allclose(wrap(azimuth - 90 - 10 * np.arange(10)), 0, atol=1e-3)


def test_a_video_that_starts_before_the_sound_is_seen_from_its_middle(recording: Recording) -> None:
    early = replace(recording, video_offset=-0.3, video_yaw=0.0)
    shown = load_visual_input(early, VisualSpec(1, 20)).at(np.array([0.0]))[0, :, 0]
    np.testing.assert_allclose(centre_direction(shown[:7])[0], 30 + 10 * np.arange(7), atol=1e-3)
    assert not shown[7:].any()


def test_embeddings_move_in_time_and_must_have_been_computed_with_the_yaw(recording: Recording) -> None:
    assert recording.embeddings is not None and recording.video is not None
    about = {"duration": 1.0, "video": fingerprint(recording.video)}
    table = VisualEmbeddings(np.arange(10) / 10, np.ones((10, 3)), about)
    write_embeddings(recording.embeddings, table)
    with pytest.raises(BadInput, match=r"video_yaw 0, the manifest says 90; make them anew"):
        embeddings_of(recording)
    write_embeddings(recording.embeddings, replace(table, about=about | {"yaw": 90.0}))
    moved = embeddings_of(recording)
    np.testing.assert_allclose(moved.time, 0.7 + np.arange(10) / 10)
    shown = load_visual_input(recording, VisualSpec(0, 20, n_values=3)).at(np.array([0.0]))[0]
    assert not shown[:7].any() and (shown[7:17] == 1).all() and not shown[17:].any()


def test_frames_are_read_at_the_time_of_the_sound(recording: Recording) -> None:
    assert recording.video is not None
    with open_panorama(recording.video, 128, 0.7) as reader:
        shown = [reader.at(second) for second in (0.0, 0.7, 1.25, 1.65, 1.8)]
    assert number_of(np.stack([frame for frame, _ in shown])).tolist() == [0, 0, 5, 9, 9]
    assert [ended for _, ended in shown] == [None] * 4 + [pytest.approx(1.7)]


@pytest.mark.parametrize("yaw", [90.0, -45.0])
def test_a_turned_frame_has_azimuth_0_of_the_labels_in_its_middle(yaw: float) -> None:
    frame = np.zeros((2, 360, 3), np.uint8)
    u, _ = to_frame(-yaw + 20.0, 0.0)  # labelled at 20 degrees, hence at 20 - yaw in the picture
    frame[:, round(float(u) * 360)] = 255
    expected, _ = to_frame(20.0, 0.0)
    assert turned(frame, yaw)[0, :, 0].argmax() == round(float(expected) * 360)
    assert turned(frame, 0.0) is frame
