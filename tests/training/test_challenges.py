"""The baselines of 2024 (distance) and 2025 (stereo), from generated recordings to the scores of their challenge."""

import json

import numpy as np
import pytest

from avseld.config import Data, Hardware, Part
from avseld.evaluation.evaluate import evaluate
from avseld.evaluation.score import score
from avseld.io.dcase_csv import CARTESIAN, STEREO_2025, read_dcase
from avseld.io.events import Events
from avseld.targets import MultiACCDDOA
from avseld.training.train import train
from data_prep.corpora.dcase import dcase
from data_prep.synth.corpus import synth


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("challenges") / "raw"
    synth(
        folder,
        recordings=3,
        seconds=8.0,
        preset="simple",
        formats="foa,stereo",
        width=64,
        fps=5.0,
        seed=2,
        jobs=1,
    )
    return folder


@pytest.mark.parametrize(
    ("year", "format", "features", "target"),
    [
        (2024, "foa", Part("logmel_iv"), {}),
        (2025, "stereo", Part("logmel", {"standardize": False}), {"planar": True, "bounded": True}),
    ],
)
def test_distances_are_learned_predicted_and_scored(capsys, raw, tmp_path, year, format, features, target):
    dcase(raw, tmp_path / "prepared", format=format)
    data = Data(
        tmp_path / "prepared", ["fold3"], ["fold4"], ["fold4"], True, format, 5.0, batch_size=2, video="blank"
    )
    small = {"width": 8, "hidden": 16, "n_heads": 2}
    # With a threshold of 0 even an untrained network predicts events.
    train(
        data, features, Part("seldnet_attention", small), Part("multi_accddoa", target | {"threshold": 0.0}),
        Part("adam"),
        tmp_path / "run", steps=2, validate_every=1, challenge=year, hardware=Hardware("cpu", 1),
    )  # fmt: skip
    evaluate(tmp_path / "run", figures=0)
    result = json.loads((tmp_path / "run" / "evaluation" / "scores.json").read_text())
    scores = result["scores"]["blank"]
    assert result["challenge"] == year and scores["RDE"] > 0 and 0 < scores["DOAE"] <= 180
    (written,) = (tmp_path / "run" / "evaluation" / "blank").glob("*.csv")
    events, dialect = read_dcase(written, metres_per_unit=1.0 if year == 2024 else 0.01)
    assert len(events) and np.isfinite(events.distance).all() and events.distance.max() < 20
    assert dialect.columns == (CARTESIAN[7] if year == 2024 else STEREO_2025)
    metadata = raw / "metadata_dev"
    (reference,) = metadata.glob(f"*/{written.name}")
    score(reference, written, challenge=year, json=True)
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["RDE"] == pytest.approx(scores["RDE"], abs=2e-2)


def test_planar_targets_fold_directions_behind_to_the_front():
    """Stereo cannot distinguish azimuths of 150 and 30 degrees; both have the target of 30."""
    target = MultiACCDDOA(1, planar=True)
    behind, before = (
        target.encode(Events.from_rows([(0.0, 0.1, 0, 0, azimuth, 10.0, 2.0)]), 0.0, 5, 0.02)["accddoa"]
        for azimuth in (150.0, 30.0)
    )
    np.testing.assert_allclose(behind, before, atol=1e-6)
    assert behind[0, 0, 1, 0] > 0.8 and behind[0, 0, 2, 0] == pytest.approx(0.5)
