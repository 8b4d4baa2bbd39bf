"""Each older system learns generated scenes of its own corpus: held out, it beats itself untrained by far.

Networks are narrow and trainings short, so that this takes seconds; the scripts do the same at full size.
"""

import json
from pathlib import Path

import pytest
import yaml

from avseld.config import Data, Hardware, Part, Start
from avseld.evaluation import evaluate
from avseld.recipes import FOLDER
from avseld.training import train
from data_prep.dcase import dcase
from data_prep.synth.corpus import synth
from data_prep.task4 import task4
from data_prep.tut import tut

pytestmark = pytest.mark.slow


def learn(recipe: str, prepared: Path, out: Path, steps: int, data=None, options=None, **changes) -> Path:
    """Train a recipe with other data settings and options of its parts."""
    words = yaml.safe_load((FOLDER / f"{recipe}.yaml").read_text())
    settings = words.pop("data") | {"prepared": prepared, "batch_size": 8} | (data or {})
    for part in ("features", "model", "target", "optimizer"):
        words[part]["options"] |= (options or {}).get(part, {})
    for part in ("features", "model", "target", "optimizer"):
        words[part] = Part(**words[part])
    words |= {
        "data": Data(**settings), "schedule": Part("one_cycle"), "steps": steps, "validate_every": steps,
        "best_by": "last", "patience": None, "out": out, "hardware": Hardware("cpu", 1),
    } | changes  # fmt: skip
    train(**words)
    return out


def scores(out: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Of the trained system and of the same one untrained, on its test recordings."""
    evaluate(out, figures=0, untrained=True)
    rows = json.loads((out / "evaluation" / "scores.json").read_text())["scores"]
    return rows["blank"], rows["untrained"]


@pytest.fixture(scope="module")
def tau2019(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tau2019")
    synth(folder / "raw", "dcase2019", 40, 12.0, preset="simple", seed=5)
    tut(folder / "raw", folder / "prepared", "dcase2019", "foa", sample_rate=32000)
    return folder / "prepared"


@pytest.fixture(scope="module")
def nigens(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nigens")
    synth(folder / "raw", "tau_nigens2020", 36, 12.0, preset="simple", seed=5)
    dcase(folder / "raw", folder / "prepared", "tau_nigens2020")
    return folder / "prepared"


def test_two_stage_hears_what_and_then_where(tau2019, tmp_path):
    small = {"widths": [16, 32, 64, 128]}
    heard = {
        "data": {"format": "foa", "listen": 12.0},
        "features": Part(
            "logmel_iv", {"sample_rate": 32000, "n_fft": 1024, "win_length": None, "hop": 320, "n_mels": 64}
        ),
        "options": {"model": small, "optimizer": {"lr": 3e-3}},
    }  # fmt: skip
    first = learn("two_stage_sed", tau2019, tmp_path / "sed", 120, **heard)
    trained, before = scores(first)
    assert trained["F"] > before["F"] + 0.3 and trained["ER"] < before["ER"] - 0.2
    second = learn(
        "two_stage", tau2019, tmp_path / "doa", 120, init_from=Start(roles={"sed": first}), **heard
    )
    trained, before = scores(second)
    assert trained["F"] > before["F"] + 0.3 and trained["frame_recall"] > before["frame_recall"] + 0.1
    assert trained["doa_error"] < 60


def test_seldnet_learns_what_and_where(nigens, tmp_path):
    options = {
        "model": {"width": 32, "momentum": 0.1},
        "optimizer": {"lr": 3e-3},
        "target": {"threshold": 0.3, "doa_weight": 1.0},
    }
    out = learn("seldnet_2020", nigens, tmp_path / "run", 240, {"chunk": 3.0}, options)
    trained, before = scores(out)
    assert trained["seld_score"] < before["seld_score"] - 0.2 and trained["LE"] < 50 < before["LE"], (
        trained,
        before,
    )


def test_the_general_architecture_aligns_what_its_modules_hear(nigens, tmp_path):
    data = {"chunk": 2.0, "batch_size": 5}
    fast = {"optimizer": {"lr": 2e-3}}
    sed = learn("general_sed_m", nigens, tmp_path / "sed", 60, data, fast)
    trained, before = scores(sed)
    assert trained["F"] > before["F"] + 0.25
    doa = learn("general_doa_iv", nigens, tmp_path / "doa", 200, data, fast)
    trained, before = scores(doa)
    # Classes of 5 degrees from 5 minutes of static sources: most directions of the test were never heard.
    assert trained["mAP"] > before["mAP"] + 0.08
    roles = Start(roles={"sed": sed, "doa": doa})
    both = learn(
        "general_alignment", nigens, tmp_path / "both", 60, data, {"optimizer": {"lr": 5e-3}}, init_from=roles
    )
    trained, before = scores(both)
    # Where sounds come from takes longer to learn than what they are: half a minute shows its beginning.
    assert trained["seld_score"] < before["seld_score"] - 1 and trained["LE"] < before["LE"] - 5, (
        trained,
        before,
    )


def test_the_cnn_finds_events_in_clips(tmp_path):
    synth(tmp_path / "raw", "task4", 100, 10.0, preset="simple", seed=5)
    task4(tmp_path / "raw", tmp_path / "prepared", sample_rate=16000)
    options = {
        "features": {"sample_rate": 16000, "n_fft": 512, "hop": 320, "n_mels": 48, "high_hz": 8000},
        "target": {"loss": "frame", "high": 0.5, "low": 0.3},
        "model": {"clip_from": "frames"},
        "optimizer": {"lr": 2e-3},
    }
    data = {"train": ["synthetic"], "batch_size": 6}
    out = learn("sed_cnn5", tmp_path / "prepared", tmp_path / "run", 60, data, options)
    trained, before = scores(out)
    assert trained["mAP"] > before["mAP"] + 0.2 and trained["segment_F"] > before["segment_F"] + 0.2
