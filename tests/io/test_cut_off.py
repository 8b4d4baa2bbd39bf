"""Sounds and videos that were cut off, or are damaged within."""

from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from avseld.base.errors import BadInput
from avseld.io.audio import audio_info
from avseld.io.cut_off import cut_off_sound, decode_sound, missing_bytes
from avseld.io.cut_off_video import cut_off_video, decode_video

NOISE = np.random.default_rng(0).normal(size=(24000, 2)) * 0.1


@pytest.mark.parametrize(
    ("suffix", "container"),
    [("wav", "WAV"), ("wav", "RF64"), ("aiff", "AIFF"), ("w64", "W64"), ("au", "AU"), ("ogg", "OGG")],
)
def test_a_sound_that_was_cut_off_is_known_by_its_header_or_its_last_page(tmp_path, suffix, container):
    whole, half = tmp_path / f"whole.{suffix}", tmp_path / f"half.{suffix}"
    soundfile.write(whole, NOISE, 24000, format=container)
    assert cut_off_sound(whole) is None
    content = whole.read_bytes()
    half.write_bytes(content[: len(content) // 2])
    assert f"half.{suffix}: was cut off: " in cut_off_sound(half)
    if container != "OGG":
        assert missing_bytes(half) == len(content) - len(content) // 2
        assert audio_info(half).duration == pytest.approx(0.5, abs=0.01)


def test_streams_without_a_length_and_other_files_are_not_called_cut_off(tmp_path):
    soundfile.write(tmp_path / "a.wav", NOISE, 24000)
    content = (tmp_path / "a.wav").read_bytes()
    for length in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
        (tmp_path / "b.wav").write_bytes(content[:4] + length + content[8:])  # as written into a pipe
        assert missing_bytes(tmp_path / "b.wav") == 0
    (tmp_path / "c.txt").write_bytes(b"RIFF")
    assert missing_bytes(tmp_path / "c.txt") == 0


def test_a_flac_that_was_cut_off_or_is_damaged_within_is_refused(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, NOISE, 24000)
    content = path.read_bytes()
    assert cut_off_sound(path) is None
    decode_sound(path)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInput, match=r"a\.flac: cannot be decoded after 1\.00 s; copy it again"):
        cut_off_sound(path)
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(2000) + content[middle + 2000 :])
    with pytest.raises(BadInput, match=r"a\.flac: cannot be decoded"):
        decode_sound(path)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Videos of 4 s of noise, their headers in front."""
    folder = tmp_path_factory.mktemp("videos")
    frames = np.random.default_rng(0).integers(0, 255, (40, 64, 128, 3), np.uint8)
    for suffix in ("mp4", "mkv"):
        options = {"movflags": "faststart"} if suffix == "mp4" else {}
        with av.open(str(folder / f"a.{suffix}"), "w", options=options) as container:
            stream = container.add_stream("libx264", rate=10, options={"g": "10"})
            stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
            for number, image in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(image)
                frame.pts, frame.time_base = number, Fraction(1, 10)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return folder


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_video_that_was_cut_off_is_known_without_decoding_it(videos, tmp_path, suffix):
    whole, part = videos / f"a.{suffix}", tmp_path / f"b.{suffix}"
    assert cut_off_video(whole) is None
    content = whole.read_bytes()
    for share in (0.6, 0.9):
        part.write_bytes(content[: int(share * len(content))])
        assert f"b.{suffix}: was cut off: it ends after " in cut_off_video(part)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_video_that_is_damaged_within_is_refused_where_it_is_decoded(videos, tmp_path, suffix):
    content = (videos / f"a.{suffix}").read_bytes()
    start, stop = int(0.4 * len(content)), int(0.6 * len(content))
    damaged = tmp_path / f"b.{suffix}"
    damaged.write_bytes(content[:start] + np.random.default_rng(1).bytes(stop - start) + content[stop:])
    assert cut_off_video(damaged) is None
    decode_video(videos / f"a.{suffix}")
    with pytest.raises(BadInput, match=rf"b\.{suffix}: .*copy it again"):
        decode_video(damaged)
