"""Resampling keeps pitch, level, channels and exact length."""

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_tree import state, write_sound

import data_prep.media.resample
from avseld.io import resampling
from data_prep.media.resample import resample, resample_audio


def sine(path, rate, seconds=0.5, frequencies=(440.0,), level=0.5, subtype="PCM_16"):
    time = np.arange(round(seconds * rate)) / rate
    sound = np.stack([level * np.sin(2 * np.pi * frequency * time) for frequency in frequencies], -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, subtype=subtype)
    return path


@pytest.mark.parametrize("rate", [44100, 48000, 16000, 22050, 96000, 11025])
@pytest.mark.parametrize("channels", [1, 2, 4, 5])
def test_a_sine_keeps_frequency_level_and_length(tmp_path, rate, channels):
    frequencies = [300.0 * (channel + 1) for channel in range(channels)]
    source = sine(tmp_path / "in.wav", rate, 0.7013, frequencies)
    assert resample(source, tmp_path / "out.wav", jobs=1) == 0
    info = soundfile.info(tmp_path / "out.wav")
    n = soundfile.info(source).frames
    assert (info.samplerate, info.channels, info.subtype) == (24000, channels, "PCM_16")
    assert info.frames == -(-n * 24000 // rate)
    sound, _ = soundfile.read(tmp_path / "out.wav", always_2d=True)
    time = np.arange(info.frames) / 24000
    inner = slice(500, -500)
    for channel, frequency in enumerate(frequencies):
        expected = 0.5 * np.sin(2 * np.pi * frequency * time)
        assert np.abs(sound[inner, channel] - expected[inner]).max() < 3e-4


def test_a_tone_above_the_new_nyquist_frequency_is_not_aliased(tmp_path):
    sine(tmp_path / "in.wav", 48000, 0.5, (14000.0,))
    resample(tmp_path / "in.wav", tmp_path / "out.wav")
    sound, _ = soundfile.read(tmp_path / "out.wav")
    assert np.abs(sound[500:-500]).max() < 1e-4


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n=st.integers(1, 5000),
    rate=st.sampled_from([8000, 16000, 22050, 24000, 24001, 44100, 48000, 192000]),
    block=st.integers(1, 3000),
)
def test_block_size_does_not_change_the_samples(tmp_path, monkeypatch, n, rate, block):
    source = write_sound(tmp_path / "in.wav", n / rate, 2, rate)
    resample_audio(source, tmp_path / "whole.wav")
    with monkeypatch.context() as patched:
        patched.setattr(resampling, "BLOCK_SAMPLES", block)
        resample_audio(source, tmp_path / "blocks.wav")
    whole, _ = soundfile.read(tmp_path / "whole.wav", dtype="int16", always_2d=True)
    blocks, _ = soundfile.read(tmp_path / "blocks.wav", dtype="int16", always_2d=True)
    assert len(whole) == -(-n * 24000 // rate)
    assert np.array_equal(whole, blocks)


def test_a_file_of_the_target_rate_keeps_its_samples(shared, tmp_path):
    source = shared("data/starss22_foa_excerpt/fold3_room4_mix007_10.0-15.0s.wav")
    assert resample(source, tmp_path / "same.wav") == 0
    before, _ = soundfile.read(source, dtype="int16")
    after, _ = soundfile.read(tmp_path / "same.wav", dtype="int16")
    assert np.array_equal(before, after)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_the_sample_format_is_kept_on_request(tmp_path, subtype):
    source = sine(tmp_path / "in.wav", 48000, subtype=subtype)
    resample(source, tmp_path / "kept.wav", subtype="keep")
    resample(source, tmp_path / "short.wav")
    assert soundfile.info(tmp_path / "kept.wav").subtype == subtype
    assert soundfile.info(tmp_path / "short.wav").subtype == "PCM_16"
    kept, _ = soundfile.read(tmp_path / "kept.wav")
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(12000) / 24000)
    tolerance = {"PCM_16": 4e-5}.get(subtype, 1e-5)
    assert np.abs(kept - expected)[500:-500].max() < tolerance


def test_overshoot_is_clipped_and_reported(tmp_path, caplog):
    square = np.sign(np.sin(2 * np.pi * 500 * np.arange(24000) / 48000))[:, None]
    soundfile.write(tmp_path / "in.wav", square, 48000, subtype="FLOAT")
    assert resample(tmp_path / "in.wav", tmp_path / "out.wav") == 0
    sound, _ = soundfile.read(tmp_path / "out.wav", dtype="int16")
    high = square[::2, 0] > 0
    assert (sound[high] > 20000).mean() > 0.95 and (sound[~high][1:] < -20000).mean() > 0.9
    assert (np.abs(np.diff(sound.astype(int))) > 60000).mean() < 0.05
    assert sound.max() == 32767 and sound.min() == -32768
    assert "samples clipped" in caplog.text and "in.wav" in caplog.text


def test_a_folder_tree_is_mirrored_and_its_sources_are_unchanged(tmp_path, caplog):
    for index, name in enumerate(("dev-train-sony/a.wav", "dev-test-tau/b.WAV", "c.wav")):
        write_sound(tmp_path / "in" / name, 0.2, 4, 48000, seed=index)
    (tmp_path / "in" / "broken.wav").write_bytes(b"RIFF....")
    soundfile.write(tmp_path / "in" / "empty.wav", np.zeros((0, 4)), 48000)
    bad = np.zeros((100, 1), np.float32)
    bad[50] = np.nan
    soundfile.write(tmp_path / "in" / "nan.wav", bad, 48000, subtype="FLOAT")
    before = state(tmp_path / "in")
    assert resample(tmp_path / "in", tmp_path / "out") == 1
    assert state(tmp_path / "in") == before
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert made == ["c.wav", "dev-test-tau/b.wav", "dev-train-sony/a.wav"]
    for word in ("3 of 6 files failed", "broken.wav", "empty.wav", "nan.wav", "not finite"):
        assert word in caplog.text
    first = state(tmp_path / "out")
    assert resample(tmp_path / "in", tmp_path / "out") == 1
    assert state(tmp_path / "out") == first


def test_memory_does_not_grow_with_the_duration(tmp_path):
    psutil = pytest.importorskip("psutil")
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 48000, 4, "PCM_16") as file:
        for _ in range(40):
            file.write(np.zeros((480000, 4), np.int16))  # 400 s, 154 MB; 614 MB as float64
    resample_audio(write_sound(tmp_path / "short.wav", 1, 4, 48000), tmp_path / "short_out.wav")
    process, peaks = psutil.Process(), []
    to_integers = data_prep.media.resample.to_integers

    def watched(*arguments):
        peaks.append(process.memory_info().rss)
        return to_integers(*arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(data_prep.media.resample, "to_integers", watched)
        before = process.memory_info().rss
        resample_audio(path, tmp_path / "long_out.wav")
    assert max(peaks) - before < 60e6
