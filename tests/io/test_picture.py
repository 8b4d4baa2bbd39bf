"""Videos are read as players show them; what their header says of the sphere decides whether they show directions."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from spherical_boxes import add_to_video, spherical
from yolox_material import write_video

from avseld.base.errors import BadInput
from avseld.io.picture import bars_of, guess_by_shape
from avseld.io.video import check_panorama, open_panorama, panorama_warning, sample_frames, video_info
from data_prep.media.ffmpeg import run_ffmpeg


def scene(height: int = 64, width: int = 128) -> np.ndarray:
    """Grey, with another colour in three of its corners."""
    picture = np.full((height, width, 3), 60, np.uint8)
    for rows, columns, colour in (
        (slice(0, 16), slice(0, 16), (250, 30, 30)),
        (slice(-16, None), slice(0, 16), (30, 250, 30)),
        (slice(0, 16), slice(-16, None), (30, 30, 250)),
    ):
        picture[rows, columns] = colour
    return picture


def first_frame(path: Path) -> np.ndarray:
    return next(sample_frames(path, 10))[1][0].astype(int)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(
    ("options", "turn"),
    [
        ("-display_rotation 180", lambda stored: stored[::-1, ::-1]),
        ("-display_hflip", lambda stored: stored[:, ::-1]),
        ("-display_rotation 90", lambda stored: np.rot90(stored)),
        ("-display_rotation -90", lambda stored: np.rot90(stored, -1)),
        ("-display_rotation 90 -display_hflip", lambda stored: np.rot90(stored, -1)[::-1]),
    ],
)
def test_frames_are_turned_and_mirrored_as_the_header_says(tmp_path, suffix, options, turn):
    stored = write_video(tmp_path / "stored.mp4", [scene()] * 2, 10)
    path = tmp_path / f"turned.{suffix}"
    run_ffmpeg(stored, path, options.split(), ["-c", "copy"])
    expected = turn(first_frame(stored))
    assert np.abs(first_frame(path) - expected).max() <= 2
    info = video_info(path)
    assert (info.height, info.width) == expected.shape[:2]
    assert info.aspect == Fraction(info.width, info.height)


def test_another_angle_than_quarter_turns_is_refused(tmp_path):
    stored = write_video(tmp_path / "stored.mp4", [scene()] * 2, 10)
    run_ffmpeg(stored, tmp_path / "tilted.mp4", ["-display_rotation", "30"], ["-c", "copy"])
    with pytest.raises(BadInput, match=r"tilted\.mp4: its header turns the picture by .*30 degrees"):
        video_info(tmp_path / "tilted.mp4")


def test_pixels_that_are_not_square_are_made_so(tmp_path):
    stored = write_video(tmp_path / "stored.mp4", [scene(64, 96)] * 2, 10)
    run_ffmpeg(stored, tmp_path / "v.mkv", (), ["-c", "copy", "-aspect", "2:1"])
    info = video_info(tmp_path / "v.mkv")
    assert (info.width, info.height, info.is_panorama) == (128, 64, True)
    assert first_frame(tmp_path / "v.mkv").shape == (64, 128, 3)
    with open_panorama(tmp_path / "v.mkv", 64) as reader:
        assert reader.at(0)[0].shape == (32, 64, 3)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize(
    ("boxes", "shape", "message"),
    [
        (spherical("mono"), (64, 128), None),
        (spherical(None), (72, 128), None),  # the whole sphere, whatever the number of its pixels
        (spherical("top_bottom"), (128, 128), "one above the other.*--stereo top_bottom$"),
        (spherical("side_by_side"), (64, 256), "side by side.*--stereo side_by_side$"),
        (spherical("side_by_side", left=0.25), (64, 128), "--stereo side_by_side --degrees 180$"),
        (spherical("mono", left=0.25), (64, 64), "180 degrees of 360.*--degrees 180$"),
        (spherical("mono", left=0.1), (64, 128), "a part of the sphere"),
        (spherical("mono", projection=b"cbmp"), (64, 128), "a cubemap projection"),
    ],
)
def test_spherical_metadata_decide_whether_a_picture_shows_all_directions(
    tmp_path, suffix, boxes, shape, message
):
    path = add_to_video(write_video(tmp_path / "v.mp4", [scene(*shape)] * 2, 10), boxes)
    if suffix != "mp4":
        run_ffmpeg(path, tmp_path / f"v.{suffix}", (), ["-c", "copy", "-strict", "unofficial"])
    info = video_info(tmp_path / f"v.{suffix}")
    assert info.is_panorama == (message is None)
    if message is None:
        assert check_panorama(path, info, "foa") is None
        return
    for refuse in (lambda: check_panorama(path, info, "foa"), lambda: open_panorama(path, 64).__enter__()):
        with pytest.raises(BadInput, match=message):
            refuse()
    assert panorama_warning(path, info, "stereo") is None


def test_pictures_of_other_shapes_are_told_with_what_they_may_be():
    for aspect, words in (
        (1.0, "--stereo top_bottom"),
        (4.0, "--stereo side_by_side"),
        (16 / 9, ""),
        (2.0, ""),
    ):
        guess = guess_by_shape(Fraction(aspect).limit_denominator(100))
        assert words in guess and bool(words) == bool(guess)


def test_black_bars_on_two_sides_are_warned_of(tmp_path):
    square = np.full((64, 64, 3), 120, np.uint8)
    bars = np.zeros((64, 32, 3), np.uint8)
    path = write_video(tmp_path / "v.mp4", [np.concatenate([bars, square, bars], axis=1)] * 2, 10)
    assert "has black bars left and right" in str(panorama_warning(path, video_info(path), "foa"))
    assert check_panorama(path, video_info(path), "stereo") is None
    lit = np.full((64, 128), 120)
    for rows, columns, where in (
        (slice(None), slice(16, -16), "left and right"),
        (slice(16, -16), slice(None), "above and below"),
        (slice(6, -6), slice(None), ""),  # poles that the camera does not see
        (slice(None), slice(40, None), ""),
        (slice(None), slice(None), ""),
    ):
        picture = np.full((64, 128), 16)
        picture[rows, columns] = lit[rows, columns]
        assert bars_of(picture) == where
    assert bars_of(np.full((64, 128), 16)) == ""
