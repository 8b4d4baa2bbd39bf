import numpy as np
import pytest
import soundfile
import soxr

from avseld.base.errors import BadInput
from avseld.io.resampling import ResampledFile, open_array, open_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Two seconds of noise below 8 kHz in four channels at 48 kHz, as an array (channel, sample) and as a file."""
    slow = np.random.default_rng(0).normal(size=(32001, 4)) * 0.1
    waveform = soxr.resample(slow, 16000, 48000, "VHQ").T.astype(np.float32)
    path = tmp_path_factory.mktemp("sound") / "Take 1.WAV"
    soundfile.write(path, waveform.T, 48000, subtype="FLOAT")
    return waveform, path


def test_a_resampled_file_equals_the_whole_resampled_at_once_in_whatever_sections_it_is_read(recording):
    waveform, path = recording
    expected = soxr.resample(waveform.T.astype(float), 48000, 24000, "HQ").T
    file = ResampledFile(path, 24000)
    assert file.n_samples == -(-waveform.shape[1] // 2)
    for start, n_samples in ((-500, 2000), (700, 30000), (20000, 5), (0, 40000), (file.n_samples - 10, 30)):
        section = file(start, n_samples)
        padded = np.pad(expected, ((0, 0), (600, 600)))[:, start + 600 : start + 600 + n_samples]
        assert section.shape == (4, n_samples) and section.dtype == np.float32
        assert np.allclose(section, padded, atol=2e-4)


def test_a_file_and_its_array_are_resampled_to_the_same_samples(recording):
    waveform, path = recording
    (of_file, n_samples), (of_array, n_again) = (
        open_recording(path, "foa", 16000),
        open_array(waveform, "foa", 16000, 48000),
    )
    assert n_samples == n_again
    assert np.allclose(of_file(0, n_samples), of_array(0, n_samples), atol=1e-5)


@pytest.mark.parametrize("kind", ["uint8", "int16", "int32", "float64"])
def test_integers_are_divided_by_their_full_scale(kind):
    half = {"uint8": 192, "int16": 1 << 14, "int32": 1 << 30, "float64": 0.5}[kind]
    read, _ = open_array(np.full((1, 2000), half, kind), "mono", 24000)
    assert np.array_equal(read(0, 2000), np.full((1, 2000), 0.5, np.float32))


def test_samples_by_channels_and_a_single_channel_are_taken_as_they_are_meant():
    waveform = np.random.default_rng(0).uniform(-1, 1, (4, 3000)).astype(np.float32)
    for given in (waveform, waveform.T):
        read, n_samples = open_array(given, "foa", 24000)
        assert n_samples == 3000 and np.array_equal(read(0, 3000), waveform)
    read, n_samples = open_array(waveform[0], "mono", 24000)
    assert n_samples == 3000 and np.array_equal(read(0, 3000), waveform[:1])


def test_channels_are_chosen_in_the_order_given(recording):
    waveform, path = recording
    of_file, _ = open_recording(path, "stereo", 48000, [4, 2])
    of_array, _ = open_array(waveform.T, "stereo", 48000, None, [4, 2])
    assert np.array_equal(of_file(100, 50), waveform[[3, 1], 100:150])
    assert np.array_equal(of_array(100, 50), waveform[[3, 1], 100:150])


@pytest.mark.parametrize(
    ("waveform", "options", "says"),
    [
        (np.zeros((2, 4000)), {}, r"2 channels instead of 4 for foa"),
        (np.zeros(4000), {}, r"1 channels instead of 4 for foa"),
        (np.zeros((2, 4, 4000)), {}, r"foa needs \(4, samples\) or \(samples, 4\)"),
        (np.zeros((4, 4000), np.int64), {}, "int64; expected floats in -1..1"),
        (np.full((4, 4000), 20000.0), {}, "values up to 20000; expected -1..1"),
        (np.full((4, 4000), np.nan), {}, "not finite"),
        (np.zeros((4, 4000)), {"rate": 0}, "sample_rate 0"),
        (np.zeros((6, 4000)), {"channels": [1, 2, 3]}, "channels 1,2,3 of 6; foa needs 4"),
        (np.zeros((6, 4000)), {"channels": [0, 1, 2, 3]}, "counted from 1"),
    ],
)
def test_an_array_that_is_no_recording_of_the_format_is_refused_in_one_line(waveform, options, says):
    with pytest.raises(BadInput, match=says) as refusal:
        open_array(waveform, "foa", 24000, **options)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_cut_off_or_not_finite_is_refused_while_it_is_read(tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, np.full((48000, 1), np.nan, np.float32), 48000, subtype="FLOAT")
    read, n_samples = open_recording(path, "mono", 24000)
    with pytest.raises(BadInput, match=r"x\.wav: holds samples that are not finite"):
        read(0, n_samples)
