"""Videos are read on the container's clock, at regular times or at those asked for."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from counting_video import counting_video, late_video, number_of
from yolox_material import write_video

from avseld.base.errors import BadInput
from avseld.io.video import FrameReader, open_panorama, sample_frames, video_info

NTSC = Fraction(30000, 1001)


def numbers(path: Path, fps: float, batch: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Times, and the numbers of the frames shown at them."""
    parts = list(sample_frames(path, fps, batch=batch))
    return np.concatenate([time for time, _ in parts]), number_of(np.concatenate([each for _, each in parts]))


@pytest.mark.parametrize("batch", [1, 16])
def test_frames_are_those_shown_at_tenths_of_a_second_at_29_97(tmp_path, batch):
    time, number = numbers(counting_video(tmp_path / "v.mp4", 90, NTSC), 10, batch)
    np.testing.assert_allclose(time, np.arange(31) / 10)  # 90 frames last 3.003 s
    np.testing.assert_array_equal(number, np.floor(np.arange(31) / 10 * float(NTSC)))
    assert number[-1] == 89


def test_every_frame_of_a_video_of_the_same_rate_is_sampled_once(tmp_path):
    time, number = numbers(counting_video(tmp_path / "v.mp4", 25, 10), 10)
    np.testing.assert_allclose(time, np.arange(25) / 10)
    np.testing.assert_array_equal(number, np.arange(25))


def test_a_slow_video_is_held_until_its_end(tmp_path):
    time, number = numbers(counting_video(tmp_path / "v.mp4", 4, 4), 10)
    assert number.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3] and len(time) == 10


def test_the_header_gives_size_rate_and_end(tmp_path):
    info = video_info(counting_video(tmp_path / "v.mp4", 45, NTSC))
    assert (info.width, info.height, info.aspect, info.start) == (128, 64, 2, 0)
    assert info.fps == pytest.approx(29.97, abs=1e-3) and info.end == pytest.approx(1.5015, abs=2e-3)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_a_stream_that_starts_late_is_read_on_the_clock_of_its_container(tmp_path, suffix):
    path = late_video(tmp_path / f"v.{suffix}")
    info = video_info(path)
    assert info.start == pytest.approx(0.5) and info.end == pytest.approx(1.5)
    time, number = numbers(path, 10)
    np.testing.assert_allclose(time, np.arange(5, 15) / 10)
    assert number.tolist() == list(range(10))
    with open_panorama(path, 128) as reader:
        shown = [reader.at(second) for second in (0.0, 0.6, 0.72, 1.4, 1.6)]
        assert reader.starts == pytest.approx(0.5)
    assert number_of(np.stack([frame for frame, _ in shown])).tolist() == [0, 1, 2, 9, 9]
    assert not shown[0][0].any()  # nothing before the first frame
    assert [ended for _, ended in shown] == [None] * 4 + [pytest.approx(1.5)]


def test_the_end_of_a_matroska_file_without_tags_is_found_in_its_packets(tmp_path):
    tagged = late_video(tmp_path / "tagged.mkv").read_bytes()
    path = tmp_path / "v.mkv"
    path.write_bytes(tagged.replace(b"DURATION", b"NOTATIME"))
    with av.open(str(path)) as container:
        assert "DURATION" not in container.streams.video[0].metadata
    assert video_info(path).end == pytest.approx(1.5)


def test_frames_are_scaled_to_the_requested_size(tmp_path):
    path = counting_video(tmp_path / "v.mp4", 3, 10)
    for options, shape in (
        ({}, (64, 128, 3)),
        ({"width": 64}, (32, 64, 3)),
        ({"width": 256}, (64, 128, 3)),
        ({"width": 256, "upscale": True}, (128, 256, 3)),
        ({"width": 64, "height": 48}, (48, 64, 3)),
    ):
        with FrameReader(path, **options) as reader:
            assert reader.at(0)[0].shape == shape, options


def test_files_without_frames_are_refused_by_name(tmp_path):
    (tmp_path / "text.mp4").write_text("no video")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=24000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 24000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    for name, message in (
        ("absent", "not found"),
        ("text", "no readable video"),
        ("sound", "holds no video stream"),
    ):
        for read in (video_info, FrameReader, lambda path: next(sample_frames(path))):
            with pytest.raises(BadInput, match=rf"{name}\.mp4: {message}"):
                read(tmp_path / f"{name}.mp4")
    square = write_video(tmp_path / "square.mp4", [np.zeros((64, 64, 3), np.uint8)] * 2, 10)
    with pytest.raises(BadInput, match="64 x 64 is not twice as wide"), open_panorama(square, 64):
        pass
