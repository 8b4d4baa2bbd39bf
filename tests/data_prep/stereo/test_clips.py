"""Clips of the stereo task: drawn in the official order, listed, or seen on a path."""

import random

import numpy as np
import pytest

from avseld.base.errors import BadInput
from data_prep.stereo.camera import View
from data_prep.stereo.clips import StereoClip, draw_clips, read_clips
from data_prep.stereo.path import read_path

LENGTHS = {"one": 60, "short": 49, "two": 300}


def test_clips_are_drawn_in_the_order_of_the_official_generator():
    random.seed(20250305)
    expected = []
    while len(expected) < 40:  # literally: recording, start, angle; one that is there is not counted
        name = random.choices(["one", "two"], weights=[60, 300])[0]
        start = random.randint(0, LENGTHS[name] - 50)
        deg = random.randint(0, 359)
        clip = f"{name}_deg{deg:03d}_start{start:04d}"
        if clip not in expected and deg >= 90:
            expected.append(clip)
    drawn = draw_clips(LENGTHS, 40, 50, 20250305, lambda clip: clip.deg < 90)
    assert [clip.name for clip in drawn] == expected


def test_more_clips_begin_with_the_same_ones():
    few, many = (draw_clips(LENGTHS, number, 50, 1, lambda clip: False) for number in (10, 30))
    assert many[:10] == few


def test_a_recording_that_always_clips_ends_the_draw():
    with pytest.raises(BadInput, match="--clips 5: only 0 were found"):
        draw_clips(LENGTHS, 5, 50, 0, lambda clip: True)


def test_listed_clips_name_recording_start_and_angle(tmp_path):
    (tmp_path / "t.csv").write_text("name,start,deg\none,0.7,-10\ntwo,25,90\n")
    assert read_clips(tmp_path / "t.csv", LENGTHS, 50) == [
        StereoClip("one", 350, 7, 50),
        StereoClip("two", 90, 250, 50),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("three,0,0", ":2: no recording 'three'"),
        ("one,0.75,0", ":2: start 0.75 s"),
        ("one,1.1,0", ":2: start 1.1 s; give a tenth of a second from 0 to 1$"),
        ("one,0,0.5", ":2: deg 0.5"),
        ("one,0", ":2: 2 columns"),
        ("one,x,0", ":2: "),
        ("", "lists no clip"),
    ],
)
def test_a_clip_that_cannot_be_is_named_by_its_line(tmp_path, row, said):
    (tmp_path / "t.csv").write_text(f"name,start,deg\n{row}\n")
    with pytest.raises(BadInput, match=said):
        read_clips(tmp_path / "t.csv", LENGTHS, 50)


def test_a_path_turns_from_row_to_row_and_stands_before_and_after(tmp_path):
    (tmp_path / "p.csv").write_text("time,yaw,pitch\n1,0,0\n3,36,-20\n")
    path = read_path(tmp_path / "p.csv")
    assert (
        path.at(10, 0) == View(-10, 0) and path.at(10, 2) == View(8, -10) and path.at(10, 9) == View(26, -20)
    )
    np.testing.assert_allclose(path.azimuth(10, np.array([1, 1.5])), [-10, -1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yaw,pitch\n0,0\n", ":1: expected the header time,yaw,pitch"),
        ("time,yaw,pitch\n", "has no rows"),
        ("time,yaw,pitch\n1,0,0\n1,5,0\n", ":3: time 1 is not after 1"),
        ("time,yaw,pitch\n0,0,95\n", ":2: yaw 0, pitch 95"),
        ("time,yaw,pitch\n0,nan,0\n", ":2: "),
    ],
)
def test_a_path_that_cannot_be_is_named_by_its_line(tmp_path, text, said):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(BadInput, match=said):
        read_path(tmp_path / "p.csv")
