"""The package of docs/extending.md: written to a folder, trained, predicted with and scored."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import plane_waves
import pytest
import torch
import yaml
from reference.signals import plane_wave

import avseld
from avseld.__main__ import main
from avseld.augment.scenes import Window
from avseld.config import Data, Part
from avseld.data.augmentation import augmentation
from avseld.data.device_cache import DeviceCache
from avseld.data.windows import Windows
from avseld.io.events import Events
from avseld.io.manifest import read_manifest
from avseld.system.blueprint import Blueprint
from avseld.system.build import System

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.S)
FILES = {text.split("\n")[0].removeprefix("# "): text for _, text in BLOCKS if text.startswith("# ")}
MY_SELD = {name: text for name, text in FILES.items() if name.startswith("my_seld/")}
CLASSES = ["tone 0", "tone 1", "tone 2"]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Make a folder with a prepared corpus of plane waves, a recording, and the package, installed."""
    folder, site = tmp_path_factory.mktemp("workplace"), tmp_path_factory.mktemp("site")
    plane_waves.make(folder / "prepared", seconds=4)
    (folder / "recordings" / "audio").mkdir(parents=True)
    shutil.copy(
        next((folder / "prepared" / "audio").glob("fold4*.wav")), folder / "recordings/audio/take1.wav"
    )
    (site / "my_seld").mkdir()
    (site / "my_seld" / "__init__.py").touch()
    for name, text in MY_SELD.items():
        (site / name).write_text(text)
    groups = re.findall(
        r'entry-points\."(.*?)"\]\n(.*?)\n(?=\n|$)', FILES["pyproject.toml"] + "\n", flags=re.S
    )
    points = "".join(f"[{group}]\n{line}\n" for group, line in groups).replace('"', "")
    info = site / "my_seld-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-seld\nVersion: 0.1\n")
    (info / "top_level.txt").write_text("my_seld\n")
    (info / "entry_points.txt").write_text(points)
    sys.path.append(str(site))
    yield folder
    sys.path.remove(str(site))
    for module in [each for each in sys.modules if each.split(".")[0] == "my_seld"]:
        del sys.modules[module]


@pytest.fixture(scope="module")
def run(workplace):
    """Run the example in Python: it trains with five parts of the package."""
    (example,) = (text for language, text in BLOCKS if language == "python" and "avseld.train(" in text)
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workplace)
        exec(example, names)
    assert isinstance(names["events"], Events)
    return workplace / "run"


def system(**parts) -> System:
    words = {"features": Part("amplitude_ipd"), "model": Part("avcrnn"), "target": Part("multi_accdoa")}
    return System(Blueprint(**{**words, **parts}, classes=CLASSES))


def test_the_page_has_an_example_of_every_kind_of_at_most_25_lines():
    kinds = ("encoder", "feature", "target", "augmentation", "metric", "direction", "model")
    assert sorted(MY_SELD) == sorted(f"my_seld/{kind}.py" for kind in kinds)
    for kind in kinds[:-1]:
        lines = [line for line in MY_SELD[f"my_seld/{kind}.py"].split("\n")[1:] if line.strip()]
        assert len([line for line in lines if not line.startswith(("from ", "import "))]) <= 21, kind


def test_a_system_of_the_package_trains_and_a_plain_predict_finds_it(run, tmp_path, monkeypatch):
    recipe = yaml.safe_load((run / "config.yaml").read_text())
    assert recipe["model"]["name"] == "my_seld.model:SmallCRNN"
    monkeypatch.chdir(tmp_path)
    main(["predict", "--run", str(run), "--out", str(tmp_path / "out"), "--device", "cpu"])
    assert len(list((tmp_path / "out").glob("fold4*.csv"))) == 2
    predictor = avseld.load(run)
    assert type(predictor.system.target).__module__ == "my_seld.target"
    assert predictor.system.blueprint.origins == ("my-seld 0.1",)


def test_the_encoder_goes_with_networks_of_this_package_by_its_short_name(workplace):
    built = system(model=Part("avcrnn", {"encoder": "frame_encoder"}))
    assert type(built.model.audio_encoder).__name__ == "FrameEncoder"
    assert built.model.audio_encoder(torch.zeros(2, 7, 128, 257)).shape == (2, 8, 64)


def test_the_target_returns_the_events_that_it_encodes(workplace):
    target = system(target=Part("class_vectors")).target
    rows = [
        (frame / 10, (frame + 1) / 10, label, 0, azimuth, 10.0, np.nan)
        for frame in range(3, 9)
        for label, azimuth in ((0, -40.0), (2, 170.0))
    ]
    labels = target.encode(Events.from_rows(rows), 0.0, 120, 0.01)
    decoded = target.decode(labels, 0.01)
    assert np.allclose(decoded.azimuth, [row[4] for row in rows]) and np.allclose(decoded.elevation, 10)
    assert np.array_equal(decoded.label, [row[2] for row in rows])
    assert np.allclose(decoded.onset, [row[0] for row in rows])
    assert float(target.loss({"vectors": torch.ones(2, 3)}, {"vectors": torch.zeros(2, 3)})["loss"]) == 1


def test_the_augmentation_takes_the_device_cache(workplace):
    built = system()
    changes = augmentation(built, [Part("random_gain")], "foa")
    recordings = [each for each in read_manifest(workplace / "prepared") if each.fold == "fold3"]
    windows = Windows(recordings, built, Data(workplace / "prepared", video="blank"), 0, changes)
    cache = DeviceCache(windows, torch.device("cpu"))
    ours = cache.batch(cache.places([11]))["waveform"][0]
    assert torch.allclose(ours, windows[11]["waveform"], rtol=1e-5)
    assert not torch.allclose(ours, windows.at(*windows.draw(11))["waveform"], rtol=1e-3)


def test_an_alignment_takes_directions_of_the_package(workplace, tmp_path):
    doa = "{features: my_seld.direction:SteeredPower}"
    words = [
        "--config",
        "general_alignment_hist",
        "--data.prepared",
        str(workplace / "prepared"),
        "--out",
        str(tmp_path / "run"),
    ]
    folds = ["--data.train", "[fold3]", "--data.validate", "[fold4]", "--data.test", "[fold4]"]
    small = ["--steps", "1", "--validate_every", "1", "--data.batch_size", "1", "--init_from.random", "true"]
    short = ["--data.chunk", "2.0", "--data.allow_overlap", "true"]
    main(["train", *words, *folds, *small, *short, "--model.options.doa", doa])
    predictor = avseld.load(tmp_path / "run")
    assert type(predictor.system.model.doa.features).__module__ == "my_seld.direction"
    wave = plane_wave(50, 0, 1.0, noise=0.01).float()
    assert predictor.system.model.doa.features(wave)[0, 0].mean(dim=0).argmax() == (50 + 180) / 10


def test_the_augmentation_changes_the_level_alone(workplace):
    (change,) = augmentation(system(), [Part("random_gain", {"gain_db": 20.0})], "foa")
    window = Window(np.ones((4, 50), np.float32), Events.empty(), 0.0)
    louder = change(window, np.random.default_rng(0), lambda: window)
    assert np.ptp(louder.waveform) == 0 and 0.1 < louder.waveform[0, 0] < 10 and louder.waveform[0, 0] != 1


def test_the_metric_is_printed_below_the_scores(workplace, capsys):
    prepared = workplace / "prepared"
    words = ["score", str(prepared), str(prepared / "labels"), "--challenge", "2023", "--metrics"]
    main([*words, "my_seld.metric:counting_error"])
    assert capsys.readouterr().out.endswith("\n\ncounting error  0\n")
    name = next(iter(read_manifest(prepared))).name
    reference = avseld.read_events(prepared / "labels" / f"{name}.csv")
    silence = Events.empty()
    scores = avseld.score({name: reference}, {name: silence}, challenge=2023, metrics=["counting_error"])
    assert scores.own["counting error"] == pytest.approx(len(reference) / round(reference.duration * 10))
    assert scores.as_dict()["own"] == scores.own and "\ncounting error  " in str(scores)
