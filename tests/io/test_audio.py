import numpy as np
import pytest
import soundfile

from avseld.base.errors import BadInput
from avseld.io.audio import audio_info, check_samples, read_audio


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "x.wav"
    ramp = np.arange(4 * 1000, dtype=np.int16).reshape(1000, 4)
    soundfile.write(path, ramp, 24000, subtype="PCM_16")
    return path


@pytest.mark.parametrize(
    ("start", "n"), [(0, 1000), (10, 5), (-3, 6), (998, 10), (-5, 1010), (2000, 4), (-9, 4)]
)
def test_a_section_is_zero_beyond_the_file(wav, start, n):
    ramp = np.arange(4000).reshape(1000, 4).T / 32768
    expected = np.zeros((4, n))
    for sample in range(n):
        if 0 <= start + sample < 1000:
            expected[:, sample] = ramp[:, start + sample]
    assert np.array_equal(read_audio(wav, start, n), expected.astype(np.float32))


@pytest.mark.parametrize(("name", "subtype"), [("x.wav", "PCM_24"), ("x.wav", "FLOAT"), ("x.flac", "PCM_16")])
def test_every_encoding_is_read_as_soundfile_reads_it(tmp_path, name, subtype):
    noise = 0.3 * np.random.default_rng(0).standard_normal((500, 2))
    soundfile.write(tmp_path / name, noise, 24000, subtype=subtype)
    whole = soundfile.read(tmp_path / name, dtype="float32")[0].T
    assert np.array_equal(read_audio(tmp_path / name, 100, 300), whole[:, 100:400])


def test_without_a_length_the_rest_is_read(wav):
    assert read_audio(wav, 990).shape == (4, 10)


def test_an_unusable_file_is_named_with_its_remedy(wav, tmp_path):
    with pytest.raises(BadInput, match=r"x\.wav: 24000 Hz instead of 48000; resample"):
        audio_info(wav, "foa", 48000)
    with pytest.raises(BadInput, match=r"x\.wav: 4 channels instead of 2 for binaural"):
        audio_info(wav, "binaural")
    with pytest.raises(BadInput, match=r"y\.wav: not found"):
        audio_info(tmp_path / "y.wav")
    (tmp_path / "z.wav").write_text("no audio")
    with pytest.raises(BadInput, match=r"z\.wav: no readable audio"):
        audio_info(tmp_path / "z.wav")
    with pytest.raises(BadInput, match=r"z\.wav: no readable audio"):
        read_audio(tmp_path / "z.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_samples_that_are_no_sound_are_named_by_file_and_time(tmp_path, value):
    samples = np.zeros((24000, 4), np.float32)
    samples[12000, 2] = value
    path = tmp_path / "broken.wav"
    soundfile.write(path, samples, 24000, subtype="FLOAT")
    for read in (read_audio, check_samples):
        with pytest.raises(BadInput, match=r"broken\.wav: a sample of .* after 0\.500 s"):
            read(path)
    assert read_audio(path, 0, 6000).shape == (4, 6000)
    soundfile.write(path, np.zeros((24000, 4)), 24000)
    check_samples(path)
