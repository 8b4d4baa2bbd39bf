"""The command `evaluate` scores what validation scores."""

import csv
import json

import plane_waves
import pytest
import torch
import yaml

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.data.windows import reference
from avseld.evaluation.evaluate import evaluate
from avseld.evaluation.validation import Validator
from avseld.io.manifest import pick, read_manifest
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.checkpoint import save_system


@pytest.mark.parametrize("year", [2023, 2024, 2025])
def test_a_target_without_distance_has_the_scores_of_validation_in_every_year(tmp_path, caplog, capsys, year):
    prepared = plane_waves.make(tmp_path / "prepared", seconds=2)
    torch.manual_seed(0)
    target = Part("multi_accdoa", {"threshold": 0.02})  # low enough to predict in every frame
    names = ["tone 0", "tone 1", "tone 2"]
    blueprint = Blueprint(Part("logamplitude_iv"), Part("avcrnn", {"hidden": 32}), target, names)
    system = System(blueprint).eval()
    run = tmp_path / "run"
    save_system(system, run / "model.safetensors")
    data = {
        "prepared": str(prepared),
        "test": ["fold4"],
        "format": "foa",
        "video": "blank",
        "allow_overlap": False,
    }
    (run / "config.yaml").write_text(yaml.safe_dump({"data": data, "challenge": year, "seed": 0}))
    evaluate(run, figures=0, device="cpu")
    scores = json.loads((run / "evaluation" / "scores.json").read_text())["scores"]["blank"]
    validator = Validator(system, year)
    results = [
        validator.evaluate_recording(r, reference(r, 3)) for r in pick(read_manifest(prepared), ["fold4"])
    ]
    for name, value in validator.summarize(results).items():
        assert scores[name] == pytest.approx(value, nan_ok=True) or (scores[name] is None and value != value)
    assert ("without distances" in caplog.text) == (year >= 2024)
    with (run / "evaluation" / "classes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == names
    for index, row in enumerate(rows):
        assert float(row["F"]) == pytest.approx(scores["classwise"]["F"][index])
        assert int(row["events"]) == scores["events"][index]
    assert sum(scores["events"]) > 0
    printed = capsys.readouterr().out.splitlines()
    cones, row = scores["front_back"], next(i for i, line in enumerate(printed) if "front-back" in line) + 1
    assert cones["pairs"] > 0 and printed[row].split()[-1] == str(cones["pairs"])
    assert f"{cones['LE_folded']:.1f}°" in printed[row] and f"{cones['confusions']:.3f}" in printed[row]
    start = next(i for i, line in enumerate(printed) if line.endswith("events"))
    assert [line.split()[:2] for line in printed[start + 1 : start + 4]] == [name.split() for name in names]
    with pytest.raises(BadInput, match="no rules for challenge '2030'"):
        evaluate(run, challenge=2030, figures=0, device="cpu")
