"""Benchmarks: both implementations do the same work, on a corpus in the published layout."""

import numpy as np
import pytest
import torch

from avseld.base.errors import BadInput
from avseld.base.memory import keep_freed_memory
from avseld.benchmarking import machine, published, recordings, shards, spectra, steps
from avseld.benchmarking.bench import bench
from avseld.benchmarking.corpus import write_corpus
from avseld.features import FEATURES
from avseld.io.audio import audio_info, read_audio
from avseld.io.boxes import read_boxes
from avseld.io.manifest import read_manifest
from detection.benchmark import network_a_second


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder, 2, 5)
    return folder


def test_the_fast_and_the_plain_path_train_to_the_same_loss(corpus):
    result = steps.loss_difference(corpus, 4)
    assert result["difference"] < 1e-4 and result["losses"][0] > 0


def test_published_features_of_a_window_equal_ours(corpus):
    """Channel by channel with librosa, or all channels at once."""
    recording = read_manifest(corpus)[0]
    waveform = read_audio(recording.audio, 0, 30480)
    reference = published.features(waveform)
    ours = FEATURES["amplitude_ipd"]()(torch.from_numpy(waveform)[None])[0].numpy()
    np.testing.assert_allclose(ours[:4], reference[:4], atol=1e-4)
    turn = np.abs(ours[4:] - reference[4:])
    assert np.quantile(np.minimum(turn, 2 * np.pi - turn), 0.99) < 1e-2


def test_the_published_step_opens_a_video_for_every_window(corpus):
    there = [recording for recording in read_manifest(corpus) if recording.fold == "fold3"]
    looked = []

    def look(picture):
        looked.append(picture.shape)
        return np.array([[0.1, 0.2, 0.3, 0.4]])

    batch = published.batch(published.Clips(there, look), 3)
    assert looked == [(180, 360, 3)] * 3
    assert batch["features"].shape == (3, 7, 128, 257) and batch["vectors"].shape == (3, 2, 6, 37)
    assert batch["vectors"][:, :, 0].max() > 0.9 and batch["vectors"][:, :, 1:].abs().max() == 0


def test_the_published_reader_gives_frames_by_time(corpus):
    video = read_manifest(corpus)[0].video
    early, late = (published.video_frame_at(video, time).astype(int) for time in (0.5, 3.5))
    again = published.video_frame_at(video, 3.5).astype(int)
    assert np.abs(late - again).max() == 0 and np.abs(late - early).mean() > 5


def test_sparse_files_have_full_length_and_no_disk_usage(tmp_path):
    (one, _) = write_corpus(tmp_path, 2, 600, video=False, sparse=True)
    assert audio_info(one.audio, "foa").duration == 600
    assert one.audio.stat().st_size > 100e6 and one.audio.stat().st_blocks * 512 < 1e6
    assert np.abs(read_audio(one.audio, 24000 * 599, 24000)).max() == 0
    assert len(read_boxes(one.boxes).time) == 6000


def test_the_floor_grows_with_the_batch_and_is_the_slower_of_arithmetic_and_memory(monkeypatch):
    monkeypatch.setattr(machine, "arithmetic_rate", lambda kind: 100e9)
    monkeypatch.setattr(machine, "copy_rate", lambda: 1e15)
    system = steps.fresh_system()
    inputs = [(torch.randn(n, 7, 128, 257), torch.zeros(n, 6, 4)) for n in (1, 2)]
    floors = [machine.floor_of_step(system.model, *each) for each in inputs]
    assert floors[1]["gflop"] == pytest.approx(2 * floors[0]["gflop"], rel=1e-6)
    assert floors[1]["gbyte"] == pytest.approx(2 * floors[0]["gbyte"], rel=1e-6)
    assert 0.5 < floors[0]["gflop"] < 5 and floors[0]["floor"] == pytest.approx(floors[0]["gflop"] / 100)
    half = machine.floor_of_step(system.model, *inputs[0], kind=torch.bfloat16)
    assert half["gbyte"] == pytest.approx(floors[0]["gbyte"] / 2) and half["gflop"] == floors[0]["gflop"]
    answer = machine.floor_of_answer(system.model, *inputs[0])
    assert answer["gflop"] == pytest.approx(floors[0]["gflop"] / 3)
    assert answer["gbyte"] == pytest.approx(floors[0]["gbyte"] * 2 / machine.STEP_PASSES)
    monkeypatch.setattr(machine, "copy_rate", lambda: 1e9)
    assert machine.floor_of_answer(system.model, *inputs[0])["floor"] == pytest.approx(answer["gbyte"])


def test_the_rates_of_the_machine_are_plausible(monkeypatch):
    monkeypatch.setattr(machine, "PRODUCT_ROWS", 256)
    monkeypatch.setattr(machine, "COPIED_VALUES", 1 << 20)
    assert 1e9 < machine.arithmetic_rate() < 1e13 and 1e8 < machine.copy_rate() < 1e12


def test_both_ways_of_prediction_cover_the_whole_recording(corpus, monkeypatch):
    monkeypatch.setattr(recordings, "DURATION_S", 5)
    single = corpus / "single"
    write_corpus(single, 1, 5)
    assert recordings.ours_seconds(single)["seconds"] > 0
    monkeypatch.setattr(published, "detector", lambda weights: None)
    result = recordings.published_seconds(single, None)
    assert result["seconds"] > 0 and "no weights" in result["detector"]


def test_missing_weights_of_the_detector_are_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(BadInput, match=r"yolox_nano\.onnx"):
        bench("detect")


def test_published_features_have_the_shapes_of_ours():
    waveform = np.random.default_rng(0).standard_normal((4, 24000)).astype(np.float32)
    for name, work in spectra.PUBLISHED.items():
        ours = FEATURES[name]()(torch.from_numpy(waveform)[None])
        reference = np.asarray(work(waveform))
        assert reference.shape[0] == ours.shape[1], name


def test_keeping_freed_memory_returns_whether_it_is_supported():
    assert keep_freed_memory() in (True, False)


def test_the_detector_alone_needs_no_video(shared):
    assert network_a_second(shared("data/yolox/yolox_nano.onnx"), 2)["rate"] > 1


def test_shards_of_the_benchmark_hold_the_recordings_that_are_sought_in(tmp_path):
    files = shards.write_files(tmp_path / "files", 2, shards.QUIET)
    shards.write_shards(tmp_path / "shards", files)
    for one, member in zip(files, read_manifest(tmp_path / "shards"), strict=True):
        assert member.name == one.name and audio_info(member.audio) == audio_info(one.audio)
        np.testing.assert_array_equal(read_audio(member.audio, 7, 99), read_audio(one.audio, 7, 99))
    assert shards.shards_a_second(tmp_path / "shards", 2)["rate"] > 0
