"""Weights that come with the package: each loads by its name, is as small as promised, and finds where a sound is."""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import plane_waves
import pytest
import soundfile
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.exporting.export import export_system
from avseld.exporting.material import generate
from avseld.inference.predict import predict
from avseld.inference.predictor import load
from avseld.inference.run_folder import folder_of, recordings_for_weights
from avseld.io.events import read_events
from avseld.io.example import EXAMPLE
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.sphere_grid import AREA, DIRECTIONS, N_CELLS
from avseld.onnx_runtime import load as load_exported
from avseld.onnx_runtime.__main__ import write_predictions
from avseld.recipes import FOLDER
from avseld.streaming.engine import Engine
from avseld.system.inference import iterate_heads
from avseld.weights import find, shipped
from avseld.weights.pack import pack

RATE, MAX_BYTES = 24000, 4_000_000


@pytest.mark.parametrize("card", shipped().values(), ids=str)
def test_the_card_says_what_the_weights_are(card):
    assert card.path.stat().st_size < MAX_BYTES
    predictor = load(card.name)
    system = predictor.system
    assert (system.blueprint.format, system.sample_rate, predictor.classes) == (
        card.format,
        card.sample_rate,
        card.classes,
    )
    assert sum(weight.numel() for weight in system.model.parameters()) == card.parameters
    assert (FOLDER / f"{card.recipe}.yaml").is_file() and card.scores and card.limits and card.trained_on


@pytest.mark.parametrize("azimuth", [-120.0, 20.0, 90.0])
def test_the_locator_finds_a_burst_of_noise_and_nothing_in_silence(azimuth):
    random = np.random.default_rng(1)
    sound = 0.001 * random.standard_normal((4, 5 * RATE))
    x, y, z = unit_vector(azimuth, 0.0)
    burst = slice(2 * RATE, 3 * RATE)
    sound[:, burst] += 0.1 * np.array([1, y, z, x])[:, None] * random.standard_normal(RATE)
    events = load("locator_foa").predict(sound.astype(np.float32), sample_rate=RATE)
    middle = (events.onset > 2.2) & (events.onset < 2.8)
    assert middle.sum() >= 5
    error = np.abs((events.azimuth[middle] - azimuth + 180) % 360 - 180)
    assert np.median(error) < 8 and np.median(np.abs(events.elevation[middle])) < 10
    assert not ((events.onset < 1.5) | (events.onset > 3.6)).any()


@pytest.mark.parametrize(("azimuth", "folded"), [(-60.0, -60.0), (10.0, 10.0), (150.0, 30.0)])
def test_the_stereo_locator_finds_a_burst_at_its_side_and_no_elevation(tmp_path, azimuth, folded):
    random = np.random.default_rng(2)
    sound = 0.001 * random.standard_normal((2, 5 * RATE))
    side = unit_vector(azimuth, 0.0)[1]
    burst = slice(2 * RATE, 3 * RATE)
    sound[:, burst] += 0.1 * np.array([1 + side, 1 - side])[:, None] / 2 * random.standard_normal(RATE)
    soundfile.write(tmp_path / "burst.wav", sound.T, RATE)
    main(["predict", str(tmp_path / "burst.wav"), "--out", str(tmp_path / "x.csv")])
    header, *rows = (tmp_path / "x.csv").read_text().splitlines()
    assert header == "frame,class,source,azimuth,distance,onscreen"
    frames, _, _, azimuths, *_ = np.array([list(map(float, row.split(","))) for row in rows]).T
    assert frames.min() >= 19 and frames.max() <= 35 and len(set(frames)) >= 8
    assert abs(np.median(azimuths) - folded) < 12
    events = (tmp_path / "x.events.csv").read_text().splitlines()[1:]
    assert events and all(line.endswith(",") for line in events)


def test_no_format_has_two_defaults():
    formats = [card.format for card in shipped().values() if card.default]
    assert "foa" in formats and len(set(formats)) == len(formats)
    assert {card.name for card in shipped().values() if card.video} == {
        name for name in shipped() if load(name).system.model.vision
    }


def test_a_name_that_is_none_of_them_is_answered_by_the_names():
    with pytest.raises(
        BadInput, match="audio_foa_generated, av_foa_generated, imaging_foa, live_foa, live_mic, locator_foa"
    ):
        load("locater_foa")
    assert find("../weights/locator_foa") is None


def test_packing_halves_the_weights_and_keeps_the_chosen_threshold(tmp_path):
    source = shipped()["locator_foa"].path
    pack(source, tmp_path / "packed.safetensors", threshold=0.55)
    with safe_open(tmp_path / "packed.safetensors", framework="pt") as file:
        blueprint = json.loads(file.metadata()["avseld"])
        kinds = {name: file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118 - no mapping
    assert blueprint["target"]["options"]["threshold"] == 0.55
    assert kinds["gru.weight_ih_l0"] == torch.float16
    assert all(kind == torch.float32 for name, kind in kinds.items() if "running_" in name)
    save_file({"a": torch.tensor([1e6])}, tmp_path / "large.safetensors", {"avseld": json.dumps(blueprint)})
    with pytest.raises(BadInput, match=r"--threshold 1\.5: give a value from 0 to 1"):
        pack(source, tmp_path / "no.safetensors", threshold=1.5)
    with pytest.raises(BadInput, match="beyond the range of half precision"):
        pack(tmp_path / "large.safetensors", tmp_path / "no.safetensors")
    assert not (tmp_path / "no.safetensors").exists()


def test_the_command_lists_input_size_training_scores_and_limits(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["avseld", "weights"])
    main()
    lines = capsys.readouterr().out
    for card in shipped().values():
        assert card.name in lines and card.trained_on in lines and card.limits in lines


def test_weights_without_a_run_folder_predict_all_recordings_of_a_prepared_folder(
    tmp_path, monkeypatch, caplog
):
    prepared = plane_waves.make(tmp_path / "prepared", seconds=1)
    (prepared / "classes.txt").write_text("sound\n")
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.INFO, logger="avseld"):
        predict(Path("locator_foa"), prepared=prepared, device="cpu")
    names = {path.stem for path in (tmp_path / "predictions").glob("*.csv")}
    assert len(names) > 4 and f"all {len(names)} recordings are taken; --fold chooses some" in caplog.text
    recordings = recordings_for_weights(Path("x.safetensors"), "foa", prepared, "fold4")
    assert {recording.fold for recording in recordings} == {"fold4"}
    with pytest.raises(BadInput, match="say which recordings with --prepared"):
        predict(shipped()["locator_foa"].path, device="cpu")


def test_a_weights_file_in_a_run_folder_stands_for_the_run(tmp_path):
    (tmp_path / "config.yaml").touch()
    assert folder_of(tmp_path / "last.safetensors") == folder_of(tmp_path) == tmp_path
    assert folder_of(Path("locator_foa")) is None


def test_weights_for_imaging_map_the_sounds_of_the_example_where_they_are():
    events = load("imaging_foa").predict(EXAMPLE)
    assert len(events) > 10
    maps = events.energies.dense(N_CELLS)
    found = unit_vector(events.azimuth, events.elevation)
    assert angle_between((AREA * maps) @ DIRECTIONS, found).max() < 10  # near a pole cells are small
    labels = read_events(EXAMPLE.with_name("example.labels.csv"))
    nearest = [
        angle_between(
            one, unit_vector(*(values[heard] for values in (labels.azimuth, labels.elevation)))
        ).min()
        for one, label, time in zip(found, events.label, events.onset, strict=True)
        if (heard := (labels.label == label) & (abs(labels.onset - time) < 0.05)).any()
    ]
    assert len(nearest) > 0.6 * len(events) and np.median(nearest) < 15


@pytest.mark.parametrize("name", ["live_foa", "live_mic"])
def test_weights_for_live_sound_say_in_a_stream_what_they_say_in_prediction(name):
    system = load(name).system
    sound = generate(system, 7.03, seed=2)
    n_samples = sound.waveform.shape[1]
    expected = torch.cat(
        [heads["accdoa"] for _, heads in iterate_heads(system, sound.read, n_samples, None, 1)]
    )
    engine, parts = Engine(system), []
    for first in range(0, n_samples, 1000):
        engine.append(sound.waveform[:, first : first + 1000])
        if engine.ready:
            parts.append(engine.run(engine.ready))
    found = torch.cat([part.heads["accdoa"] for part in [*parts, *engine.finish()]])
    assert found.shape == expected.shape and expected.abs().max() > 0.5
    assert (found - expected).abs().max() < 1e-4


def test_exported_weights_for_live_sound_of_microphones_write_the_csv_of_prediction(tmp_path):
    system = load("live_mic").system
    export_system(system, "live_mic", tmp_path, measure=False)  # fails without parity
    sound = generate(system, 4.1, seed=2)
    soundfile.write(tmp_path / "take.wav", sound.waveform.T, system.sample_rate, subtype="PCM_24")
    write_predictions(load_exported(tmp_path), tmp_path / "take.wav", tmp_path / "exported.csv")
    predict(Path("live_mic"), audio=[tmp_path / "take.wav"], out=tmp_path / "predicted.csv")
    ours, theirs = (
        np.loadtxt(tmp_path / f"{each}.csv", delimiter=",", ndmin=2) for each in ("exported", "predicted")
    )
    assert len(ours) > 5
    np.testing.assert_array_equal(ours[:, :3], theirs[:, :3])
    np.testing.assert_allclose(ours[:, 3:], theirs[:, 3:], atol=2e-3)
