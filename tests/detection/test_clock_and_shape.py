"""Boxes are on the clock of the container and in the picture as it is shown, by whichever way the video came."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from counting_video import late_video, number_of
from spherical_boxes import add_to_video, spherical
from yolox_material import write_video

import detection.prepared_boxes as detect_module
from avseld.base.errors import BadInput
from avseld.io.boxes import Boxes, people, read_boxes
from avseld.io.video import sample_frames, video_info
from avseld.vision.visual_input import VisualInput, VisualSpec
from data_prep.check.check import check
from data_prep.corpora.own import own
from data_prep.media.cut import cut
from data_prep.media.cut_video import cut_video
from data_prep.media.ffmpeg import run_ffmpeg
from data_prep.media.resize import resize, resize_video
from detection.detect import detect
from detection.detector import Detections
from detection.prepared_boxes import boxes

PATCH = slice(8, 24), slice(24, 40)
"""rows and columns of what the detector takes for a person, in pictures of 64 x 128"""


class WhitePatch:
    """Detector of the extent of white."""

    name, weights, size = "white", "0" * 64, 128

    def __call__(self, frames: np.ndarray) -> list[Detections]:
        found = []
        for frame in frames:
            rows, columns = np.nonzero(frame.min(axis=-1) > 200)
            edges = [] if not len(rows) else [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]
            box = np.array(edges, float).reshape(-1, 4) / np.array([*frame.shape[1::-1]] * 2)
            found.append(Detections(box, np.ones(len(box)), np.zeros(len(box), int)))
        return found


def scene(height: int = 64, width: int = 128) -> np.ndarray:
    picture = np.full((height, width, 3), 60, np.uint8)
    picture[PATCH] = 255
    return picture


def seen(found: Boxes) -> np.ndarray:
    """Seconds at which a person is seen."""
    return found.time[people(found).any(axis=(1, 2))]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_boxes_of_a_turned_video_are_those_of_the_picture_that_is_shown(tmp_path, rotation):
    stored = write_video(tmp_path / "stored.mp4", [np.rot90(scene(), -rotation // 90)] * 3, 10)
    run_ffmpeg(stored, tmp_path / "turned.mov", ["-display_rotation", str(rotation)], ["-c", "copy"])
    found = detect(tmp_path / "turned.mov", WhitePatch())
    np.testing.assert_allclose(found.box[0, 0], [24 / 128, 8 / 64, 40 / 128, 24 / 64], atol=0.01)
    assert (found.about["width"], found.about["height"]) == (128, 64)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_nobody_is_seen_before_a_video_that_starts_late(tmp_path, suffix):
    stored = write_video(tmp_path / "stored.mp4", [scene()] * 10, 10)
    codec = ["-c:v", "libvpx-vp9"] if suffix == "webm" else ["-c", "copy"]
    run_ffmpeg(stored, tmp_path / f"late.{suffix}", ["-itsoffset", "0.75"], codec)
    found = detect(tmp_path / f"late.{suffix}", WhitePatch())
    assert found.time[0] == 0 and seen(found)[[0, -1]].tolist() == [0.8, 1.7]
    for spec, expected in ((VisualSpec(), 0.8), (VisualSpec(1, 1), 0.75)):
        times = np.arange(0, 1.7, 0.05) + 1e-3
        shown = VisualInput(found, spec).at(times).reshape(len(times), -1).any(axis=1)
        first = times[shown][0] + (0.05 if spec.n_label_frames else 0.0)  # the middle of a label frame
        assert expected <= first < expected + 0.06


@pytest.mark.parametrize("delay", [0.0, 0.55])
def test_a_video_that_is_resized_and_cut_equals_one_that_is_cut_and_resized(tmp_path, delay):
    stored = late_video(tmp_path / "stored.mp4", n=20, first=0)
    run_ffmpeg(stored, tmp_path / "v.mp4", ["-itsoffset", str(delay)], ["-c", "copy"])

    def frames(path: Path) -> list[tuple[float, int]]:
        parts = [(times, number_of(shown)) for times, shown in sample_frames(path, 40)]
        times, numbers = (np.concatenate(each) for each in zip(*parts, strict=True))
        return [(round(float(time), 3), int(number)) for time, number in zip(times, numbers, strict=True)]

    resize_video(tmp_path / "v.mp4", tmp_path / "small.mp4", 64, 32)
    assert frames(tmp_path / "small.mp4") == frames(tmp_path / "v.mp4")
    for start, stop in ((0.4, 1.0), (1.2, 1.7)):
        cut_video(tmp_path / "small.mp4", tmp_path / "one.mp4", start, stop)
        cut_video(tmp_path / "v.mp4", tmp_path / "clip.mp4", start, stop)
        resize_video(tmp_path / "clip.mp4", tmp_path / "other.mp4", 64, 32)
        expected = [
            (round(time - start, 3), number)
            for time, number in frames(tmp_path / "v.mp4")
            if start - 1e-6 <= time < stop - 1e-6
        ]
        for name in ("one", "other"):
            shown = [each for each in frames(tmp_path / f"{name}.mp4") if each[0] < stop - start - 1e-6]
            assert shown == expected, (name, start)


def test_clips_before_the_start_of_a_video_have_none(tmp_path):
    (tmp_path / "takes").mkdir()
    soundfile.write(tmp_path / "takes" / "a.wav", np.zeros((48000, 1)), 24000)
    late_video(tmp_path / "takes" / "a.mp4", n=9, first=11)
    assert cut(tmp_path / "takes", tmp_path / "clips", seconds=1.0, jobs=1) == 0
    assert [path.stem for path in sorted((tmp_path / "clips").glob("*.mp4"))] == ["a_001"]
    assert video_info(tmp_path / "clips" / "a_001.mp4").start == pytest.approx(0.1)
    with pytest.raises(BadInput, match=r"starts at 1\.10 s, after the clip until 1\.00 s"):
        cut_video(tmp_path / "takes" / "a.mp4", tmp_path / "x.mp4", 0.0, 1.0)


def test_one_eye_of_a_stereoscopic_video_has_the_directions_of_a_panorama(tmp_path, capsys):
    for name, stereo, half, picture in (
        ("tb", "top_bottom", False, np.concatenate([scene(), np.zeros((64, 128, 3), np.uint8)])),
        ("sbs", "side_by_side", False, np.concatenate([scene(), np.zeros((64, 128, 3), np.uint8)], axis=1)),
        ("half", None, True, scene()[:, 16:80]),
        ("vr180", "side_by_side", True, np.concatenate([scene()[:, 16:80]] * 2, axis=1)),
    ):
        path = write_video(tmp_path / f"{name}.mp4", [picture] * 2, 10)
        if name == "vr180":
            add_to_video(path, spherical(stereo, left=0.25))
        with pytest.raises(BadInput) as error:
            resize_video(path, tmp_path / "refused.mp4", 128, 64)
        assert "letterbox" not in str(error.value)
        assert all(
            word in str(error.value) for word in (stereo or "", "--degrees 180" if half else "") if word
        )
        target = tmp_path / f"small_{name}.mp4"
        assert resize(path, target, 128, 64, stereo=stereo, degrees=180 if half else 360, jobs=1) == 0
        info = video_info(target)
        assert info.is_panorama and (info.stereo, info.width, info.height) == (None, 128, 64)
        found = detect(target, WhitePatch()).box[0, 0]
        shift = 16 / 128 if half else 0  # its middle is that of the panorama
        np.testing.assert_allclose(found, [24 / 128 + shift, 8 / 64, 40 / 128 + shift, 24 / 64], atol=0.02)
        assert resize(path, target, 128, 64, stereo=stereo, degrees=180 if half else 360, jobs=1) == 0


def test_a_letterboxed_picture_is_remembered_as_such(tmp_path, monkeypatch, capsys, caplog):
    for folder in ("audio", "video", "clips"):
        (tmp_path / folder).mkdir()
    soundfile.write(tmp_path / "audio" / "a.wav", np.zeros((24000, 4)), 24000)
    wide = write_video(tmp_path / "a.mp4", [scene(72, 128)] * 10, 10)
    assert resize(wide, tmp_path / "small.mp4", 128, 64, letterbox=True) == 0
    cut_video(tmp_path / "small.mp4", tmp_path / "video" / "a.mp4", 0.0, 1.0)
    assert not video_info(tmp_path / "video" / "a.mp4").is_panorama
    own(tmp_path / "audio", tmp_path / "prepared", video=tmp_path / "video")
    assert "stands between black bars" in caplog.text
    monkeypatch.setattr(detect_module, "load", lambda *options: WhitePatch())
    assert boxes(tmp_path / "prepared") == 1  # refused, nothing is written
    assert not (tmp_path / "prepared" / "boxes" / "a.npz").exists()
    check(tmp_path / "prepared")
    assert "stands between black bars" in capsys.readouterr().out


def test_boxes_of_an_earlier_version_of_a_turned_video_are_made_anew(tmp_path, monkeypatch):
    for folder in ("audio", "video"):
        (tmp_path / folder).mkdir()
    soundfile.write(tmp_path / "audio" / "a.wav", np.zeros((7200, 4)), 24000)
    stored = write_video(tmp_path / "stored.mp4", [np.rot90(scene(), 2)] * 3, 10)
    run_ffmpeg(stored, tmp_path / "video" / "a.mp4", ["-display_rotation", "180"], ["-c", "copy"])
    own(tmp_path / "audio", tmp_path / "prepared", video=tmp_path / "video")
    monkeypatch.setattr(detect_module, "load", lambda *options: WhitePatch())
    assert boxes(tmp_path / "prepared") == 0
    path = tmp_path / "prepared" / "boxes" / "a.npz"
    kept = path.stat().st_mtime_ns
    assert boxes(tmp_path / "prepared") == 0 and path.stat().st_mtime_ns == kept
    old = read_boxes(path)
    del old.about["orientation"]
    detect_module.write_boxes(path, old)
    assert boxes(tmp_path / "prepared") == 0
    assert read_boxes(path).about["orientation"] == "hv"
