"""The sound of a video becomes a wav: its channels in their order, on the clock of the container."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from yolox_material import write_video

from avseld.base.errors import BadInput
from avseld.io.manifest import read_manifest
from data_prep.corpora.dcase import dcase
from data_prep.corpora.own import own
from data_prep.media.binaural import binaural
from data_prep.media.cut import cut
from data_prep.media.ffmpeg import run_ffmpeg
from data_prep.media.resample import resample

RATE = 48000
TONES_HZ = (250.0, 500.0, 1000.0, 2000.0)
"""one of each channel"""


def tones(seconds: float = 1.0) -> np.ndarray:
    """(sample, channel)"""
    return 0.3 * np.sin(2 * np.pi * np.arange(round(seconds * RATE))[:, None] / RATE * np.array(TONES_HZ))


def with_sound(path: Path, codec: str, before: tuple[str, ...] = ()) -> Path:
    """Write a video of a second with a sound track of four channels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = write_video(path.parent / "picture.mp4", [np.zeros((64, 128, 3), np.uint8)] * 10, 10)
    soundfile.write(path.with_suffix(".wav"), tones(), RATE, subtype="PCM_24")
    sound = ["-i", str(path.with_suffix(".wav")), "-map", "0:v", "-map", "1:a"]
    moved = ["-c:v", "libvpx-vp9"] if path.suffix == ".webm" else ["-c:v", "copy"]
    run_ffmpeg(picture, path, (), [])
    run_ffmpeg(picture, path, [*before, *sound[:2]], [*moved, "-map", "1:v", "-map", "0:a", *codec.split()])
    picture.unlink()
    path.with_suffix(".wav").unlink()
    return path


def tones_of(samples: np.ndarray, rate: int) -> list[float]:
    """Frequency of the strongest tone of each channel, Hz."""
    spectrum = np.abs(np.fft.rfft(samples[-rate // 2 :] * np.hanning(rate // 2)[:, None], axis=0))
    return [float(place) * 2 for place in spectrum.argmax(axis=0)]


@pytest.mark.parametrize(
    ("name", "codec", "subtype"),
    [
        ("a.mp4", "-c:a aac", "PCM_16"),
        ("a.mov", "-c:a pcm_s24le", "PCM_24"),
        ("a.mov", "-c:a pcm_f32le", "FLOAT"),
        ("a.mkv", "-c:a flac", "PCM_24"),
        ("a.webm", "-c:a libopus -mapping_family 255 -b:a 512k", "PCM_16"),
    ],
)
def test_channels_keep_their_order_and_lossless_samples_their_values(tmp_path, name, codec, subtype):
    with_sound(tmp_path / "takes" / name, codec)
    assert resample(tmp_path / "takes", tmp_path / "wavs", RATE, subtype="keep", jobs=1) == 0
    samples, rate = soundfile.read(tmp_path / "wavs" / "a.wav")
    assert tones_of(samples, rate) == list(TONES_HZ)
    assert soundfile.info(tmp_path / "wavs" / "a.wav").subtype == subtype
    if subtype != "PCM_16":
        assert np.abs(samples - tones()).max() < 2**-22


def test_a_sound_track_that_starts_late_stays_in_time_with_the_picture(tmp_path):
    with_sound(tmp_path / "takes" / "a.mkv", "-c:a pcm_s16le", before=("-itsoffset", "0.25"))
    assert resample(tmp_path / "takes" / "a.mkv", tmp_path / "wavs", RATE, jobs=1) == 0
    samples, _ = soundfile.read(tmp_path / "wavs" / "a.wav")
    assert len(samples) == 1.25 * RATE and not samples[: RATE // 4].any()
    assert np.abs(samples[RATE // 4 :] - tones()).max() < 2**-14


def test_recordings_whose_sound_is_in_the_video_are_prepared(tmp_path):
    with_sound(tmp_path / "takes" / "a.mp4", "-c:a aac")
    own(tmp_path / "takes", tmp_path / "prepared", video=tmp_path / "takes")
    (recording,) = read_manifest(tmp_path / "prepared")
    assert recording.video.name == "a.mp4" and recording.audio == tmp_path / "prepared" / "audio" / "a.wav"
    samples, rate = soundfile.read(recording.audio)
    assert (rate, len(samples)) == (24000, 24000) and tones_of(samples, rate) == list(TONES_HZ)
    with pytest.raises(BadInput, match=r"a\.mp4: 4 channels instead of 2 for stereo"):
        own(tmp_path / "takes", tmp_path / "other", format="stereo", video=tmp_path / "takes")


def test_commands_that_need_sound_files_say_how_to_get_them_out_of_videos(tmp_path, caplog):
    with_sound(tmp_path / "raw" / "foa_dev" / "fold1_room1_mix001.mp4", "-c:a aac")
    for refuse in (
        lambda: cut(tmp_path / "raw" / "foa_dev", tmp_path / "clips"),
        lambda: binaural(tmp_path / "raw" / "foa_dev", tmp_path / "ears"),
        lambda: dcase(tmp_path / "raw", tmp_path / "prepared"),
    ):
        with pytest.raises(BadInput, match=r"mix001\.mp4; avseld-prep resample --source .*foa_dev --target"):
            refuse()
    assert binaural(tmp_path / "raw" / "foa_dev" / "fold1_room1_mix001.mp4", tmp_path / "ears") == 1
    assert "avseld-prep resample --source" in caplog.text


def test_a_channel_that_the_codec_has_low_passed_is_told(tmp_path, caplog):
    soundfile.write(tmp_path / "a.wav", np.tile(tones(0.3), 2)[:, :6], RATE)
    for name, codec in (("lossy.mp4", "aac"), ("whole.mov", "pcm_s16le")):
        run_ffmpeg(tmp_path / "a.wav", tmp_path / name, (), ["-c:a", codec])
        assert resample(tmp_path / name, tmp_path / "wavs", RATE, jobs=1) == 0
    assert "lossy.mp4: channel 4 of its sound track is one of low-frequency effects" in caplog.text
    assert "whole.mov" not in caplog.text
