"""Offset and yaw of a video, estimated from labels and boxes."""

import numpy as np
import pytest

from avseld.io.alignment import aligned
from avseld.io.boxes import Boxes
from avseld.io.events import Events
from avseld.io.geometry import to_frame, wrap
from data_prep.check.video_agreement import agreement, warnings_of

N_FRAMES = 600


def scene(seed: int, speed: float = 20.0) -> tuple[Events, Boxes]:
    """Create 60 s of two walking people, one of whom speaks, a box each, and sounds of things elsewhere."""
    random = np.random.default_rng(seed)
    time = np.arange(N_FRAMES) / 10
    walks = [
        wrap(random.uniform(-180, 180) + speed * np.cumsum(np.repeat(random.normal(size=60), 10)) / 10)
        for _ in range(2)
    ]
    u, v = to_frame(np.stack(walks, axis=1) + random.normal(0, 2, (N_FRAMES, 2)), np.zeros((N_FRAMES, 2)))
    box = np.stack([u - 0.02, v - 0.1, u + 0.02, v + 0.1], axis=2)
    boxes = Boxes(time, box, np.full((N_FRAMES, 2), 0.9), np.zeros((N_FRAMES, 2)), {"duration": 60.0})
    rows = [(0.1 * k, 0.1 * k + 0.1, 0, 0, walks[0][k], 0.0, np.nan) for k in range(N_FRAMES) if k % 40 < 25]
    for start in range(0, 60, 5):
        rows.append((start, start + 2.0, 1, 0, random.uniform(-180, 180), 10.0, np.nan))
    return Events.from_rows(rows), boxes


def estimates(offset: float, yaw: float, n: int = 2, speed: float = 20.0) -> list[str]:
    """Warnings for recordings whose videos lie so against the sound while the manifest says 0."""
    found = []
    for seed in range(n):
        events, boxes = scene(seed, speed)
        found.append(agreement(f"take{seed}", events, aligned(boxes, -offset, -yaw)))
    return warnings_of(found)


def test_boxes_in_time_and_in_place_cause_no_warning():
    assert estimates(0.0, 0.0, n=3) == []
    assert estimates(0.0, 0.0, n=3, speed=0.0) == []


def test_boxes_of_two_frames_a_second_are_not_called_late():
    found = []
    for seed in range(3):
        events, boxes = scene(seed)
        rows = slice(None, None, 5)
        seldom = Boxes(boxes.time[rows], boxes.box[rows], boxes.score[rows], boxes.label[rows], boxes.about)
        found.append(agreement(f"take{seed}", events, seldom))
    assert warnings_of(found) == []


@pytest.mark.parametrize("offset", [0.7, -1.4])
def test_the_offset_of_each_video_is_estimated(offset):
    lines = estimates(offset, 0.0)
    assert len(lines) == 2
    assert f"take0: boxes lie nearer to the labels with the video {offset:+.1f} s later" in lines[0]
    assert f"is video_offset {offset:.1f}?" in lines[1]


@pytest.mark.parametrize("yaw", [-90.0, 35.0])
def test_the_yaw_of_all_videos_is_estimated(yaw):
    (line,) = estimates(0.0, yaw)
    assert f"turned by {yaw:.0f} degrees; is video_yaw {yaw:.0f}?" in line


def test_offset_and_yaw_are_estimated_together():
    lines = estimates(0.7, -90.0)
    assert len(lines) == 3 and "is video_yaw -90?" in lines[0] and "is video_offset 0.7?" in lines[1]


def test_estimates_are_added_to_what_the_manifest_says():
    events, boxes = scene(0)
    shown = aligned(boxes, -0.5, 40.0)  # the manifest says 0.2 s and 100 degrees; 0.7 s and 60 would be right
    (yaw, offset) = warnings_of([agreement("a", events, shown, 0.2, 100.0)])
    assert "is video_yaw 60?" in yaw and "is video_offset 0.7?" in offset


def test_unrelated_boxes_cause_no_warning():
    found = []
    for seed in range(4):
        events, _ = scene(seed)
        _, boxes = scene(seed + 100)
        found.append(agreement(f"take{seed}", events, boxes))
    assert warnings_of(found) == []
    assert warnings_of([agreement("a", Events.empty(), boxes)]) == []
