"""Resizing keeps frames, timestamps and the aspect ratio of videos."""

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from raw_tree import NTSC, read_video, state, write_video

from avseld.base.errors import BadInput
from data_prep.__main__ import main
from data_prep.media.resize import resize


def test_a_coloured_block_keeps_its_direction(tmp_path):
    for index, (u, v) in enumerate([(0.25, 0.25), (0.8, 0.6), (0.5, 0.9)]):
        source = write_video(tmp_path / f"{index}.mp4", 2, 1920, 960, block=(u, v))
        small = tmp_path / f"{index}_small.mp4"
        assert resize(source, small) == 0
        picture = read_video(small)[1][0].astype(float)
        assert picture.shape == (180, 360, 3)
        red = picture[..., 0] - picture[..., 1] > 80
        rows, columns = np.nonzero(red)
        assert abs((columns.mean() + 0.5) / 360 - u) < 0.5 / 360
        assert abs((rows.mean() + 0.5) / 180 - v) < 0.5 / 180


def test_frame_rate_and_timestamps_are_kept(tmp_path):
    source = write_video(tmp_path / "in" / "even.mp4", 20)
    uneven = write_video(tmp_path / "in" / "uneven.mp4", 20, skip=(0, 3, 4, 11))
    phone = write_video(tmp_path / "in" / "phone.mp4", 400, rate=Fraction(400), skip=tuple(range(1, 390, 3)))
    assert resize(tmp_path / "in", tmp_path / "out", 48, 24, jobs=1) == 0
    for path in (source, uneven, phone):
        times, _ = read_video(path)
        assert read_video(tmp_path / "out" / path.name)[0] == pytest.approx(times, abs=1e-6)
    with av.open(str(tmp_path / "out" / "even.mp4")) as container:
        assert container.streams.video[0].average_rate == NTSC


def test_a_real_360_degree_room_is_resized(shared, tmp_path):
    source = shared("data/images/equirect/gvr_testRoom1_1920Mono.mp4")
    assert resize(source, tmp_path) == 0
    times, pictures = read_video(tmp_path / source.name)
    before, large = read_video(source, stop=30)
    assert len(times) == 360 and times[:30] == pytest.approx(before, abs=1e-6)
    expected = np.asarray(Image.fromarray(large[20]).resize((360, 180), Image.Resampling.BOX), float)
    assert np.abs(pictures[20] - expected).mean() < 4
    assert np.abs(np.roll(pictures[20], 2, axis=1) - expected).mean() > 6


def test_another_aspect_ratio_is_refused_with_the_reason(tmp_path, caplog):
    write_video(tmp_path / "in" / "wide.mp4", 2, 128, 72)
    assert resize(tmp_path / "in", tmp_path / "out") == 1
    text = " ".join(record.getMessage() for record in caplog.records)
    assert "wide.mp4" in text and "16:9" in text and "--letterbox" in text
    assert not list((tmp_path / "out").rglob("*.mp4"))


def test_letterbox_keeps_the_whole_frame_between_black_bars(tmp_path):
    source = write_video(tmp_path / "wide.mp4", 2, 1280, 720, block=(0.5, 0.5), grey=200)
    assert resize(source, tmp_path / "small.mp4", letterbox=True) == 0
    picture = read_video(tmp_path / "small.mp4")[1][0].astype(float)
    assert picture.shape == (180, 360, 3)
    assert picture[:, :18].max() < 20 and picture[:, -18:].max() < 20
    assert picture[:, 22:-22, 2].min(0).max() > 150
    red = picture[..., 0] - picture[..., 1] > 80
    width, height = np.ptp(np.nonzero(red)[1]) + 1, np.ptp(np.nonzero(red)[0]) + 1
    assert abs(width - height) <= 1


@pytest.mark.parametrize(("width", "height", "pixel"), [(96, 96, 2), (962, 480, 1)])
def test_non_square_pixels_count_at_their_display_size(tmp_path, width, height, pixel):
    source = tmp_path / "squeezed.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.sample_aspect_ratio = pixel
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8))))
        container.mux(stream.encode())
    assert resize(source, tmp_path / "small.mp4") == 0
    with av.open(str(tmp_path / "small.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio in (None, 1)


def test_the_audio_track_is_dropped_or_copied_unchanged(tmp_path):
    source = tmp_path / "with_sound.mp4"
    with av.open(str(source), "w") as container:
        picture = container.add_stream("libx264", rate=10)
        picture.width, picture.height, picture.pix_fmt = 96, 48, "yuv420p"
        sound = container.add_stream("aac", rate=48000)
        for _ in range(5):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(np.zeros((48, 96, 3), np.uint8))))
        noise = np.random.default_rng(0).normal(0, 0.1, (1, 24000)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(noise, "fltp", "mono")
        frame.sample_rate = 48000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
        container.mux(picture.encode())
    assert resize(source, tmp_path / "dropped.mp4", audio="drop") == 0
    assert resize(source, tmp_path / "copied.mp4", audio="copy") == 0
    packets = {}
    for name in ("with_sound", "dropped", "copied"):
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            streams = container.streams.audio
            packets[name] = [bytes(packet) for packet in container.demux(streams)] if streams else None
    assert packets["dropped"] is None
    assert packets["copied"] == packets["with_sound"] and len(packets["copied"]) > 5


def test_every_failure_is_listed_and_the_other_videos_are_resized(tmp_path, capsys):
    for name in ("dev-train-sony/a", "dev-test-tau/b"):
        write_video(tmp_path / "in" / f"{name}.mp4", 2)
    (tmp_path / "in" / "broken.mp4").write_bytes(b"no video at all")
    write_video(tmp_path / "in" / "wide.mp4", 2, 128, 72)
    before = state(tmp_path / "in")
    with pytest.raises(SystemExit) as stopped:
        main(["resize", "--source", str(tmp_path / "in"), "--target", str(tmp_path / "out"), "--jobs", "2"])
    assert stopped.value.code == 1
    output = capsys.readouterr().err
    assert "2 of 4 files failed" in output and "broken.mp4" in output and "wide.mp4" in output
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.mp4"))
    assert made == ["dev-test-tau/b.mp4", "dev-train-sony/a.mp4"]
    assert state(tmp_path / "in") == before


def test_a_truncated_video_is_a_failure(tmp_path, caplog):
    whole = write_video(tmp_path / "whole.mp4", 60, 96, 48, block=(0.5, 0.5))
    assert resize(whole, tmp_path / "fast.mp4", 96, 48) == 0  # the index is at the start of the file
    data = (tmp_path / "fast.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) - 400])
    assert resize(tmp_path / "cut.mp4", tmp_path / "out" / "small.mp4") == 1
    assert "cut.mp4" in caplog.text and "can be decoded" in caplog.text
    assert not list((tmp_path / "out").iterdir())


def test_finished_targets_are_skipped_and_stale_ones_are_replaced(tmp_path):
    source = write_video(tmp_path / "in" / "a.mp4", 2)
    (tmp_path / "in" / ".a.0.partial.mp4").write_bytes(b"left by a run that was killed")
    assert resize(tmp_path / "in", tmp_path / "out", 48, 24) == 0
    first = state(tmp_path / "out")
    assert resize(tmp_path / "in", tmp_path / "out", 48, 24) == 0
    assert state(tmp_path / "out") == first
    later = time.time() + 5
    os.utime(source, (later, later))
    assert resize(tmp_path / "in", tmp_path / "out", 48, 24) == 0
    second = state(tmp_path / "out")
    assert second["a.mp4"][1] != first["a.mp4"][1] and second["a.mp4"][0] == first["a.mp4"][0]
    os.utime(source, (0, 0))
    assert resize(tmp_path / "in", tmp_path / "out", 96, 48) == 0
    assert read_video(tmp_path / "out" / "a.mp4")[1][0].shape == (48, 96, 3)


def test_a_killed_run_leaves_no_incomplete_target(tmp_path):
    write_video(tmp_path / "in" / "long.mp4", 150, 1920, 960, block=(0.3, 0.3))
    command = [sys.executable, "-m", "data_prep", "resize", "--source", str(tmp_path / "in")]
    process = subprocess.Popen(
        [*command, "--target", str(tmp_path / "out")],
        cwd=Path(__file__).resolve().parents[3],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob("out/.long.*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list(tmp_path.glob("out/.long.*"))
    assert not (tmp_path / "out" / "long.mp4").exists()
    assert resize(tmp_path / "in", tmp_path / "out") == 0
    assert len(read_video(tmp_path / "out" / "long.mp4")[0]) == 150


@pytest.mark.parametrize("target", ["in", "in/small", "."])
def test_a_target_inside_the_source_is_refused(tmp_path, target):
    write_video(tmp_path / "in" / "a.mp4", 2)
    with pytest.raises(BadInput, match="inside each other"):
        resize(tmp_path / "in", tmp_path / target)
    with pytest.raises(BadInput, match="source itself"):
        resize(tmp_path / "in" / "a.mp4", tmp_path / "in")


def test_two_sources_with_one_target_and_empty_folders_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"no \.mp4"):
        resize(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(BadInput, match="not found"):
        resize(tmp_path / "nowhere", tmp_path / "out")
    write_video(tmp_path / "in" / "a.mp4", 2)
    write_video(tmp_path / "in" / "a.mov", 2)
    with pytest.raises(BadInput, match="rename one"):
        resize(tmp_path / "in", tmp_path / "out")
    with pytest.raises(BadInput, match="even"):
        resize(tmp_path / "in", tmp_path / "out", 361, 181)
