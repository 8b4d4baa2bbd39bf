"""The scripts of the README, run on small generated corpora in the published layout."""

import csv
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import data_prep.__main__

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
SCRIPTS = ROOT / "scripts"


def installed_script(name: str, *words: object) -> str:
    """Run a script with the commands that are installed in .venv."""
    command = ["bash", str(SCRIPTS / name), *map(str, words)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1200)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def starss23(tmp_path_factory):
    """Generate a corpus in the STARSS23 layout, with video of 1920x960 at 29.97 frames per second."""
    folder = tmp_path_factory.mktemp("starss23") / "DATA"
    size = ("--recordings", "6", "--seconds", "3", "--train_rooms", "4", "--test_rooms", "2")
    words = (*size, "--test_share", "0.3", "--formats", "foa,mic,binaural")
    data_prep.__main__.main(["synth", "--out", str(folder), *words])
    return folder


@pytest.mark.skipif(
    not (ROOT / ".venv" / ".avseld-test").exists(), reason="scripts use .venv, which scripts/test.sh makes"
)
def test_scripts_take_starss23_from_unpacked_folders_to_scores(starss23, tmp_path):
    for folder in ("foa_dev", "metadata_dev", "video_dev"):
        assert (starss23 / folder / "dev-train-sony").is_dir() and (
            starss23 / folder / "dev-test-sony"
        ).is_dir()
    installed_script("prepare_starss23.sh", starss23)
    run = tmp_path / "run"
    small = ("--steps", 2, "--validate_every", 1, "--data.batch_size", 4, "--model.options.hidden", 16)
    installed_script("train_seld_foa.sh", starss23, run, *small)
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["features"]["name"] == "amplitude_ipd" and config["data"]["allow_overlap"]
    said = installed_script("eval_seld.sh", run)
    assert "ER20" in said and "share recordings" in said
    result = json.loads((run / "evaluation" / "scores.json").read_text())
    assert result["selected_on_test"] and set(result["scores"]) == {"aligned"}
    assert {room.split("_")[0] for room in result["rooms"]} == {"fold4"}
    assert list((run / "evaluation").glob("*.png")) and list((run / "evaluation").glob("*.mp4"))


def test_binaural_recordings_alone_are_prepared_and_train_and_the_last_run_is_scored(
    served, starss23, tmp_path
):
    data, place = tmp_path / "DATA", tmp_path / "work"
    data.mkdir()
    place.mkdir()
    for folder in ("binaural_dev", "metadata_dev", "boxes_dev"):
        (data / folder).symlink_to(starss23 / folder)
    shutil.copytree(starss23 / "video_dev", data / "video_dev", symlinks=True)
    said = served("prepare_starss23.sh", data)
    assert f"ready: {data}/prepared_binaural; next: scripts/train_seld_bin.sh {data}" in said
    small = ("--steps", 1, "--validate_every", 1, "--data.batch_size", 2, "--model.options.hidden", 8)
    served("train_seld_bin.sh", data, *small, cwd=place)
    last = (place / "runs" / "av_bin_latest").resolve()
    assert re.fullmatch(r"av_bin_\d{8}_\d{6}", last.name)
    said = served("eval_seld.sh", "--figures", 0, cwd=place)
    assert f"the newest run: {last}" in said and "ER20" in said


@pytest.mark.parametrize(
    ("name", "words", "features"),
    [
        ("train_seld_mic.sh", (), "amplitude_ipd"),
        ("train_seld_bin.sh", (), "amplitude_ipd"),
        ("train_seld_vit.sh", ("--format", "binaural"), "amplitude_ipd"),
    ],
)
def test_other_formats_train_with_the_boxes_of_the_same_videos(
    served, starss23, tmp_path, name, words, features
):
    if not (starss23 / "prepared" / "manifest.csv").is_file():
        served("prepare_starss23.sh", starss23)
    run = tmp_path / "run"
    small = ("--steps", 1, "--validate_every", 1, "--data.batch_size", 2, "--model.options.hidden", 8)
    served(name, starss23, run, *small, *words)
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["data"]["format"] == {"mic": "mic"}.get(name.split("_")[2][:3], "binaural")
    assert config["features"]["name"] == features and config["data"]["video"] == "aligned"
    assert "ER20" in served("eval_seld.sh", run, "--figures", 0)
    assert list(run.glob("events.out.tfevents.*"))


def test_the_recipe_av_foa_has_the_published_settings():
    recipe = yaml.safe_load((ROOT / "avseld" / "recipes" / "av_foa.yaml").read_text())
    assert (recipe["steps"], recipe["validate_every"]) == (20_000, 1000)
    assert (recipe["data"]["batch_size"], recipe["data"]["chunk"]) == (16, 1.27)
    assert recipe["optimizer"] == {"name": "adam", "options": {"lr": 1e-3, "weight_decay": 1e-6}}
    assert recipe["target"]["options"] == {"threshold": 0.3, "unify_deg": 15}


def test_the_quickstart_prints_its_table_and_a_second_call_continues(served, tmp_path):
    small = ("--recordings", 12, "--seconds", 4, "--steps", 4, "--seed", 3)
    said = served("quickstart.sh", tmp_path / "quick", *small)
    rows = [line for line in said.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows[1:]] == [
        "audio-visual", "audio-visual, videos of other recordings", "audio-only", "untrained"
    ]  # fmt: skip
    assert [cell.strip() for cell in rows[0].split("|")[2:-1]] == ["ER20", "F20", "LE_CD", "LR_CD", "SELD"]
    assert (
        "12 recordings by YOLOX now" in said
        and "not the published one" in said
        and "tensorboard --logdir" in said
    )
    scores = tmp_path / "quick" / "comparison" / "scores.csv"
    table = scores.read_text()
    shuffled = next(row for row in csv.DictReader(table.splitlines()) if row["run"].endswith(":shuffled"))
    evaluated = json.loads((tmp_path / "quick" / "audio_visual" / "evaluation" / "scores.json").read_text())
    assert float(shuffled["LE"]) == pytest.approx(evaluated["scores"]["shuffled"]["LE"], rel=1e-5)
    again = served("quickstart.sh", tmp_path / "quick", *small)
    assert scores.read_text() == table
    assert "12 already done" in again
    assert "0/4" not in again.split("== 3/4")[1].split("== 4/4")[0]


def test_the_boxes_of_generated_scenes_are_of_one_kind_in_a_folder(served, tmp_path):
    call = f'source "{served.root}/scripts/environment.sh"; boxes_of_people "{tmp_path}" "$1" people_drawn'

    def boxes(kind: str) -> tuple[int, str]:
        done = subprocess.run(["bash", "-c", call, "quickstart.sh", kind], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    assert boxes("exact") == (0, "exact boxes, by the generator\n")
    status, said = boxes("detected")
    assert status == 2 and "has boxes exact, not detected by people_drawn; give another folder" in said
    assert boxes("exact")[0] == 0
    assert "--boxes some: give one of detected exact" in served("quickstart.sh", "--boxes", "some", expect=2)
