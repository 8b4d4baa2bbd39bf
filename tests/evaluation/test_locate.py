"""The command `locate` on plane waves, with a network of random weights in place of a trained one."""

import json

import numpy as np
import plane_waves
import pytest
import torch

from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.evaluation.locate import locate, threshold_for
from avseld.inference.predict import predict
from avseld.inference.predictor import load
from avseld.inference.thresholds import predict_at_thresholds
from avseld.io.dcase_csv import read_dcase
from avseld.io.manifest import read_manifest
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.checkpoint import save_system


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return plane_waves.make(tmp_path_factory.mktemp("plane_waves"), seconds=3)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    model = Part("avcrnn", {"hidden": 32})
    target = Part("multi_accdoa", {"threshold": 0.02})
    names = ["a", "b", "c"]
    system = System(Blueprint(Part("logamplitude_iv", {}), model, target, names, "foa"))
    save_system(system, folder / "model.safetensors")
    return folder


def test_the_table_has_the_baseline_the_run_and_the_untrained_network(run, prepared, tmp_path, capsys):
    locate(prepared, str(run), "fold4", out=tmp_path, device="cpu")
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "locate.txt").read_text()
    systems = [line.split()[0] for line in printed.splitlines()[3:]]
    assert systems == ["baseline", str(run), "untrained"]
    assert (tmp_path / "locate.png").stat().st_size > 5000
    results = json.loads((tmp_path / "locate.json").read_text())
    # One plane wave at a time: the baseline finds it, a network of random weights does not.
    assert results["baseline"]["all"]["recall"] > 0.9 and results["baseline"]["all"]["median_deg"] < 4
    assert results[str(run)]["all"]["recall"] < 0.5
    rates = [point["false_per_minute"] for point in results[str(run)]["curve"]]
    assert all(np.diff(rates) <= 0) and rates[0] > rates[-1]
    assert results[str(run)]["threshold"] == 0.02  # its own
    locate(
        prepared,
        str(run),
        "fold4",
        false_rows=1.0,
        choose_on=prepared,
        untrained=False,
        out=tmp_path,
        device="cpu",
    )
    chosen = json.loads((tmp_path / "locate.json").read_text())[str(run)]
    assert chosen["all"]["false_per_minute"] <= 1 and chosen["threshold"] > 0.02


def test_decoding_at_a_threshold_equals_prediction_with_it(run, prepared, tmp_path):
    recording = read_manifest(prepared)[-1]
    trained = load(run, device="cpu")
    low, high = predict_at_thresholds(trained, recording, [0.02, 0.1])
    assert len(low) > len(high)
    assert trained.system.target.threshold == 0.02
    for threshold, expected in ((0.02, low), (0.1, high)):
        path = tmp_path / f"{threshold}.csv"
        predict(run, audio=[recording.audio], out=path, device="cpu", threshold=threshold)
        written, _ = read_dcase(path)
        assert np.array_equal(written.onset, expected.onset)
        assert np.allclose(written.azimuth, expected.azimuth, atol=1e-5)


def test_the_threshold_of_a_system_is_chosen_for_a_number_of_false_rows(run, prepared, caplog):
    recordings = read_manifest(prepared)[-2:]
    trained = load(run, device="cpu")
    few, many = (threshold_for(trained, recordings, rate) for rate in (5.0, 1e6))
    assert few > many and trained.system.target.threshold == 0.02
    assert not caplog.records
    minutes = sum(recording.duration for recording in recordings) / 60
    rows = sum(len(predict_at_thresholds(trained, recording, [few])[0]) for recording in recordings)
    assert rows / minutes <= 5.0
    threshold_for(trained, recordings, -1.0)
    assert "no threshold has at most -1 false rows" in caplog.text


def test_bad_thresholds_and_folders_are_refused(run, prepared, tmp_path):
    recording = read_manifest(prepared)[-1]
    with pytest.raises(BadInput, match=r"threshold 1\.5"):
        predict(run, audio=[recording.audio], out=tmp_path / "x.csv", device="cpu", threshold=1.5)
    with pytest.raises(BadInput, match="choose_on"):
        locate(prepared, choose_on=prepared, out=tmp_path / "out")
    with pytest.raises(BadInput, match="no recordings of format foa"):
        (tmp_path / "manifest.csv").write_text((prepared / "manifest.csv").read_text().splitlines()[0] + "\n")
        locate(tmp_path, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
