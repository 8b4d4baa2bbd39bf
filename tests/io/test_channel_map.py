"""Channels of a file: numbers, names, and conventions of ambisonics become W Y Z X in SN3D."""

import numpy as np
import pytest
import soundfile

from avseld.base.errors import BadInput
from avseld.io.channel_map import channel_map, map_for_format
from avseld.io.geometry import unit_vector
from avseld.io.manifest import read_manifest
from avseld.io.resampling import open_recording, read_sound
from avseld.io.suffixes import SOUNDS
from data_prep.corpora.own import own
from data_prep.media.cut import cut
from data_prep.media.resample import resample

RATE = 24000


def scene(n_samples: int = 2400) -> np.ndarray:
    """Return a plane wave, (channel = W Y Z X, sample) in SN3D."""
    x, y, z = unit_vector(50.0, 20.0)
    noise = np.random.default_rng(0).normal(size=n_samples) * 0.05
    return np.array([1, y, z, x])[:, None] * noise


def written(channels: str, sound: np.ndarray) -> np.ndarray:
    """Return the same wave as another recorder writes it."""
    w, y, z, x = sound
    higher = np.random.default_rng(1).normal(size=(5, sound.shape[1]))
    return {
        "ambix": np.concatenate([sound, higher]),
        "n3d": np.concatenate([[w], np.sqrt(3) * sound[1:], higher]),
        "fuma": np.array([w / np.sqrt(2), x, y, z]),
        "W,X,Y,Z": np.array([w, x, y, z]),
        "1,2,3,4": np.concatenate([sound, higher[:2]]),
        "1,3,4,2": np.array([w, x, y, z]),
        "w,y,z,x": np.concatenate([sound, higher[:2]]),
    }[channels]


@pytest.mark.parametrize("channels", ["ambix", "n3d", "fuma", "W,X,Y,Z", "1,2,3,4", "1,3,4,2", "w,y,z,x"])
def test_every_way_to_write_ambisonics_becomes_w_y_z_x(tmp_path, channels):
    sound = scene()
    words = channels.split(",")
    path = tmp_path / "audio" / "a.wav"
    path.parent.mkdir()
    soundfile.write(path, written(channels, sound).T, RATE, "FLOAT")
    read, _ = open_recording(path, "foa", RATE, words)
    np.testing.assert_allclose(read(0, sound.shape[1]), sound, atol=1e-6)
    resample(path, tmp_path / "b.wav", channels=words, subtype="keep")
    np.testing.assert_allclose(read_sound(tmp_path / "b.wav")[0], sound, atol=1e-6)
    own(path.parent, tmp_path / "prepared", channels=words)
    (one,) = read_manifest(tmp_path / "prepared")
    assert one.audio == tmp_path / "prepared" / "audio" / "a.wav"
    np.testing.assert_allclose(read_sound(one.audio)[0], sound, atol=1e-6)


def test_another_choice_of_channels_makes_the_audio_anew(tmp_path):
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio" / "a.wav", scene().T, RATE)
    for channels, first in ((["1", "2", "3", "4"], 0), (["2", "1", "3", "4"], 1)):
        own(tmp_path / "audio", tmp_path / "prepared", channels=channels)
        sound, _ = read_sound(tmp_path / "prepared" / "audio" / "a.wav")
        np.testing.assert_allclose(sound[0], scene()[first], atol=1e-4)
    own(tmp_path / "audio", tmp_path / "prepared")
    assert read_manifest(tmp_path / "prepared")[0].audio == tmp_path / "audio" / "a.wav"


def test_left_and_right_by_name():
    assert channel_map(2, ["R", "L"], "a.wav").order.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("n_channels", "format", "channels", "says"),
    [
        (6, "foa", None, "6 channels instead of 4 for foa; .*--channels 1,2,3,4"),
        (9, "foa", None, "--channels ambix, n3d or fuma"),
        (2, "foa", None, "is it binaural or stereo"),
        (6, "foa", ["n3d"], "ambisonics have 4, 9, 16"),
        (4, "foa", ["1", "2", "3", "5"], "channels 1,2,3,5 of 4"),
        (4, "foa", ["W", "X", "Y", "Q"], "names in the order of the file"),
        (4, "foa", ["1", "2"], "foa needs 4"),
    ],
)
def test_channels_that_cannot_be_taken_are_refused_with_the_remedy(n_channels, format, channels, says):
    with pytest.raises(BadInput, match=f"a.wav: .*{says}"):
        map_for_format(n_channels, format, channels, "a.wav")


@pytest.mark.parametrize(
    ("suffix", "kind", "subtype"),
    [
        (".w64", "W64", "PCM_16"), (".rf64", "RF64", "PCM_24"), (".bwf", "WAV", "PCM_16"), (".aif", "AIFF", "PCM_16"),
        (".caf", "CAF", "FLOAT"), (".OGG", "OGG", "VORBIS"), (".au", "AU", "PCM_16"), (".mp3", "MP3", "MPEG_LAYER_III"),
    ],
)  # fmt: skip
def test_every_kind_of_sound_file_is_taken_by_every_command(tmp_path, suffix, kind, subtype):
    assert suffix.lower() in SOUNDS
    sound = scene(24000)[:2]
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / f"a{suffix}"
    soundfile.write(path, sound.T, RATE, subtype, format=kind)
    own(path.parent, tmp_path / "prepared", format="stereo")
    (one,) = read_manifest(tmp_path / "prepared")
    assert one.duration == pytest.approx(1.0, abs=0.1)
    resample(path.parent, tmp_path / "resampled", sample_rate=16000)
    assert soundfile.info(tmp_path / "resampled" / "a.wav").samplerate == 16000
    cut(path.parent, tmp_path / "clips", seconds=0.5)
    ending = ".wav" if suffix in (".OGG", ".mp3") else suffix
    clip, _ = read_sound(tmp_path / "clips" / f"a_001{ending}")
    tolerance = 0.05 if ending != suffix else 1e-4
    assert clip.shape == (2, 12000) and np.abs(clip - sound[:, 12000:]).mean() < tolerance


def test_a_folder_without_sound_names_a_file_that_is_there(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "take.wma").write_bytes(b"")
    for command in (own, resample, cut):
        with pytest.raises(BadInput, match=r"there is take\.wma; ffmpeg -i take\.wma take\.wav"):
            command(tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize(("level", "says"), [(1e-4, "80 dB below full scale"), (2.5, "clipped"), (0.5, None)])
def test_what_integers_lose_of_float_recordings_is_told_with_the_remedy(tmp_path, caplog, level, says):
    sound = level * np.sin(np.arange(2400) / 5)[:, None]
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", sound, RATE, "FLOAT")
    resample(tmp_path / "in", tmp_path / "out")
    assert says in caplog.text and "--subtype keep" in caplog.text if says else not caplog.text
    caplog.clear()
    resample(tmp_path / "in", tmp_path / "kept", subtype="keep")
    own(tmp_path / "in", tmp_path / "prepared", format="mono", sample_rate=16000)
    kept = read_sound(tmp_path / "prepared" / "audio" / "a.wav")[0]
    assert not caplog.text and np.abs(kept).max() == pytest.approx(level, rel=0.05)
