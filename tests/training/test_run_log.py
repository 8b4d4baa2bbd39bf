"""What a training writes down: lines of text, numbers by tag, and the scores of training recordings."""

import csv
import io
import re

import numpy as np
import plane_waves
import pytest
import soundfile
from learning import train_briefly
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from avseld.config import Data, Part, Update
from avseld.data.windows import reference
from avseld.evaluation.validation import Validator
from avseld.inference.predictor import load
from avseld.io.audio import read_audio
from avseld.io.manifest import pick, read_classes, read_manifest
from avseld.io.run_config import read_config
from avseld.targets.sed_doa import SedDoa
from avseld.training.drawing import PredictionDrawing
from avseld.training.tags import losses_of


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return plane_waves.make(tmp_path_factory.mktemp("plane_waves"), seconds=3)


def briefly(prepared, out, **changes):
    words = {
        "data": Data(prepared, validate=["fold3_room5_mix003"], chunk=1.2, batch_size=2, device_cache="always"),
        "features": Part("logmel_iv", {"n_mels": 16}),
        "model": Part("seldnet", {"width": 4, "hidden": 4, "bin_pooling": [4, 2, 2], "frame_pooling": [5, 1, 1]}),
        "target": Part("sed_doa", {"frames_per_output": 5, "label_hop": 0.1, "threshold": 0.3}),
        "schedule": Part("constant"), "steps": 10, "validate_every": 5, "update": Update(clip=1e-3),
    }  # fmt: skip
    return train_briefly(prepared, out, **words | changes)


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    """Train for a while with two of the training recordings scored, and without figures, which take seconds."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(PredictionDrawing, "draw", lambda *words: None)
        patched.setattr("avseld.training.step_log.NORMS_PER_LOSSES", 1)
        return briefly(prepared, tmp_path_factory.mktemp("runs") / "run", evaluate_training=2)


@pytest.fixture(scope="module")
def board(run):
    return EventAccumulator(str(run), size_guidance={"images": 0, "tensors": 0}).Reload()


def rows_of(run):
    with (run / "metrics.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_each_validation_is_a_line_with_losses_scores_seconds_and_the_weights(run):
    lines = [line.split(" ", 2)[2] for line in (run / "train.log").read_text().splitlines()]
    assert lines[0].startswith("4 recordings to train on")
    written = [line for line in lines if line.startswith("step ")]
    assert [line.split(":")[0] for line in written] == ["step 5 of 10", "step 10 of 10"]
    number = r"[\d.e+-]+"
    for line, row in zip(written, rows_of(run), strict=True):
        losses = rf"loss {number} \(sed {number}, doa {number}\)"
        assert re.search(rf"; validation {losses}, ER20 {number}, F20 {number}, LE_CD {number}°, ", line), (
            line
        )
        assert re.search(rf": training {losses}; .*; training recordings: {losses}, ER20 ", line), line
        assert re.search(rf"; {number} s loading, {number} s training, {number} s validating; ", line), line
        assert re.search(rf"; (best weights: {run}/model|last weights: {run}/last)\.safetensors$", line), line
        assert f"validation loss {row['loss/validate']:.4g} (sed {row['loss/sed/validate']:.4g}" in line


def test_the_parts_of_the_loss_are_logged_apart_and_add_up(run, board):
    for row in rows_of(run):
        for of in ("validate", "training_recordings"):
            parts = losses_of(row, of)
            assert parts["loss"] == pytest.approx(
                parts["sed"] + SedDoa(3).doa_weight * parts["doa"], rel=1e-4
            )
    for part in ("loss", "loss/sed", "loss/doa"):
        assert [one.step for one in board.Scalars(f"{part}/train")] == [4, 9]
        assert [one.step for one in board.Scalars(f"{part}/validate")] == [5, 10]


def test_training_recordings_are_scored_as_an_evaluation_of_their_own_does(prepared, run):
    predictor = load(run, "last", "cpu")
    validator = Validator(predictor.system, 2023)
    recordings = pick(read_manifest(prepared), ["fold3"])
    recordings = [one for one in recordings if one.name != "fold3_room5_mix003"]
    ends = [recordings[0], recordings[-1]]
    expected = validator.scores([validator.evaluate_recording(one, reference(one, 3)) for one in ends])
    last = rows_of(run)[-1]
    for name, value in expected.values.items():
        assert last[f"score_training/{name}"] == pytest.approx(value, rel=1e-6), name


def test_scores_of_classes_norms_rates_and_an_overview_are_in_tensorboard(run, board):
    tags = board.Tags()
    groups = {tag.split("/")[0] for tag in tags["scalars"]}
    assert groups == {"loss", "score", "score_training", "class", "norm", "throughput", "lr"}
    classes = {tag.split("/")[1] for tag in tags["scalars"] if tag.startswith("class/")}
    assert classes == set(read_classes(read_config(run)["data"]["prepared"]))
    gradients = board.Scalars("norm/gradients")
    assert [one.step for one in gradients] == [4, 9] and gradients[0].value > 1e-3, "before they were clipped"
    assert board.Scalars("norm/weights")[0].value > 1
    assert "custom_scalars__config__" in tags["tensors"]


def test_a_minute_of_the_first_recording_is_played_once(prepared, run, board):
    name = "fold3_room5_mix003"
    assert board.Tags()["audio"] == [f"sound/{name}"]
    (sound,) = board.Audio(f"sound/{name}")
    samples, rate = soundfile.read(io.BytesIO(sound.encoded_audio_string))
    (recording,) = pick(read_manifest(prepared), [name])
    first = read_audio(recording.audio)[0]
    assert sound.step == 5 and rate == 24000
    np.testing.assert_allclose(samples, first * 0.9 / np.abs(first).max(), atol=1e-4)
