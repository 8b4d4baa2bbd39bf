"""Evaluation sets whose labels are not published: every command that needs a reference says so, before it predicts."""

import numpy as np
import pytest
import soundfile

from avseld.base.errors import BadInput
from avseld.config import Data, Part
from avseld.data.folds import choose
from avseld.evaluation.choose_thresholds import thresholds
from avseld.evaluation.compare import compare
from avseld.evaluation.evaluate import evaluate
from avseld.evaluation.locate import locate
from avseld.evaluation.score import score
from avseld.inference.predict import predict
from avseld.inference.run_folder import labelled_recordings_of, recordings_of
from avseld.io.events import Events, write_events
from avseld.io.manifest import Recording, write_manifest
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.checkpoint import save_system

CLASSES = ["knock", "bell"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    parts = Part("logmel_iv"), Part("seldnet_attention", {"width": 8, "hidden": 16, "n_heads": 2})
    save_system(
        System(Blueprint(*parts, Part("multi_accdoa"), CLASSES, chunk=1.0)), folder / "model.safetensors"
    )
    (folder / "config.yaml").write_text(
        "data: {prepared: nowhere, train: [fold3], validate: [fold4], test: [fold4], format: foa, video: blank, "
        "allow_overlap: false}\nchallenge: 2023\nseed: 0\n"
    )
    return folder


def prepared_folder(folder, labelled=()):
    """Make a prepared folder of two recordings without folds, some with labels."""
    recordings = []
    for name in ("mix001", "mix002"):
        path = folder / f"{name}.wav"
        soundfile.write(path, np.random.default_rng(0).normal(size=(24000, 4)) * 0.1, 24000)
        labels = folder / "labels" / f"{name}.csv" if name in labelled else None
        if labels:
            write_events(labels, Events.from_rows([[0.0, 0.5, 1, 0, 30.0, 0.0, np.nan]]))
        recordings.append(Recording(name, path, "foa", labels=labels, duration=1.0))
    write_manifest(folder, recordings, CLASSES)
    return folder


COMMANDS = {
    "evaluate": lambda run, prepared, out: evaluate(run, prepared, out=out, device="cpu"),
    "compare": lambda run, prepared, out: compare([str(run)], prepared, device="cpu", out=out),
    "thresholds": lambda run, prepared, out: thresholds(run, prepared, device="cpu"),
    "locate": lambda run, prepared, out: locate(prepared, str(run), out=out, untrained=False, device="cpu"),
    "score": lambda run, prepared, out: score(prepared, prepared / "found", challenge=2023),
    "train": lambda run, prepared, out: choose(Data(prepared=str(prepared), format="foa")),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_needs_a_reference_is_refused_where_there_is_none(run, tmp_path, command):
    prepared = prepared_folder(tmp_path)
    write_events(prepared / "found" / "mix001.csv", Events.empty())
    with pytest.raises(
        BadInput, match=r"no labels, so no reference: none of .* has any .mix001.*predicts them"
    ):
        COMMANDS[command](run, prepared, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_all_recordings_are_predicted_and_those_with_labels_are_scored(run, tmp_path, caplog, capsys):
    prepared = prepared_folder(tmp_path, ["mix002"])
    predict(run, prepared, out=tmp_path / "found", device="cpu", threshold=0.9)
    assert "the manifest has no folds; all 2 recordings are taken" in caplog.text
    assert sorted(path.name for path in (tmp_path / "found").glob("*.csv")) == ["mix001.csv", "mix002.csv"]
    assert [one.name for one in recordings_of(run, prepared, "test")] == ["mix001", "mix002"]
    assert [one.name for one in labelled_recordings_of(run, prepared, "test")] == ["mix002"]
    assert "1 of 2 recordings have no labels; left out" in caplog.text
    score(prepared, tmp_path / "found", challenge=2023)
    assert "1 recordings" in capsys.readouterr().out
