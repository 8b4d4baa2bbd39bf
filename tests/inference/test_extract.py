"""Files of features: what a network is given, in training and in prediction, with names, units and statistics."""

import json
from importlib import import_module

import h5py
import numpy as np
import plane_waves
import pytest
import soundfile
import torch
from learning import train_briefly
from system_material import blueprint, noise, stretch

from avseld import dataset
from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.config import Data, Part
from avseld.data import statistics
from avseld.features import FEATURES
from avseld.inference import extract
from avseld.inference.predictor import load
from avseld.io.channel_map import channel_names
from avseld.io.feature_files import read_description
from avseld.io.formats import FORMATS
from avseld.io.manifest import read_manifest, write_manifest
from avseld.io.run_weights import WEIGHTS
from avseld.system.build import System
from avseld.system.checkpoint import save_system
from avseld.system.inference import iterate_features, iterate_heads

MEL = Part("logmel_iv", {"n_mels": 32, "n_fft": 512, "win_length": None, "hop": 240})
CHANGES = {"data": Data("", validate=["fold3_room5_mix003"], batch_size=2), "features": MEL, "steps": 1}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return plane_waves.make(tmp_path_factory.mktemp("features") / "prepared", seconds=3)


@pytest.fixture(autouse=True)
def few_windows(monkeypatch):
    monkeypatch.setattr(statistics, "STATISTICS_WINDOWS", 6)


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setattr(statistics, "STATISTICS_WINDOWS", 6)
    folder = tmp_path_factory.mktemp("features") / "run"
    training = import_module("avseld.training.train")  # the package has a function of this name
    # Statistics are computed before the first step, which is left out.
    patch.setattr(
        training, "_fit", lambda _, learner, *more: save_system(learner.system, folder / WEIGHTS["best"])
    )
    patch.setattr(training, "explain_early_stop", lambda *given: None)
    changes = {**CHANGES, "data": Data(prepared, validate=["fold3_room5_mix003"], batch_size=2)}
    yield train_briefly(prepared, folder, validate_every=1, **changes)
    patch.undo()


def test_a_recipe_gives_the_features_and_statistics_that_its_training_computes(prepared, run, tmp_path):
    assert extract.features(tmp_path / "f", run=run, prepared=prepared) == 0
    description, mean, deviation = read_description(tmp_path / "f")
    trained = load(run).system
    np.testing.assert_array_equal(mean, trained.features.standardize.mean[:, 0])
    np.testing.assert_array_equal(deviation, trained.features.standardize.deviation[:, 0])
    main(["features", "--config", str(run), "--prepared", str(prepared), "--out", str(tmp_path / "g")])
    _, *same = read_description(tmp_path / "g")
    np.testing.assert_array_equal([mean, deviation], same)
    windows = dataset(prepared, recipe=run, part="test")
    name = windows.recordings[0].name
    file, again = (np.load(tmp_path / place / f"{name}.npy") for place in "fg")
    np.testing.assert_array_equal(file, again)
    begin = 24000
    with torch.no_grad():
        window = trained.features(windows.windows.at(0, begin)["waveform"][None])[0].numpy()
    inner = slice(2, -2)  # frames whose transform lies within the window
    first = begin // 240
    np.testing.assert_allclose(
        file[:, first : first + window.shape[1]][:, inner], window[:, inner], atol=1e-4
    )
    assert description.standardized and file.shape == (7, 300, 32) and file.dtype == np.float32


def test_a_network_is_given_these_features_when_it_predicts(monkeypatch):
    system, given = System(blueprint(features=MEL)).eval(), []
    system.features.standardize.mean.fill_(-40)
    waveform = noise(4.0)
    read = lambda start, n: stretch(waveform, start, n)  # noqa: E731 - a reader in one line
    parts = [values for _, values in iterate_features(system, read, waveform.shape[1], batch_size=2)]
    whole = np.concatenate(parts, axis=1)
    kept = slice(system.margin, system.margin + system.kept_frames)
    network = system.model.forward
    monkeypatch.setattr(system.model, "forward", lambda x, *rest: given.append(x) or network(x, *rest))
    list(iterate_heads(system, read, waveform.shape[1], batch_size=2))
    seen = torch.cat(given)[:, :, kept].transpose(0, 1).flatten(1, 2)[:, : whole.shape[1]]
    assert len(parts) > 1 and whole.shape[1] == 400
    np.testing.assert_array_equal(whole, seen.numpy())


def test_a_second_call_makes_what_is_missing_and_another_recipe_is_refused(prepared, tmp_path, monkeypatch):
    words = ["features", "--config", "av_foa_quick", "--prepared", str(prepared), "--data.train", "fold3"]
    words += ["--data.validate", "fold4", "--data.allow_overlap", "true", "--out", str(tmp_path)]
    main(words)
    files = sorted(tmp_path.glob("*.npy"))
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
    assert len(files) == 7
    files[2].unlink()
    half_written = tmp_path / f".{files[3].stem}.12345678.partial.npy"
    half_written.write_bytes(b"half")
    written = []
    original = extract._write
    monkeypatch.setattr(extract, "_write", lambda *given: written.append(given[1].name) or original(*given))
    main(words)
    assert written == [files[2].stem] and not half_written.exists()
    assert files[2].read_bytes() == before[files[2]][1]
    with pytest.raises(BadInput, match="holds other features"):
        extract.features(tmp_path, recipe={**_recipe(prepared), "features": {"name": "amplitude_ipd"}})


def _recipe(prepared):
    parts = {"model": {"name": "avcrnn"}, "target": {"name": "multi_accdoa"}, "optimizer": {"name": "adam"}}
    data = {"prepared": str(prepared), "train": ["fold3"], "validate": ["fold4"], "allow_overlap": True}
    return {**parts, "data": data, "features": {"name": "logmel_iv", "options": MEL.options}}


def test_raw_values_are_standardized_by_the_mean_and_deviation_beside_them(prepared, tmp_path):
    for place, raw in (("raw", True), ("as_seen", False)):
        extract.features(tmp_path / place, recipe=_recipe(prepared), fold="fold4", form="h5", raw=raw)
    name = next(one.name for one in read_manifest(prepared) if one.fold == "fold4")
    with (
        h5py.File(tmp_path / "raw" / f"{name}.h5") as raw,
        h5py.File(tmp_path / "as_seen" / f"{name}.h5") as seen,
    ):
        standardized = (raw["features"][:] - raw["mean"][:][:, None]) / raw["deviation"][:][:, None]
        np.testing.assert_allclose(seen["features"][:], standardized, atol=1e-4)
        assert list(seen.attrs["maps"]) == [f"log-mel {c}" for c in "WYZX"] + [
            f"intensity {a}" for a in "yzx"
        ]
        assert seen.attrs["hop"] == 0.01 and list(seen.attrs["units"])[:5] == ["dB"] * 4 + [""]
        assert seen.attrs["standardized"] and not raw.attrs["standardized"]
    assert -120 < raw_mean(tmp_path / "raw") < -20


def raw_mean(folder):
    return read_description(folder)[1][:4].mean()


def test_a_recording_that_cannot_be_read_is_named_and_the_others_are_written(prepared, tmp_path, caplog):
    first, second = read_manifest(prepared)[:2]
    broken = tmp_path / "broken.wav"
    soundfile.write(broken, np.zeros((48000, 2)), 24000)
    listed = [first, type(second)(**{**vars(second), "audio": broken, "fold": "other"})]
    write_manifest(tmp_path / "p", listed, ["tone 0", "tone 1", "tone 2"])
    recipe = _recipe(tmp_path / "p")
    assert extract.features(tmp_path / "f", recipe=recipe, statistics=first.name) == 1
    assert [path.stem for path in (tmp_path / "f").glob("*.npy")] == [first.name]
    assert "broken.wav: 2 channels" in caplog.text


def test_formats_that_do_not_fit_are_refused_before_anything_is_written(prepared, tmp_path, capsys):
    words = ["features", "--prepared", str(prepared), "--out", str(tmp_path / "f"), "--config", "av_foa"]
    for more, said in (
        (["--data.format", "mic"], "no recordings of format mic, which amplitude_ipd takes; there are foa"),
        (["--features.name", "salsa_lite"], "salsa_lite is meant for mic recordings, not foa"),
        (["--run", "locator_foa"], "--run has its own recipe"),
        (["--data.tain", "fold3"], "did you mean train?"),
    ):
        with pytest.raises(SystemExit):
            main([*words, *more])
        assert said in capsys.readouterr().err and not (tmp_path / "f").exists()


@pytest.mark.parametrize("name", FEATURES)
def test_every_channel_of_a_feature_has_a_name_a_unit_and_a_bin_axis(name):
    format = next(format for format, each in FORMATS.items() if name in each.features)
    feature = FEATURES[name](FORMATS[format].channels)
    maps = feature.feature_maps(channel_names(format))
    assert [one.channel for one in maps] == list(range(feature.n_features))
    assert all(len(one.axis.values) == feature.n_bins for one in maps)
    assert len({one.name for one in maps}) == len(maps)


def test_the_axes_of_maps_are_where_a_tone_and_a_delay_appear():
    time = np.arange(24000) / 24000
    tone = torch.from_numpy(np.sin(2 * np.pi * 3000 * time)).float()
    for name in ("amplitude_ipd", "logmel", "magnitude_phase"):
        feature = FEATURES[name](4, sample_rate=24000, **({"hop": 240} if name == "magnitude_phase" else {}))
        axis = feature.feature_maps("1234")[0].axis
        peak = int(feature(tone.expand(1, 4, -1))[0, 0].mean(dim=0).argmax())
        assert abs(axis.values[peak] - 3000) < 120 and axis.unit == "Hz"
    sound = torch.randn(24000, generator=torch.Generator().manual_seed(0))
    delayed = torch.stack([sound, sound.roll(12), sound, sound])[None]
    for mirrored in (False, True):
        feature = FEATURES["logmel_gcc"](4, mirrored=mirrored)
        pair = feature.feature_maps("1234")[4]
        peak = int(feature(delayed)[0, 4].mean(dim=0).argmax())
        assert pair.name == "GCC-PHAT 1-2" and pair.axis.values[peak] == pytest.approx(0.5)
    mixed = FEATURES["logmel_iv"](4, layout="legacy").feature_maps("WYZX")
    assert mixed[0].name == "feature 1" and mixed[0].axis.name == "bin"
    both = FEATURES["general"](4, parts=["sed_t", "azi_hist"]).feature_maps("WYZX")
    assert [(one.name, one.bins) for one in both] == [
        ("log-mel W", slice(0, 64)),
        ("histogram of azimuth", slice(64, 136)),
    ]
    assert both[1].axis.values[:2] == (-180, -175) and json.dumps(both[1].axis.values)
