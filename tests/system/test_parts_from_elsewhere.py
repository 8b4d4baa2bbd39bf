"""Parts of other packages: found by import path and by entry point, and never imported for weights alone."""

import shutil
import sys
from pathlib import Path

import pytest
import torch
import yaml
from system_material import blueprint, noise
from torch import nn

from avseld.base.errors import BadInput
from avseld.base.plugins import find_part
from avseld.config import Part
from avseld.inference.predictor import Predictor, load
from avseld.models import MODELS
from avseld.models.encoders import build_encoder
from avseld.system.blueprint import import_paths
from avseld.system.build import System
from avseld.system.checkpoint import load_system, save_system

PARTS = '''
import math
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, n_features, n_bins, shapes, width=2):
        super().__init__()
        self.shapes = shapes
        self.layer = nn.Linear(n_features * n_bins, sum(map(math.prod, shapes.values())))

    def forward(self, x, visual=None):
        (name, shape), = self.shapes.items()
        return {name: self.layer(x.transpose(1, 2).flatten(2)).unflatten(2, shape)}

class Steps(nn.Module):
    def __init__(self, n_features, n_bins, width=4):
        super().__init__()
        self.frames_per_step, self.n_outputs = 1, width
        self.layer = nn.Linear(n_features * n_bins, width)

    def forward(self, x):
        return self.layer(x.transpose(1, 2).flatten(2))

class Frames(nn.Module):
    """Features without a transform: the samples of a hop are its bins."""
    def __init__(self, n_channels=4):
        super().__init__()
        self.sample_rate, self.hop, self.n_features, self.n_bins = 24000, 0.02, n_channels, 480

    def forward(self, waveform, centered=True):
        padded = nn.functional.pad(waveform, (240, 240)) if centered else waveform
        return padded.unflatten(2, (-1, 480))

number = 3
'''  # fmt: skip
ENTRY_POINTS = "[avseld.models]\nlinear = {0}.parts:Net\n[avseld.audio_encoders]\nsteps = {0}.parts:Steps\n"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make an installed package of one module, and return its name; it is forgotten afterwards."""
    name = f"elsewhere_{tmp_path.name.replace('-', '_')}"
    folder, info = tmp_path / "site" / name, tmp_path / "site" / f"{name}-1.2.dist-info"
    for path, text in (
        (folder / "__init__.py", ""),
        (folder / "parts.py", PARTS),
        (info / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n"),
        (info / "top_level.txt", name),
        (info / "entry_points.txt", ENTRY_POINTS.format(name)),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site")])
    yield name
    forget(name)


def forget(name: str) -> None:
    for module in [each for each in sys.modules if each.split(".")[0] == name]:
        del sys.modules[module]


def write_run(run: Path, system: System) -> Path:
    """Write the recipe and the weights of a system, as training does."""
    run.mkdir()
    parts = {kind: vars(getattr(system.blueprint, kind)) for kind in ("features", "model", "target")}
    (run / "config.yaml").write_text(yaml.safe_dump(parts))
    save_system(system, run / "model.safetensors")
    return run


def test_a_model_is_named_by_its_import_path_or_by_its_entry_point(package):
    by_path = System(blueprint(model=Part(f"{package}.parts:Net", {"width": 3})))
    by_name = System(blueprint(model=Part("linear")))
    assert type(by_path.model) is type(by_name.model) and type(by_name.model).__name__ == "Net"


def test_an_encoder_of_another_package_serves_the_networks_here(package):
    encoder = build_encoder(f"{package}.parts:Steps", 7, 16, width=5)
    assert encoder(torch.zeros(2, 7, 12, 16)).shape == (2, 12, 5)
    system = System(blueprint(model=Part("avcrnn", {"encoder": {"name": "steps", "options": {"width": 6}}})))
    assert system.model.audio_encoder.n_outputs == 6


def test_features_need_no_transform(package):
    system = System(blueprint(features=Part(f"{package}.parts:Frames"), model=Part("linear"), chunk=1.28))
    assert system.hop_samples == system.features.stft.n_fft == 480
    events = Predictor(system).predict(noise(3.0))
    assert events.duration <= 3.0


def test_a_run_with_parts_of_another_package_is_loaded_by_its_recipe(package, tmp_path):
    system = System(blueprint(model=Part(f"{package}.parts:Net")))
    predictor = load(write_run(tmp_path / "run", system), device="cpu")
    assert torch.equal(predictor.system.model.layer.weight, system.model.layer.weight)
    assert predictor.system.blueprint.origins == (f"{package} 1.2",)


def test_weights_import_nothing_that_the_recipe_beside_them_does_not_name(package, tmp_path):
    run = write_run(tmp_path / "run", System(blueprint(model=Part(f"{package}.parts:Net"))))
    forget(package)
    (tmp_path / "alone").mkdir()
    alone = shutil.copy(run / "model.safetensors", tmp_path / "alone")
    with pytest.raises(BadInput, match=rf"names? the part {package}.parts:Net, which .*config.yaml does not"):
        load_system(alone)
    assert package not in sys.modules
    nested = blueprint(model=Part("avcrnn", {"encoder": f"{package}.parts:Steps"}))
    assert nested.import_paths == {f"{package}.parts:Steps"}
    save_system(System(nested), run / "model.safetensors")  # its recipe names Net
    forget(package)
    with pytest.raises(BadInput, match="Steps, which"):
        load_system(run / "model.safetensors")
    assert package not in sys.modules


@pytest.mark.parametrize(
    "model", [Part("{0}.parts:Net"), Part("linear"), Part("avcrnn", {"encoder": {"name": "steps"}})], ids=str
)
def test_a_run_says_which_package_is_missing(package, tmp_path, monkeypatch, model):
    run = write_run(
        tmp_path / "run", System(blueprint(model=Part(model.name.format(package), model.options)))
    )
    forget(package)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(tmp_path / "site")])
    with pytest.raises(BadInput, match=rf"the run was trained with parts of {package} 1\.2") as error:
        load(run)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["module", "package"])
def test_modules_of_the_working_folder_are_found(tmp_path, monkeypatch, kind):
    top = f"found_in_the_working_folder_{kind}"
    name = top if kind == "module" else f"{top}.parts"  # a package without __init__.py
    (tmp_path / top).mkdir() if kind == "package" else None
    (tmp_path / f"{name.replace('.', '/')}.py").write_text(PARTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    system = System(blueprint(model=Part(f"{name}:Net")))
    save_system(system, tmp_path / "weights.safetensors")
    (tmp_path / "config.yaml").write_text(f"model: {{name: '{name}:Net'}}")
    assert load_system(tmp_path / "weights.safetensors").blueprint.origins == (f"{top} in {tmp_path}",)
    forget(top)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere.parts:Net", "model.name: nowhere.parts:Net: there is no package 'nowhere'; install it"),
        ("{0}.parts:Nte", "has no 'Nte'; it has Net, Steps, Frames"),
        ("{0}.absent:Net", r"cannot be imported \(there is no module '.*absent'\)"),
        ("{0}.parts:number", "is no class but a int; name a class"),
        ("{0}.parts.Net", r"is none of one, linear; a class of your own is written .* here {0}\.parts:Net"),
        ("other", "'other' is none of one, linear"),
    ],
)  # fmt: skip
def test_a_name_that_is_not_found_is_an_error_of_one_line(package, name, says):
    with pytest.raises(BadInput, match=says.format(package)) as error:
        find_part("model.name", name.format(package), {"one": nn.Identity}, "avseld.models")
    assert "\n" not in str(error.value)


def test_names_here_precede_entry_points(package):
    assert find_part("model.name", "linear", {"linear": nn.Identity}, "avseld.models") is nn.Identity


def test_import_paths_are_collected_at_any_depth():
    assert import_paths({"a": ["b.c:D", {"e": "f:G"}], "h": 3, "i": "1:2", "j": "x:/y"}) == {"b.c:D", "f:G"}


def test_a_part_that_is_no_module_is_refused(monkeypatch):
    monkeypatch.setitem(MODELS, "plain", type("Plain", (), {"__module__": "elsewhere"}))
    with pytest.raises(BadInput, match=r"model\.name: plain is no torch\.nn\.Module; derive it"):
        System(blueprint(model=Part("plain")))
