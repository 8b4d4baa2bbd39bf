"""Every way to call the scripts that train the older systems, on tiny corpora of every layout and format they name."""

import json
import re
import runpy
import shutil
from pathlib import Path

import pytest
import yaml

import data_prep.__main__

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
SMALL = ("--steps", "1", "--validate_every", "1", "--data.batch_size", "2", "--data.inference_chunk", "3")
SELDNET = (*SMALL, "--model.options.width", "8")
TWO_STAGE = (*SMALL, "--model.options.widths", "[8, 16, 16, 16]")

SELDNET_CALLS = {
    "ansim": ("tut2018", ("--dataset", "ansim", "--overlap", "2", "--split", "3"), ()),
    "resim": ("tut2018", ("--dataset", "resim"), ()),
    "cansim": ("tut2018", ("--dataset", "cansim"), ()),
    "cresim": ("tut2018", ("--dataset", "cresim"), ("--quick",)),
    "real": ("tut2018", ("--dataset", "real", "--split", "8"), ()),
    "dcase2019": ("dcase2019", (), ("--recipe", "seldnet_2019")),
    "tau_nigens2020": ("tau_nigens2020", (), ("--recipe", "seldnet_2020", "--data.chunk", "2.4")),
}
"""layout and part of the corpus, and more options of train_seldnet.sh"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Return a function that generates a corpus of a layout and format, once."""
    made = {}

    def generate(layout: str, *words: str) -> Path:
        if (layout, *words) not in made:
            made[layout, *words] = tmp_path_factory.mktemp(layout) / "CORPUS"
            size = ("--recordings", "8", "--seconds", "3", "--jobs", "1")
            out = ("--out", str(made[layout, *words]))
            data_prep.__main__.main(["synth", "--layout", layout, *out, *size, *words])
        return made[layout, *words]

    return generate


def config(run: Path) -> dict:
    return yaml.safe_load((run / "config.yaml").read_text())


@pytest.mark.parametrize("name", SELDNET_CALLS)
def test_seldnet_trains_on_each_of_its_data_sets(served, corpus, tmp_path, name):
    layout, part, words = SELDNET_CALLS[name]
    said = served("train_seldnet.sh", corpus(layout, *part), tmp_path / "run", *part, *words, *SELDNET)
    assert "untrained" in said
    assert config(tmp_path / "run")["data"]["format"] == ("circular" if name[0] == "c" else "foa")


def test_two_stage_initializes_its_second_stage_from_the_first_and_scores_the_folds(served, corpus, tmp_path):
    data = corpus("dcase2019", "--formats", "mic")
    said = served(
        "train_two_stage.sh", data, tmp_path, "--format", "mic", "--folds", "2", "--quick", *TWO_STAGE
    )
    assert re.search(r"^ +ER +F .*\nall .*$", said.split("== all folds")[1], flags=re.M)
    assert config(tmp_path / "fold2")["init_from"]["roles"] == {"sed": str(tmp_path / "fold2_sed")}


def test_two_stage_trains_on_ambisonics(served, corpus, tmp_path):
    data = corpus("dcase2019", "--formats", "foa")
    served("train_two_stage.sh", data, tmp_path, "--format", "foa", "--folds", "1", *TWO_STAGE)
    assert config(tmp_path / "fold1")["features"]["name"] == "logmel_iv"


GENERAL_CALLS = {
    "sed_m_doa_iv": ("foa", ("--sed", "sed_m", "--doa", "doa_iv", "--fine_tune", "--quick")),
    "sed_t_doa_gcc": ("mic", ("--sed", "sed_t", "--doa", "doa_gcc")),
    "sed_m_hist_untrained": ("foa", ("--doa", "hist_untrained", "--format", "foa")),
}
"""format and options of train_general.sh, by the alignment that they make"""


@pytest.fixture(scope="module")
def general_runs(tmp_path_factory):
    """Create a folder of runs: alignments share the modules that are trained already."""
    return tmp_path_factory.mktemp("general")


@pytest.mark.parametrize("name", GENERAL_CALLS)
def test_the_general_system_trains_its_modules_and_aligns_them(served, corpus, general_runs, name):
    format, words = GENERAL_CALLS[name]
    small = (*SMALL, "--data.chunk", "2.0", "--model.options.narrow", "16")
    data = corpus("tau_nigens2020", "--formats", format)
    said = served("train_general.sh", data, general_runs, *words, *small)
    assert "== alignment" in said and "untrained" in said
    made = config(general_runs / name)
    assert made["model"]["options"]["fine_tune"] is ("--fine_tune" in words)
    assert made["data"]["format"] == format


@pytest.mark.parametrize(
    ("layers", "labels", "more"), [("5", "weak", ()), ("9", "synthetic", ()), ("13", "frames", ("--quick",))]
)
def test_task_4_trains_each_network_and_from_each_kind_of_labels(
    served, corpus, tmp_path, layers, labels, more
):
    words = ("--layers", layers, "--labels", labels, *more, *SMALL, "--model.options.narrow", "8")
    said = served("train_sed_task4.sh", corpus("task4"), tmp_path / "run", *words)
    assert "untrained" in said
    assert config(tmp_path / "run")["data"]["train"] == (["weak"] if labels == "weak" else ["synthetic"])


@pytest.mark.parametrize("name", ["locator_foa", "locator_mic", "locator_stereo"])
def test_weights_are_trained_anew(served, tmp_path, name):
    words = ("--hours", "0.02", "--jobs", "1", "--seed", "1", "--steps", "10", "--validate_every", "10")
    small = ("--data.batch_size", "2")
    one_room = ("--data.validate", "[fold3_room1]", "--data.allow_overlap", "true")
    said = served("train_weights.sh", name, tmp_path, *words, *small, *one_room)
    assert re.search(r"allow_overlap: (\d+) of \1 recordings to validate on are trained on, too", said)
    assert (tmp_path / name / "model.safetensors").is_file() and (tmp_path / f"{name}.log").stat().st_size


def test_directions_and_maps_are_compared_on_the_same_scenes(served, tmp_path):
    rooms = ("--data.validate", "[fold3_room1]", "--data.allow_overlap", "true", "--data.batch_size", "1")
    size = ("--recordings", "6", "--seconds", "3", "--preset", "simple", "--steps", "1", "--threshold", "0.5")
    said = served("compare_imaging.sh", tmp_path, *size, *rooms)
    targets = [config(tmp_path / f"{name}_0")["target"]["name"] for name in ("directions", "maps")]
    assert targets == ["multi_accdoa", "sphere_lobes"]
    scores = json.loads((tmp_path / "imaging.json").read_text())
    assert list(scores) == ["directions_0", "labels", "maps_0"]
    assert scores["labels"]["micro_mAP"] > 0.1 > scores["maps_0"]["micro_mAP"]
    assert "(`sphere_lobes`) | 0 |" in said and "macro_mAP" in scores["maps_0"]["gain"]


def test_stereo_is_compared_with_and_without_the_picture_of_a_camera(served, tmp_path):
    size = (
        "--recordings",
        "6",
        "--seconds",
        "3",
        "--clips",
        "10",
        "--clip_seconds",
        "1",
        "--preset",
        "simple",
    )
    film = ("--width", "128", "--fps", "2")
    rooms = ("--data.validate", "[fold3_room1]", "--data.allow_overlap", "true")
    said = served("compare_stereo.sh", tmp_path, *size, *film, *rooms, "--steps", "1", "--threshold", "0.1")
    audio, video = (config(tmp_path / f"{name}_0") for name in ("audio", "video"))
    assert audio["seed"] == video["seed"] and audio["data"]["chunk"] == video["data"]["chunk"]
    assert (audio["data"]["video"], video["data"]["video"]) == ("blank", "aligned")
    n_parameters = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) parameters", said)]
    assert all(9.3e5 < n < 9.7e5 for n in n_parameters)
    told = json.loads((tmp_path / "stereo.json").read_text())
    scores = {name: values["F"][0] for name, values in told["scores"]["all"].items()}
    assert scores["gain of the network with the picture"] == pytest.approx(
        scores["with the picture"] - scores["audio alone"]
    )
    assert scores["audio alone, then on screen where a box is"] == scores["audio alone"]
    assert "| F20 on/off, % |" in said


def test_encoders_are_compared_at_equal_time(served, tmp_path, monkeypatch):
    validated = ("--data.validate", "[fold3_room1]", "--data.allow_overlap", "true")
    corpus = ("--recordings", "4", "--seconds", "3", *validated)
    small = ("--trial_steps", "2", "--minutes", "0.003", "--data.batch_size", "1", "--data.chunk", "2.48")
    systems = ("--systems", "baseline live_3", "--augmented", "baseline", "--augmentations", "rotate")
    words = (*corpus, *small, *systems)
    served("compare_encoders.sh", tmp_path, *words)
    measured, _ = (tmp_path / "steps.csv").read_text().splitlines()[1:]
    assert config(tmp_path / "live_3_0")["model"]["options"]["look_ahead"] == 3
    s_per_step = float(measured.removeprefix("baseline,").split(",")[0])
    assert config(tmp_path / "baseline_0")["steps"] == max(1, int(0.003 * 60 / s_per_step))
    for seed in (0, 1):  # of another network, which gives what the baseline gives
        shutil.copytree(tmp_path / "baseline_0", tmp_path / f"other_none_{seed}")
    shutil.rmtree(tmp_path / "live_3_0")
    table = str(ROOT / "scripts" / "table_of_encoders.py")
    monkeypatch.setattr("sys.argv", ["table_of_encoders.py", str(tmp_path)])
    runpy.run_path(table, run_name="__main__")
    rows = json.loads((tmp_path / "encoders.json").read_text())
    assert rows["other_none"]["gain"]["F"] == [0, 0, 0] and rows["other_none"]["F_deviation"] == 0
    assert rows["other_none"]["seeds"] == ["0", "1"] and "gain" not in rows["baseline"]
    monkeypatch.setattr("sys.argv", ["table_of_encoders.py", str(tmp_path), "--baseline", "other_none"])
    runpy.run_path(table, run_name="__main__")
    rows = json.loads((tmp_path / "encoders.json").read_text())
    assert rows["baseline"]["gain"]["LE"] == [0, 0, 0] and "gain" not in rows["other_none"]
