"""The functions of a notebook at the top of the package."""

import subprocess
import sys
from dataclasses import fields, replace
from inspect import Parameter, signature
from pathlib import Path

import numpy as np
import plane_waves
import pytest
import torch
import yaml
from torch.utils.data import DataLoader

import avseld
from avseld.base.errors import BadInput
from avseld.config import Data, Part, Recipe
from avseld.evaluation.score import score as score_command
from avseld.io.manifest import pick, read_manifest
from avseld.recipes import FOLDER
from avseld.training.train import train as train_parts

SMALL = {"model": {"options": {"hidden": 16}}, "hardware": {"accelerator": "cpu", "devices": 1}}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return plane_waves.make(tmp_path_factory.mktemp("plane_waves"), seconds=4)


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    chosen = avseld.recipe(
        "av_foa", steps=2, data={"prepared": str(prepared), "batch_size": 2, "device_cache": "never"}, **SMALL
    )
    return avseld.train(chosen, out=str(tmp_path_factory.mktemp("runs") / "run"))


def test_importing_the_package_imports_neither_torch_nor_numpy():
    code = "import avseld, sys; dir(avseld); print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "avseld" in loaded and not loaded & {"torch", "numpy", "lightning", "matplotlib", "yaml"}


def test_every_name_at_the_top_exists_and_another_one_does_not():
    assert set(avseld.__all__) <= set(dir(avseld))
    for name in avseld.__all__:
        assert callable(getattr(avseld, name)) and getattr(avseld, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'lead'"):
        avseld.lead  # noqa: B018 - the access is what is tested


def test_a_recipe_has_every_argument_of_a_training():
    recipe = {each.name: each.default for each in fields(Recipe) if each.name != "out"}
    training = {
        name: each.default for name, each in signature(train_parts).parameters.items()
        if name not in ("out", "resume")
    }  # fmt: skip
    assert list(recipe) == list(training)
    assert all(recipe[name] == value for name, value in training.items() if value is not Parameter.empty)


def test_every_packaged_recipe_is_read():
    for path in FOLDER.glob("*.yaml"):
        made = avseld.recipe(path.stem, data="P")
        assert made.model.name == yaml.safe_load(path.read_text())["model"]["name"]
        assert made.data.prepared == Path("P")


def test_changes_of_a_recipe():
    made = avseld.recipe("av_foa", data=Path("P"), steps=7, schedule="cosine", augment="rotate,mask")
    assert (made.steps, made.validate_every, made.schedule) == (7, 7, Part("cosine"))
    assert made.augment == [Part("rotate"), Part("mask")]
    made = avseld.recipe("av_foa", data={"prepared": "P", "batch_size": 3}, model={"options": {"width": 8}})
    assert (made.data.batch_size, made.data.train, made.validate_every) == (3, ["fold3"], 1000)
    assert made.model == Part("avcrnn", {"width": 8, "hidden": 256})
    other = avseld.recipe("av_foa", data="P", model="fused", features=Part("sound_field", {"hop": 480}))
    assert (other.model, other.features) == (Part("fused"), Part("sound_field", {"hop": 480}))
    assert avseld.recipe("av_foa", data="P", init_from="RUN").init_from.weights == Path("RUN")


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("av_fao", {"data": "P"}, "av_fao: no recipe, file or run folder; did you mean av_foa?"),
        ("av_foa", {}, "which recordings? add data=PREPARED"),
        ("av_foa", {"data": "P", "step": 3}, "step: no such name in a recipe; did you mean steps?"),
        ("av_foa", {"data": {"prepared": "P", "bath_size": 3}}, "data.bath_size: .* did you mean batch_size?"),
        ("av_foa", {"data": "P", "steps": "many"}, "steps: 'many' is no int"),
        ("av_foa", {"data": "P", "steps": True}, "steps: True is no int"),
        ("av_foa", {"data": {"prepared": "P", "video": "on"}}, "data.video: 'on' is none of aligned, shuffled"),
        ("av_foa", {"data": {"prepared": "P", "train": "fold3"}}, "data.train: 'fold3' is no list"),
    ],
)  # fmt: skip
def test_a_wrong_change_is_an_error_of_one_line(name, changes, says):
    with pytest.raises(BadInput, match=says.replace("?", r"\?").replace(".*", ".*")) as error:
        avseld.recipe(name, **changes)
    assert "\n" not in str(error.value)


def test_a_run_is_trained_and_predicts_events_with_names(run, prepared):
    recording = pick(read_manifest(prepared), ["fold4"])[0]
    reference = avseld.read_events(recording.labels)
    events = avseld.load(str(run)).predict(str(recording.audio), video=str(recording.boxes))
    assert events.classes == reference.classes == ("tone 0", "tone 1", "tone 2")
    again = avseld.recipe(run, steps=2)  # a run is a recipe, too
    assert again.data.prepared == prepared and again.model.options["hidden"] == 16


def test_a_training_without_a_folder_is_refused(prepared):
    with pytest.raises(BadInput, match="add out=RUN"):
        avseld.train("av_foa", data=prepared)
    with pytest.raises(BadInput, match="a recipe has no step; it has data"):
        avseld.train(avseld.recipe("av_foa", data=prepared), out="x", step=3)


def test_parts_may_be_given_with_paths_as_text(prepared, tmp_path):
    with pytest.raises(BadInput, match="no such option"):  # the paths were taken
        train_parts(
            Data(str(prepared)), Part("amplitude_ipd"), Part("avcrnn", {"wdith": 3}), Part("multi_accdoa"),
            Part("adam"), out=str(tmp_path / "run"),
        )  # fmt: skip


def test_printed_scores_are_the_table_of_the_command(prepared, capsys, tmp_path):
    recordings = read_manifest(prepared)
    reference = {each.name: avseld.read_events(each.labels) for each in recordings}
    score_command(prepared, prepared / "labels", challenge=2023)
    printed = capsys.readouterr().out
    assert printed == f"{avseld.score(reference, reference, challenge=2023)}\n"
    assert printed == f"{avseld.score(prepared, prepared / 'labels', challenge=2023)}\n"
    assert "tone 2 " in printed and "1.00" in printed


def test_two_tables_of_events_are_scored_without_names(prepared):
    events = avseld.read_events(read_manifest(prepared)[0].labels)
    assert pytest.approx(1.0) == avseld.score(events, events, challenge=2023, average="micro").F


def test_a_part_of_a_prepared_folder_is_a_dataset_with_a_length(prepared):
    windows = avseld.dataset(str(prepared), recipe="av_foa", data={"train": ["fold3_room1"]})
    assert [each.name for each in windows.recordings] == [f"fold3_room1_mix00{n}" for n in range(3)]
    assert len(windows) == 3 * 4 == len(list(windows))  # 4 s of windows of 1.27 s
    batches = list(DataLoader(windows, batch_size=5, shuffle=True))
    assert [len(batch["waveform"]) for batch in batches] == [5, 5, 2]
    assert batches[0]["waveform"].shape == (5, 4, 30480) and batches[0]["visual"].shape == (5, 6, 4)
    assert torch.equal(windows[-1]["waveform"], windows[11]["waveform"])
    with pytest.raises(IndexError, match="window 12 of 12"):
        windows[12]
    assert windows.system.features(batches[0]["waveform"]).shape[:2] == (5, 7)
    other = avseld.dataset(prepared, data={"train": ["fold3_room1"]}, seed=1)
    assert not torch.equal(other[0]["waveform"], windows[0]["waveform"])


def test_windows_of_validation_and_test_cover_each_recording_in_order(prepared):
    windows = avseld.dataset(prepared, recipe=avseld.recipe("av_foa", data=prepared), part="test")
    assert windows.classes == ["tone 0", "tone 1", "tone 2"] and len(windows) == 8
    import soundfile

    whole, _ = soundfile.read(windows.recordings[1].audio, dtype="float32")
    for number, begin in zip(range(4, 8), (0, 30480, 60960, 96000 - 30480), strict=True):
        assert np.array_equal(windows[number]["waveform"].numpy().T, whole[begin : begin + 30480])
    with pytest.raises(BadInput, match="part: 'fold4' is none of train, validate, test"):
        avseld.dataset(prepared, part="fold4")


def test_tables_with_other_lists_of_classes_are_scored_by_name(prepared, caplog):
    reference = avseld.read_events(read_manifest(prepared)[0].labels)
    mirrored = replace(reference, label=2 - reference.label, classes=reference.classes[::-1])
    scores = avseld.score(reference, mirrored, challenge=2023, average="micro")
    assert pytest.approx(1.0) == scores.F and "they are matched by name" in caplog.text
    with pytest.raises(BadInput, match=r"none of the classes of the prediction \(x\)"):
        avseld.score(reference, replace(reference, classes=("x",)), challenge=2023)
