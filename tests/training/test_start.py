"""Trainings that continue from weights that come with the package."""

import json
from dataclasses import replace

import numpy as np
import pytest

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.config import InitFrom
from avseld.inference.predictor import load
from avseld.io.dcase_csv import read_dcase
from avseld.io.events import read_events, write_events
from avseld.io.manifest import Recording, read_manifest, write_manifest
from avseld.recipes.arguments import training_arguments
from avseld.system.inference import iterate_heads, stretch_loss
from avseld.training.run_files import plain
from avseld.weights import shipped
from avseld.weights.start import fitting_recipe, with_files
from data_prep.corpora.dcase import STARSS_CLASSES
from data_prep.synth.corpus import synth

STEPS = 6


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Four generated recordings of four seconds, whose classes have names that no weights know."""
    folder = tmp_path_factory.mktemp("other_classes")
    synth(
        folder / "raw", recordings=4, seconds=4.0, preset="easy", train_rooms=2, test_rooms=1, test_share=0.25,
        video="none", seed=77, jobs=1,
    )  # fmt: skip
    recordings = []
    for audio in sorted((folder / "raw" / "foa_dev").rglob("*.wav")):
        (label,) = (folder / "raw" / "metadata_dev").rglob(f"{audio.stem}.csv")
        events, _ = read_dcase(label)
        target = folder / "prepared" / "labels" / f"{audio.stem}.csv"
        write_events(target, replace(events, distance=np.full(len(events), np.nan)))
        fold, room = audio.stem.split("_")[:2]
        recordings.append(Recording(audio.stem, audio, "foa", None, None, target, fold, room, 4.0))
    write_manifest(folder / "prepared", recordings, [f"own {name}" for name in STARSS_CLASSES])
    return folder / "prepared"


def test_names_of_shipped_weights_become_their_files(tmp_path):
    cards = shipped()
    found = with_files(InitFrom("locator_foa", ["encoder"], {"sed": "av_foa_generated"}, ["encoder"]))
    assert found.weights == cards["locator_foa"].path and found.roles == {
        "sed": cards["av_foa_generated"].path
    }
    assert (found.modules, found.freeze) == (["encoder"], ["encoder"])
    assert with_files(InitFrom(tmp_path)).weights == tmp_path
    with pytest.raises(
        BadInput, match=r"locator_fao: not found; give a run folder, .* or one of .*locator_foa"
    ):
        with_files(InitFrom("locator_fao"))


def test_a_run_keeps_names_of_weights_and_makes_paths_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = plain(InitFrom("locator_foa", roles={"sed": "hf:a/b@main", "doa": "runs/first"}))
    assert kept["weights"] == "locator_foa"
    assert kept["roles"] == {"sed": "hf:a/b@main", "doa": str(tmp_path / "runs" / "first")}
    (tmp_path / "locator_foa").mkdir()
    assert plain(InitFrom("locator_foa"))["weights"] == str(tmp_path / "locator_foa")


def test_shipped_weights_bring_the_recipe_that_fits_them_unless_one_is_named():
    given = fitting_recipe(["--init_from", "audio_foa_generated", "--model.options.video_dropout", "0"])
    _, text, *rest = training_arguments(given)
    recipe = json.loads(text)
    options = recipe["model"]["options"]
    assert options | {"hidden": 224, "vision": False, "video_dropout": 0} == options
    assert recipe["init_from"] == {"weights": "audio_foa_generated"} and rest == ["--data.video=blank"]
    assert "--data.video=blank" not in fitting_recipe(["--init_from=av_foa_generated"])
    for words in (
        ["--config", "av_foa", "--init_from", "audio_foa_generated"], ["--resume", "R"], ["--steps", "3"], ["--help"],
    ):  # fmt: skip
        assert fitting_recipe(words) == words
    with pytest.raises(BadInput, match="audio_foa_generate: not found"):
        fitting_recipe(["--init_from", "audio_foa_generate"])


def losses(run, prepared):
    """Return the mean loss of the test recording, in stretches."""
    system = load(run, "last", "cpu").system
    (one,) = [each for each in read_manifest(prepared) if each.fold == "fold4"]
    read, n_samples = load(run, "last", "cpu").reader(one.audio)
    reference = read_events(one.labels)
    return np.mean([stretch_loss(system, first, heads, reference)
                    for first, heads in iterate_heads(system, read, n_samples)])  # fmt: skip


def test_the_same_steps_reach_a_lower_loss_in_another_room_from_shipped_weights_than_from_scratch(
    prepared, tmp_path, capsys
):
    words = [
        "--data.prepared", str(prepared), "--data.validate", "fold3_room2", "--hardware.accelerator", "cpu",
        "--data.batch_size", "4", "--steps", str(STEPS), "--schedule", "constant",
    ]  # fmt: skip
    main(["train", "--init_from", "audio_foa_generated", "--out", str(tmp_path / "adapted"), *words])
    said = capsys.readouterr().err
    assert "weights: audio_foa_generated\n" in (tmp_path / "adapted" / "config.yaml").read_text()
    assert "new: upward (2), mixture (2)" in said and "taken: encoder" in said
    main(
        [
            "train",
            "--config",
            str(tmp_path / "adapted"),
            "--init_from",
            "null",
            "--out",
            str(tmp_path / "scratch"),
            *words,
        ]
    )
    adapted, scratch = (losses(tmp_path / name, prepared) for name in ("adapted", "scratch"))
    assert adapted < 0.9 * scratch
