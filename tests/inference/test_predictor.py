import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import plane_waves
import pytest
import soundfile
import soxr
import torch
import yaml

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.inference import detectors, predictor
from avseld.inference.event_list import write_audacity, write_event_list
from avseld.inference.predict import predict
from avseld.inference.predictor import load, predict_all
from avseld.inference.run_folder import recordings_of
from avseld.io.alignment import aligned
from avseld.io.audio import read_audio
from avseld.io.boxes import read_boxes, source_of
from avseld.io.dcase_csv import read_dcase
from avseld.io.events import Events, concatenate, read_events, write_events
from avseld.io.manifest import read_manifest, write_manifest
from avseld.io.video import VideoInfo
from avseld.metrics import score
from avseld.metrics.folders import sources_of
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.checkpoint import save_system


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return plane_waves.make(tmp_path_factory.mktemp("plane_waves"))


TINY = {"width": 8, "hidden": 16, "n_heads": 2}


def make_run(
    folder, prepared, n_classes=3, format="foa", feature="logamplitude_iv", model_name="avcrnn", **model
):
    """Make the run folder of a network with random weights and a threshold so low that it predicts everywhere."""
    torch.manual_seed(0)
    features, target = (
        Part(feature, {"hop": 240} if feature == "logmel_iv" else {}),
        Part("multi_accdoa", {"threshold": 0.02}),
    )
    names = [f"tone {k}" for k in range(n_classes)]
    system = System(Blueprint(features, Part(model_name, model), target, names, format))
    save_system(system, folder / "model.safetensors")
    config = {
        "data": {"prepared": str(prepared), "train": ["fold3_room1"], "validate": ["fold3_room5"], "test": ["fold4"],
                 "format": format, "video": "aligned", "allow_overlap": False},
        "challenge": 2023, "seed": 0,
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"), prepared, hidden=32)


@pytest.fixture(scope="module")
def recording(prepared):
    return read_manifest(prepared)[-1]


def test_a_file_an_array_and_a_recording_of_a_folder_give_the_same_events(run, recording):
    trained = load(run)
    of_file = trained.predict(recording.audio, recording.boxes)
    of_array = trained.predict(read_audio(recording.audio), read_boxes(recording.boxes))
    of_folder = predict_all(trained, [recording])[recording.name]
    assert len(of_file) and of_file == of_array == of_folder


def test_the_video_changes_the_prediction(run, recording):
    trained = load(run)
    with_video, without = trained.predict(recording.audio, recording.boxes), trained.predict(recording.audio)
    assert with_video != without


def test_a_late_and_turned_video_is_put_right_when_it_is_predicted(run, recording):
    trained, boxes = load(run), read_boxes(recording.boxes)
    place = {"video_offset": 0.4, "video_yaw": 90.0}
    of_files = trained.predict(recording.audio, recording.boxes, **place)
    assert of_files == trained.predict(recording.audio, aligned(boxes, 0.4, 90.0))
    assert of_files == predict_all(trained, [replace(recording, **place)])[recording.name]
    assert of_files != trained.predict(recording.audio, recording.boxes)
    with pytest.raises(BadInput, match=r"--video_offset 0.4: needs --audio"):
        predict(run, video_offset=0.4)


def test_the_csv_of_one_recording_holds_what_was_predicted(served, run, recording, tmp_path):
    of_recording = ("--audio", recording.audio, "--video", recording.boxes)
    served.run("avseld", "predict", "--run", run, *of_recording, "--out", tmp_path / "x.csv")
    events, dialect = read_dcase(tmp_path / "x.csv", n_classes=3)
    expected = load(run).predict(recording.audio, recording.boxes)
    assert dialect.columns == ("frame", "class", "source", "azimuth", "elevation")
    assert np.array_equal(events.label, expected.label) and np.allclose(
        events.azimuth, expected.azimuth, atol=1e-5
    )


def test_a_fold_is_predicted_into_one_csv_per_recording(run, prepared, tmp_path):
    predict(run, out=tmp_path, device="cpu")
    assert sorted(p.stem for p in tmp_path.iterdir()) == sorted(
        r.name for r in recordings_of(run, prepared, "test")
    )


@pytest.mark.parametrize("seconds", [0.03, 0.4, 61.3])
def test_recordings_of_any_length_are_predicted(run, seconds):
    waveform = np.random.default_rng(0).normal(size=(4, int(seconds * 24000))).astype(np.float32) * 0.1
    events = load(run).predict(waveform)
    assert events.duration <= np.ceil(seconds * 10) / 10 + 1e-9


def test_a_real_recording_goes_through_prediction_and_scoring(served, shared, tmp_path, prepared):
    excerpt = shared("data/starss22_foa_excerpt/fold3_room4_mix007_10.0-15.0s.wav")
    run = make_run(tmp_path / "run", prepared, n_classes=13, feature="amplitude_ipd")
    (tmp_path / "reference").mkdir()
    shutil.copy(excerpt.with_suffix(".csv"), tmp_path / "reference")
    served.run("avseld", "predict", "--run", run, "--audio", excerpt, "--out", tmp_path / "prediction")
    said = served.run("avseld", "score", tmp_path / "reference", tmp_path / "prediction", "--challenge", 2023)
    assert "SELD" in said


def test_unusable_recordings_are_refused_by_name(run, recording, tmp_path):
    trained = load(run)
    soundfile.write(tmp_path / "x.wav", np.zeros((24000, 2)), 24000)
    with pytest.raises(BadInput, match=r"x\.wav: 2 channels instead of 4 for foa; is it binaural or stereo"):
        trained.predict(tmp_path / "x.wav")
    soundfile.write(tmp_path / "x.wav", np.zeros((100, 4)), 24000)
    with pytest.raises(BadInput, match=r"x\.wav: 100 samples are shorter than one frame"):
        trained.predict(tmp_path / "x.wav")
    with pytest.raises(BadInput, match="needs --audio"):
        predict(run, video=recording.boxes)
    (tmp_path / "x.mp4").write_text("no video")
    with pytest.raises(BadInput, match=r"x\.mp4"):
        trained.predict(recording.audio, tmp_path / "x.mp4")


def test_a_recording_at_48_khz_an_array_of_integers_and_a_tensor_are_predicted_as_the_recording_is(
    run, recording, tmp_path
):
    trained = load(run)
    waveform = read_audio(recording.audio)
    expected = trained.predict(recording.audio)
    fine = soxr.resample(waveform.T.astype(float), 24000, 48000, "VHQ")
    soundfile.write(tmp_path / "x.WAV", fine, 48000, subtype="FLOAT", format="WAV")
    integers = (waveform * 32768).round().astype(np.int16)
    assert trained.predict(integers, sample_rate=24000) == expected
    assert trained.predict(torch.from_numpy(waveform.T), sample_rate=24000) == expected
    for resampled in (trained.predict(tmp_path / "x.WAV"), trained.predict(fine, sample_rate=48000)):
        assert resampled.duration == expected.duration
        assert abs(len(resampled) - len(expected)) < 0.02 * len(expected)


def test_an_array_of_unknown_rate_is_taken_as_the_systems_with_one_warning(run, caplog):
    trained = load(run)
    for _ in range(2):
        trained.predict(np.zeros((4, 24000), np.float32))
    assert caplog.text.count("taken as 24000 Hz") == 1


def test_files_folders_and_patterns_are_predicted_into_csv_and_lists_of_events(run, recording, tmp_path):
    sounds = tmp_path / "my takes"
    sounds.mkdir()
    for name in ("Take 1.WAV", "Take, 2.wav"):
        shutil.copy(recording.audio, sounds / name)
    several = {
        "folder": [str(sounds)],
        "pattern": [str(sounds / "*, 2.wav"), str(sounds / "*.WAV")],
        "files": [str(path) for path in sounds.iterdir()],
    }
    for name, words in several.items():
        main(["predict", "--run", str(run), "--audio", *words, "--audacity", "--out", str(tmp_path / name)])
    written = {path.name: path.read_bytes() for path in (tmp_path / "folder").iterdir()}
    assert set(written) == {
        f"{name}{end}" for name in ("Take 1", "Take, 2") for end in (".csv", ".events.csv", ".txt")
    }
    for name in ("pattern", "files"):
        assert {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} == written
    assert set(sources_of(tmp_path / "folder", "prediction")) == {"Take 1", "Take, 2"}


def test_an_event_list_has_a_row_from_start_to_end_of_each_sound(tmp_path):
    frames = np.arange(10) / 10
    moving = Events(frames, frames + 0.1, *np.array([[1, 0]] * 10).T, 175 + np.arange(10), *np.zeros((2, 10)))
    late = Events(*np.array([[2.0, 2.1, 0, 0, -90, 30, np.nan]]).T)
    write_event_list(tmp_path / "x.events.csv", concatenate([late, moving]), ["bell", "door, car"])
    assert (tmp_path / "x.events.csv").read_text().splitlines() == [
        "name,onset,offset,azimuth,elevation",
        '"door, car",0,1,179.5,0',
        "bell,2,2.1,-90,30",
    ]
    write_audacity(tmp_path / "x.txt", late, ["bell"])
    assert (tmp_path / "x.txt").read_text() == "2.000000\t2.100000\tbell\n"


@pytest.fixture
def other_list(prepared, tmp_path):
    """The prepared folder with its three classes in another order, and one more."""
    recordings = [
        replace(one, labels=tmp_path / "other" / "labels" / f"{one.name}.csv")
        for one in read_manifest(prepared)
    ]
    names = ["tone 2", "knock", "tone 0", "tone 1"]
    write_manifest(tmp_path / "other", recordings, names)
    for one, moved in zip(read_manifest(prepared), recordings, strict=True):
        events = read_events(one.labels)
        write_events(moved.labels, replace(events, label=np.array([2, 3, 0])[events.label]))
    return tmp_path / "other"


def test_a_fold_of_other_classes_is_predicted_and_scored_by_their_names(run, prepared, other_list, tmp_path):
    predict(run, out=tmp_path / "own", device="cpu")
    predict(run, prepared=other_list, out=tmp_path / "mapped", device="cpu")
    for path in (tmp_path / "own").glob("*.csv"):
        own, mapped = read_dcase(path)[0], read_dcase(tmp_path / "mapped" / path.name)[0]
        assert len(own) and np.array_equal(np.array([2, 3, 0])[own.label], mapped.label)
        assert np.array_equal(own.azimuth, mapped.azimuth)
    words = {"challenge": 2023, "average": "micro"}
    one, other = (
        score(folder / "labels", tmp_path / name, missing="empty", n_classes=n, **words)
        for folder, name, n in ((prepared, "own", 3), (other_list, "mapped", 4))
    )
    assert one["F"] == other["F"] and one["LE"] == other["LE"]
    with pytest.raises(BadInput, match="predicted for other classes"):
        score(other_list / "labels", tmp_path / "own", 2023, missing="empty")


def test_a_fold_without_any_class_of_the_run_is_refused_before_anything_is_written(run, other_list, tmp_path):
    (other_list / "classes.txt").write_text("horn\nsiren\n")
    with pytest.raises(BadInput, match=r"none of the classes of .*run.* \(tone 0, .* is among horn, siren"):
        predict(run, prepared=other_list, out=tmp_path / "csv", device="cpu")
    assert not (tmp_path / "csv").exists()


def test_two_files_of_one_name_and_one_video_for_several_recordings_are_refused(run, recording, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(recording.audio, tmp_path / folder / "x.wav")
    with pytest.raises(BadInput, match="has the same name"):
        predict(run, audio=[tmp_path])
    shutil.move(tmp_path / "b" / "x.wav", tmp_path / "b" / "y.wav")
    with pytest.raises(BadInput, match="one file for 2 recordings"):
        predict(run, audio=[tmp_path], video=recording.boxes)
    with pytest.raises(BadInput, match="one file for 2 recordings"):
        predict(run, audio=[tmp_path], out=tmp_path / "x.csv")
    with pytest.raises(BadInput, match=r"no \.wav, \.flac"):
        predict(run, audio=[run])


def test_boxes_made_in_another_way_than_those_of_the_training_are_warned_of(run, recording, tmp_path, caplog):
    trained = load(run)
    boxes = replace(read_boxes(recording.boxes), about={"detector": "onnx", "weights": "ab" * 32, "fps": 2.0})
    trained.predict(recording.audio, boxes)
    assert "trained with boxes" not in caplog.text
    system = trained.system
    system.blueprint = replace(system.blueprint, boxes_from=[source_of(boxes.about)])
    save_system(system, tmp_path / "model.safetensors")
    again = load(tmp_path)
    again.predict(recording.audio, boxes)
    assert "trained with boxes" not in caplog.text
    faster = replace(boxes, about=boxes.about | {"fps": 10.0})
    for _ in range(2):
        again.predict(recording.audio, faster)
    assert caplog.text.count("2 frames per second; these are of onnx, weights abababab, 10 frames") == 1


def test_a_video_is_detected_as_in_training_unless_told_otherwise(run, recording, monkeypatch):
    given = []

    def find(video, weights=None, fps=10.0, width=None, tiles=1):
        given.append((weights, fps, width))
        return read_boxes(recording.boxes)

    monkeypatch.setattr(detectors, "_installed", lambda group: find)
    monkeypatch.setattr(predictor, "video_info", lambda path: VideoInfo(720, 360, Fraction(2), 0, 30, 0, 4))
    trained = load(run)
    boxes_from = [{"detector": "onnx", "fps": 2.0, "looked_at": 416}]
    trained.system.blueprint = replace(trained.system.blueprint, boxes_from=boxes_from)
    trained.predict(recording.audio, "x.mp4")
    trained.predict(recording.audio, "x.mp4", detector="nano.onnx", detector_fps=5)
    assert given == [(None, 2.0, 416), (Path("nano.onnx"), 5, 416)]


def test_a_video_for_a_network_without_visual_input_is_ignored_with_a_warning(
    prepared, recording, run, tmp_path, caplog
):
    trained = load(make_run(tmp_path, prepared, model_name="seldnet_attention", feature="logmel_iv", **TINY))
    assert trained.predict(recording.audio, recording.boxes) == trained.predict(recording.audio)
    assert caplog.text.count("the video is ignored") == 1
    unseen = replace(recording, video=None, boxes=None, embeddings=None)
    predict_all(trained, [unseen])
    assert "1 of 1 recordings have no visual input" not in caplog.text
    predict_all(load(run), [unseen])
    assert "1 of 1 recordings have no visual input" in caplog.text


class Installed:
    """Entry point of an installed package."""

    def __init__(self, value: str) -> None:
        self.value, self.module = value, value.split(":")[0]

    def load(self):
        return lambda video: self.value


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        (["detection.detect:boxes_of_video"], "detection.detect:boxes_of_video"),
        (["detection.detect:boxes_of_video", "other.people:detect"], "other.people:detect"),
        ([], "no package offers"),
        (["other.people:detect", "third.people:detect"], "choose with --detector other or third, or remove"),
    ],
)
def test_a_detector_of_another_package_takes_precedence(monkeypatch, values, chosen):
    monkeypatch.setattr(detectors, "entry_points", lambda **_: [Installed(value) for value in values])
    if values and len(values) - values.count("detection.detect:boxes_of_video") < 2:
        assert detectors.detect("video.mp4") == chosen
    else:
        with pytest.raises(BadInput, match=chosen):
            detectors.detect("video.mp4")


def test_detectors_are_chosen_by_their_name_or_that_of_their_package(monkeypatch):
    values = [
        "detection.detect:boxes_of_video",
        "other.people:detect",
        "third.people:detect",
        "other.heads:detect",
    ]
    installed = [Installed(value) for value in values]
    installed[-1].name = "heads"
    monkeypatch.setattr(detectors, "entry_points", lambda **_: installed)
    for name, value in zip(("detection", "other", "third", "heads"), values, strict=True):
        assert detectors.detect("video.mp4", weights=Path(name)) == value
    with pytest.raises(BadInput, match="choose with --detector detection or other or third"):
        detectors.detect("video.mp4", weights=Path("people.onnx"))


def test_a_folder_with_other_folds_or_none_is_predicted_all_the_same(run, prepared, tmp_path, caplog):
    recordings = read_manifest(prepared)
    for folds, expected in ((["test", "train"], recordings[:1]), (["", ""], recordings[:2])):
        renamed = [replace(one, fold=fold) for one, fold in zip(recordings[:2], folds, strict=True)]
        write_manifest(tmp_path, renamed, ["tone 0", "tone 1", "tone 2"])
        assert [one.name for one in recordings_of(run, tmp_path, "test")] == [one.name for one in expected]
    assert "no folds; all 2 recordings are taken" in caplog.text
    write_manifest(tmp_path, [replace(recordings[0], format="mic")], ["tone 0"])
    with pytest.raises(BadInput, match=r"no recordings of format foa, which .* takes; there are mic"):
        recordings_of(run, tmp_path, "test")


def test_a_missing_run_is_refused_by_name(tmp_path, run):
    with pytest.raises(BadInput, match="train first"):
        load(tmp_path / "nowhere")
    with pytest.raises(BadInput, match=r"config\.yaml: not found"):
        recordings_of(tmp_path, None, "test")
    with pytest.raises(BadInput, match="'fold7' names no fold"):
        recordings_of(run, None, "fold7")
