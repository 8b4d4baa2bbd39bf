"""Recordings that are not prepared: their rate and channels are converted as preparation converts them."""

import numpy as np
import pytest
import soundfile

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.inference.choice import check_channels
from avseld.inference.predictor import Predictor
from avseld.io.manifest import read_manifest
from avseld.io.resampling import open_recording
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.inference import iterate_heads
from data_prep.corpora.own import own
from data_prep.corpora.task4 import convert


def write(path, channels, rate, seconds=0.8, subtype="PCM_16", seed=0):
    path.parent.mkdir(exist_ok=True)
    samples = np.random.default_rng(seed).normal(size=(round(seconds * rate), channels)) * 0.1
    soundfile.write(path, samples, rate, subtype)
    return path


@pytest.mark.parametrize(
    ("name", "channels", "rate", "subtype", "format", "chosen"),
    [
        ("rate.wav", 4, 48000, "PCM_16", "foa", None),
        ("floats.wav", 4, 44100, "FLOAT", "foa", None),
        ("stereo.wav", 2, 44100, "PCM_16", "mono", None),
        ("mean.wav", 2, 24000, "PCM_16", "mono", None),
        ("fuma.wav", 4, 24000, "PCM_16", "foa", ["fuma"]),
        ("both.wav", 6, 48000, "PCM_16", "stereo", [4, 2]),
        ("lossy.ogg", 2, 24000, "VORBIS", "stereo", None),
    ],
)
def test_a_recording_is_read_as_preparation_writes_it_to_the_bit(
    tmp_path, name, channels, rate, subtype, format, chosen
):
    path = write(tmp_path / "in" / name, channels, rate, subtype=subtype)
    own(path.parent, tmp_path / "prepared", format=format, channels=chosen)
    (prepared,) = read_manifest(tmp_path / "prepared")
    read, n_samples = open_recording(path, format, 24000, chosen)
    expected, n_expected = open_recording(prepared.audio, format, 24000)
    assert n_samples == n_expected and np.abs(expected(0, n_samples)).max() > 0.1
    for start, length in ((-100, 9000), (6000, n_samples), (0, n_samples)):
        assert np.array_equal(read(start, length), expected(start, length))


def test_samples_of_24_bits_keep_them_where_preparation_rounds_to_16(tmp_path):
    path = write(tmp_path / "in" / "a.wav", 4, 48000, subtype="PCM_24")
    own(path.parent, tmp_path / "prepared")
    (prepared,) = read_manifest(tmp_path / "prepared")
    read, expected = (open_recording(each, "foa", 24000)[0] for each in (path, prepared.audio))
    difference = np.abs(read(0, 30000) - expected(0, 30000)).max()
    assert 0 < difference <= 0.51 / 32768


def test_stereo_that_is_prepared_again_as_mono_is_written_anew(tmp_path):
    write(tmp_path / "in" / "a.wav", 2, 48000)
    for format in ("stereo", "mono"):
        own(tmp_path / "in", tmp_path / "prepared", format=format)
    assert soundfile.info(tmp_path / "prepared" / "audio" / "a.wav").channels == 1


@pytest.fixture(scope="module")
def tagger():
    logmel = {"sample_rate": 32000, "n_fft": 1024, "hop": 500, "n_mels": 64, "low_hz": 50, "high_hz": 14000}
    parts = Part("logmel", logmel), Part("cnn", {"layers": 5}), Part("tagging")
    return Predictor(System(Blueprint(*parts, ["Speech", "Dog"], "mono", chunk=0.5)))


def test_a_clip_of_the_corpus_gives_the_same_probabilities_before_and_after_preparation(tagger, tmp_path):
    clip = write(tmp_path / "clip.wav", 2, 44100, 0.3)
    convert(clip, tmp_path / "prepared.wav", 32000, 16000)
    paths = (clip, tmp_path / "prepared.wav")
    heads = [next(iterate_heads(tagger.system, *tagger.reader(path)))[1] for path in paths]
    assert heads[0].keys() == heads[1].keys() >= {"clip", "frame"}
    for name, head in heads[0].items():
        assert np.array_equal(head, heads[1][name])


def test_what_is_converted_is_told_once_for_each_kind_of_recording(tagger, tmp_path, caplog):
    caplog.set_level("INFO")
    fresh = Predictor(tagger.system)
    stereo, mono = write(tmp_path / "a.wav", 2, 44100), write(tmp_path / "b.wav", 1, 32000)
    for path in (stereo, mono, stereo, write(tmp_path / "c.wav", 2, 44100)):
        fresh.check_sound(path)
    assert [record.getMessage() for record in caplog.records] == [
        "a.wav: converted from 44100 Hz to 32000 Hz and 2 channels to their mean, as preparation does"
    ]


@pytest.mark.parametrize(
    ("channels", "format", "says"),
    [
        (4, "mono", "4 channels instead of 1 for mono; choose channels of it .--channels 1.$"),
        (9, "foa", "take the first order of ambisonics of a higher one"),
        (6, "foa", "6 channels instead of 4 for foa; choose channels of it .--channels 1,2,3,4.$"),
        (2, "foa", "leave out --run to take locator_stereo, or give a run that was trained on stereo"),
        (1, "foa", "RUN takes foa recordings of 4; give a run that was trained on mono recordings$"),
    ],
)
def test_a_wrong_number_of_channels_is_refused_with_what_can_be_done(tmp_path, channels, format, says):
    path = write(tmp_path / "x.wav", channels, 24000, 0.1)
    with pytest.raises(BadInput, match=f"x.wav: .*{says}"):
        check_channels(path, "RUN", format)
