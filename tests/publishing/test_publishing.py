"""A run with its model card, as a folder of the hub, found again by its address: nothing here needs a network."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import plane_waves
import pytest
import yaml

import avseld
from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.base.files import sha256
from avseld.config import Part
from avseld.inference.predictor import load
from avseld.io.manifest import pick, read_manifest
from avseld.io.run_weights import kept_file
from avseld.publishing.card import card
from avseld.publishing.facts import data_checksum
from avseld.publishing.push import push, write_folder
from avseld.system.checkpoint import read_weights, write_weights
from avseld.weights import find

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of two steps that was evaluated."""
    prepared = plane_waves.make(tmp_path_factory.mktemp("prepared"), seconds=4)
    recipe = avseld.recipe(
        "av_foa_quick",
        data=str(prepared),
        steps=2,
        model=Part("avcrnn", {"width": 8, "hidden": 16}),
        validate_every=2,
    )
    recipe = replace(
        recipe, data=replace(recipe.data, validate=["fold3_room5"], batch_size=2, video="aligned")
    )
    folder = Path(avseld.train(recipe, out=str(tmp_path_factory.mktemp("runs") / "tones")))
    main(["evaluate", "--run", str(folder), "--figures", "0", "--device", "cpu"])
    return folder


@pytest.fixture
def at_hub(run, tmp_path, monkeypatch) -> Path:
    """The cache of huggingface_hub without a network, with one model in it; the folder of its one commit."""
    constants = pytest.importorskip("huggingface_hub.constants")
    snapshot = tmp_path / "hub" / "models--lab--tones" / "snapshots" / COMMIT
    write_folder(run, snapshot)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return snapshot


def events_of(predictor, run: Path) -> np.ndarray:
    recipe = yaml.safe_load((run / "config.yaml").read_text())
    recording = pick(read_manifest(recipe["data"]["prepared"]), ["fold4"])[0]
    events = predictor.predict(recording.audio, video=recording.boxes)
    return np.stack([events.onset, events.label, events.azimuth, events.elevation])


def metadata_of(text: str) -> dict:
    assert text.startswith("---\n")
    return yaml.safe_load(text.split("---\n")[1])


def test_a_card_states_scores_with_their_intervals_and_what_goes_in(run, tmp_path):
    card(run, tmp_path / "card.md", license="mit", datasets=["lab/tones"])
    text = (tmp_path / "card.md").read_text()
    words = metadata_of(text)
    assert (
        words["library_name"] == "avseld" and words["license"] == "mit" and words["datasets"] == ["lab/tones"]
    )
    assert {"audio-visual", "ambisonics"} <= set(words["tags"])
    (result,) = words["model-index"][0]["results"]
    scores = avseld.score(run=run, fold="test", jackknife=True)
    metrics = {metric["type"]: metric for metric in result["metrics"]}
    assert "DCASE 2023" in metrics["f20"]["name"]
    assert metrics["f20"]["value"] == pytest.approx(scores.F, abs=1e-4)
    assert metrics["seld"]["args"]["interval"] == pytest.approx(scores.interval["seld_score"], abs=1e-4)
    for part in (
        "W Y Z X",
        "24000 Hz",
        "0 tone 0, 1 tone 1, 2 tone 2",
        "train: 3 recordings",
        "2 steps of 2 windows",
    ):
        assert part in text, part
    assert sha256(run / "model.safetensors") in text


def test_a_card_that_somebody_edited_is_kept(run, tmp_path):
    path = tmp_path / "README.md"
    path.write_text("mine")
    with pytest.raises(BadInput, match="a card is there"):
        card(run, path)
    assert path.read_text() == "mine"
    card(run, path, overwrite=True)
    assert path.read_text() != "mine"


def test_a_run_without_its_data_has_a_card_without_scores(run, tmp_path, caplog):
    moved = tmp_path / "moved"
    shutil.copytree(run, moved)
    recipe = yaml.safe_load((moved / "config.yaml").read_text())
    recipe["data"]["prepared"] = str(tmp_path / "gone")
    (moved / "config.yaml").write_text(yaml.safe_dump(recipe))
    card(moved)
    assert "Not scored" in (moved / "README.md").read_text() and "model-index" not in metadata_of(
        (moved / "README.md").read_text()
    )
    assert "gone" in caplog.text


def test_the_checksum_of_the_data_changes_with_a_label(tmp_path):
    prepared = plane_waves.make(tmp_path / "one", seconds=4)
    before = data_checksum(prepared)
    shutil.copytree(prepared, tmp_path / "two")
    assert data_checksum(tmp_path / "two") == before
    label = next((prepared / "labels").glob("*.csv"))
    label.write_text(label.read_text() + "0.0,0.1,0,0,1,1,1\n")
    assert data_checksum(prepared) != before


def test_a_pushed_folder_predicts_to_the_bit(run, tmp_path):
    push(run, str(tmp_path / "folder"))
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == [
        "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip
    before = events_of(load(run, device="cpu"), run)
    assert before.size and np.array_equal(events_of(load(tmp_path / "folder", device="cpu"), run), before)


def test_weights_are_found_by_their_address_without_a_network(run, at_hub):
    before = events_of(load(run, device="cpu"), run)
    for address in ("hf:lab/tones", "hf:lab/tones@main", f"hf:lab/tones@{COMMIT}"):
        assert np.array_equal(events_of(load(address, device="cpu"), run), before)
    assert find("hf:lab/tones") == at_hub / "model.safetensors"


def test_weights_other_than_those_of_the_checksum_are_refused(at_hub):
    state, blueprint = read_weights(at_hub / "model.safetensors")
    (at_hub / "model.safetensors").unlink()
    write_weights(at_hub / "model.safetensors", {name: value + 1 for name, value in state.items()}, blueprint)
    for name in ("hf:lab/tones", at_hub):
        with pytest.raises(BadInput, match="not the file whose sha256"):
            load(name, device="cpu")
    (at_hub / "config.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(BadInput, match="names no sha256"):
        load("hf:lab/tones", device="cpu")


def test_an_address_that_gives_nothing_is_answered_in_one_line(at_hub):
    for address, says in (
        ("hf:lab/other", "not in the local cache"),
        ("hf:lab/tones@v9", "not in the local cache"),
        ("hf:tones", "are named hf:OWNER/NAME"),
        ("hf:../x/y", "are named hf:OWNER/NAME"),
    ):
        with pytest.raises(BadInput, match=says) as error:
            load(address, device="cpu")
        assert "\n" not in str(error.value)


def test_pushing_uploads_the_three_files_to_the_repository(run, monkeypatch):
    package = pytest.importorskip("huggingface_hub")
    calls = []

    class Api:
        def create_repo(self, repository, **options):
            calls.append((repository, options))

        def upload_folder(self, repo_id, folder_path, **options):
            calls.append((repo_id, sorted(path.name for path in Path(folder_path).iterdir()), options))

    monkeypatch.setattr(package, "HfApi", Api)
    push(run, "hf:lab/tones", private=True, message="two steps")
    assert calls == [
        ("lab/tones", {"private": True, "exist_ok": True}),
        (
            "lab/tones",
            ["README.md", "config.json", "model.safetensors"],
            {"revision": None, "commit_message": "two steps"},
        ),
    ]


def test_pushing_overwrites_nothing_else(run, tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(BadInput, match="holds something else"):
        push(run, str(tmp_path))
    with pytest.raises(BadInput, match="is the run itself"):
        push(run, str(run))
    assert (tmp_path / "thesis.tex").read_text() == "x"


def test_the_card_of_the_run_is_the_one_that_is_pushed(run, tmp_path):
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    (copied / "README.md").write_text("# By hand\n")
    push(copied, str(tmp_path / "folder"))
    assert (tmp_path / "folder" / "README.md").read_text() == "# By hand\n"


def test_the_weights_of_a_step_have_a_card_of_their_own(run, tmp_path):
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    (copied / "README.md").write_text("# Of the best weights\n")
    kept = kept_file(copied, 1)
    shutil.copy(copied / "last.safetensors", kept)
    card(Path(f"{copied}@1"))
    push(Path(f"{copied}@1"), str(tmp_path / "folder"))
    text = (copied / "README@1.md").read_text()
    assert sha256(kept) in text and (tmp_path / "folder" / "README.md").read_text() == text
    assert (copied / "README.md").read_text() == "# Of the best weights\n"


def test_without_huggingface_hub_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(BadInput, match=r"pip install avseld\[hub\]"):
        load("hf:lab/tones")
