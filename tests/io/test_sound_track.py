"""Sound tracks of videos as recordings: all channels in their order, on the clock of the container, of any codec."""

from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile

from avseld.base.errors import BadInput
from avseld.io.resampling import open_recording, read_sound, resampled_blocks, sound_info
from avseld.io.sound_track import track_blocks, track_info
from avseld.io.video import has_video

RATE = 24000
LEVELS = np.array([0.4, 0.3, 0.2, 0.1])


def four_tones(seconds: float) -> np.ndarray:
    """Make a tone of its own frequency and level in each of four channels, (channel, sample) float32."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (LEVELS[:, None] * np.sin(2 * np.pi * np.array([300, 500, 700, 1100])[:, None] * time)).astype(
        np.float32
    )


def write_track(path, sound, codec="pcm_s16le", first=0, picture=False, layout="4.0"):
    """Write a container whose sound track begins at sample `first` of the clock."""
    with av.open(str(path), "w") as container:
        if picture:
            video = container.add_stream("mpeg4", rate=10)
            video.width, video.height, video.pix_fmt = 64, 32, "yuv420p"
        stream = container.add_stream(codec, rate=RATE, layout=layout)
        kind = {"pcm_s16le": "s16", "pcm_s24le": "s32", "aac": "fltp"}[codec]
        scaled = {"s16": 32767 * sound, "s32": (2**31 - 1) * sound.astype(float), "fltp": sound}[kind]
        array = scaled.astype({"s16": np.int16, "s32": np.int32, "fltp": np.float32}[kind])
        for begin in range(0, array.shape[1], 1024):
            part = array[:, begin : begin + 1024]
            flat = part if kind == "fltp" else part.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(flat), kind, layout)
            frame.sample_rate, frame.pts, frame.time_base = RATE, first + begin, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for number in range(10 * picture):
            grey = av.VideoFrame.from_ndarray(np.full((32, 64, 3), 20 * number, np.uint8), "rgb24")
            container.mux(video.encode(grey))
        if picture:
            container.mux(video.encode(None))
    return path


@pytest.mark.parametrize(("suffix", "codec", "error"), [
    (".mov", "pcm_s16le", 1e-4), (".mkv", "pcm_s24le", 1e-6), (".mp4", "aac", 0.05),
])  # fmt: skip
def test_the_channels_of_a_track_are_read_in_their_order_whatever_the_codec(tmp_path, suffix, codec, error):
    sound = four_tones(1.0)
    path = write_track(tmp_path / f"take{suffix}", sound, codec, picture=True)
    info = sound_info(path)
    assert (info.sample_rate, info.channels, has_video(path)) == (RATE, 4, True)
    assert abs(info.n_samples - RATE) <= 1024
    read, n_samples = open_recording(path, "foa", RATE)
    middle = slice(4096, 20000)
    assert np.abs(read(0, n_samples)[:, middle] - sound[:, middle]).max() < error
    assert np.array_equal(read(500, 3000), read(0, n_samples)[:, 500:3500])
    chosen, _ = open_recording(path, "stereo", RATE, [3, 1])
    assert np.array_equal(chosen(5000, 100), read(5000, 100)[[2, 0]])
    whole, rate = read_sound(path)
    assert rate == RATE and np.array_equal(whole, read(0, n_samples))


def test_a_track_is_read_in_windows_without_keeping_what_lies_behind(tmp_path):
    path = write_track(tmp_path / "long.mov", np.tile(four_tones(1.0), (1, 20)))
    read, n_samples = open_recording(path, "foa", RATE)
    held = []
    for start in range(0, n_samples - RATE, RATE // 2):
        read(start, RATE)
        held.append(len(read._buffer))
    assert max(held) < 4 * RATE


def test_a_track_that_starts_late_keeps_its_delay(tmp_path):
    path = write_track(tmp_path / "late.mkv", four_tones(0.5), first=RATE // 4)
    sound = np.concatenate(list(track_blocks(path)))
    assert len(sound) == track_info(path).n_samples == pytest.approx(0.75 * RATE, abs=RATE // 500)
    start = np.flatnonzero(np.abs(sound).max(axis=1) > 0.01)[0]
    assert start == pytest.approx(RATE // 4, abs=RATE // 500)


def test_a_track_is_resampled_as_a_file_of_the_same_samples_is(tmp_path):
    sound = four_tones(0.5)
    track = write_track(tmp_path / "take.mov", sound)
    soundfile.write(tmp_path / "take.wav", (32767 * sound).astype(np.int16).T, RATE, subtype="PCM_16")
    of_track, of_file = (
        np.concatenate(list(resampled_blocks(path, 16000))) for path in (track, tmp_path / "take.wav")
    )
    assert np.allclose(of_track, of_file, atol=1e-9)


def test_a_video_without_sound_and_a_damaged_one_are_refused(tmp_path):
    with av.open(str(tmp_path / "silent.mp4"), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 32, "yuv420p"
        container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((32, 64, 3), np.uint8), "rgb24")))
        container.mux(video.encode(None))
    with pytest.raises(BadInput, match=r"silent\.mp4: holds no sound track; give the sound file"):
        sound_info(tmp_path / "silent.mp4")
    (tmp_path / "broken.mp4").write_bytes(b"no container")
    for read in (sound_info, has_video):
        with pytest.raises(BadInput, match=r"broken\.mp4: .*copy it again"):
            read(tmp_path / "broken.mp4")
    with pytest.raises(BadInput, match="not found"):
        sound_info(tmp_path / "absent.mp4")


def test_a_track_that_ends_early_is_filled_with_silence_and_warned_of(tmp_path, monkeypatch, caplog):
    path = write_track(tmp_path / "take.mov", four_tones(0.5))
    longer = track_info(path).__class__(RATE, 4, 3 * RATE)
    monkeypatch.setattr("avseld.io.sound_track.track_info", lambda path: longer)
    sound = np.concatenate(list(track_blocks(path)))
    assert len(sound) == 3 * RATE and not sound[RATE:].any()
    assert "its sound ends after 0.5 s, its header says 3.0 s" in caplog.text
