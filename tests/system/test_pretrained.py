import plane_waves
import pytest
import torch
from safetensors.torch import load_file

from avseld.base.errors import BadInput
from avseld.config import Data, Hardware, InitFrom, Part
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.checkpoint import load_system, save_system
from avseld.system.pretrained import initialize_from
from avseld.training.train import train

CLASSES = ["tone 0", "tone 1", "tone 2"]


def system(seed: int, features: str = "logamplitude_iv", **model) -> System:
    torch.manual_seed(seed)
    return System(
        Blueprint(Part(features), Part("avcrnn", {"hidden": 16} | model), Part("multi_accdoa"), CLASSES)
    )


def same(one: System, other: System) -> set[str]:
    """List the modules whose weights are equal in two systems."""
    a, b = one.model.state_dict(), other.model.state_dict()
    equal = {n for n in a if a[n].shape == b[n].shape and torch.equal(a[n], b[n])}
    return {n.split(".")[0] for n in a} - {n.split(".")[0] for n in a if n not in equal}


def test_named_modules_are_initialized_and_others_are_unchanged(tmp_path):
    first, second = system(0), system(1)
    save_system(first, tmp_path / "model.safetensors")
    assert same(first, second) == set()
    initialize_from(second, InitFrom(tmp_path, modules=["audio_encoder", "gru"], freeze=["audio_encoder"]))
    assert same(first, second) == {"audio_encoder", "gru"}
    frozen = {n.split(".")[0] for n, w in second.model.named_parameters() if not w.requires_grad}
    assert frozen == {"audio_encoder"}
    assert not second.train().model.audio_encoder.training and second.model.gru.training
    initialize_from(second, InitFrom(tmp_path))
    assert same(first, second) == {"audio_encoder", "vision_encoder", "gru", "fc_xyz"}


def test_what_does_not_fit_is_named(tmp_path):
    save_system(system(0, hidden=24), tmp_path / "model.safetensors")
    with pytest.raises(BadInput, match=r"'gru\.\w+' has shape .*same architecture"):
        initialize_from(system(1), InitFrom(tmp_path, modules=["gru"]))
    with pytest.raises(BadInput, match="'ears' is no module of the network; it has audio_encoder"):
        initialize_from(system(1), InitFrom(tmp_path, modules=["ears"]))
    with pytest.raises(BadInput, match="not found; give a file of weights"):
        initialize_from(system(1), InitFrom(tmp_path / "nowhere"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return plane_waves.make(tmp_path_factory.mktemp("plane_waves"), seconds=4)


def run(prepared, out, **changes):
    words = {
        "data": Data(prepared, validate=["fold3_room5"], batch_size=2),
        "features": Part("logamplitude_iv"),
        "model": Part("avcrnn", {"width": 8, "hidden": 8}),
        "target": Part("multi_accdoa"),
        "optimizer": Part("adam", {"lr": 1e-2}),
        "out": out, "steps": 8, "validate_every": 2, "hardware": Hardware("cpu", 1),
    } | changes  # fmt: skip
    train(**words)


def test_frozen_weights_are_unchanged_while_others_learn(prepared, tmp_path):
    run(prepared, tmp_path / "a")
    run(prepared, tmp_path / "b", init_from=InitFrom(tmp_path / "a", freeze=["gru"]), seed=1)
    before, after = (load_file(tmp_path / name / "last.safetensors") for name in ("a", "b"))
    taken = load_file(tmp_path / "a" / "model.safetensors")
    assert torch.equal(taken["gru.weight_hh_l0"], after["gru.weight_hh_l0"])
    assert not torch.equal(before["fc_xyz.weight"], after["fc_xyz.weight"])


def test_training_stops_early_without_improvement(prepared, tmp_path):
    frozen = Part("sgd", {"lr": 0.0})
    run(prepared, tmp_path / "run", optimizer=frozen, steps=20, patience=2, best_by="LR")
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[1:]
    assert len(rows) == 3
    with pytest.raises(
        BadInput, match="best_by: 'beauty' is none of ER, F, LE, LR, seld_score, P, R, loss, last"
    ):
        run(prepared, tmp_path / "other", best_by="beauty")
    assert not (tmp_path / "other").exists()


def test_feature_statistics_come_from_training_and_travel_with_the_weights(prepared, tmp_path):
    options = {"sample_rate": 24000, "hop": 240, "n_fft": 512, "win_length": 480}
    run(prepared, tmp_path / "run", features=Part("logmel_iv", options), steps=2,
        model=Part("avcrnn", {"width": 8, "hidden": 8}))  # fmt: skip
    back = load_system(tmp_path / "run" / "model.safetensors")
    mean = back.features.state_dict()["standardize.mean"]
    assert mean.abs().max() > 1
    state = load_file(tmp_path / "run" / "model.safetensors")
    assert torch.equal(state["features.standardize.mean"], mean)
