import shutil

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


FUSED = {
    "features": Part("sound_field", {"hop": 480, "n_mels": 64}),
    "model": Part("fused", {"hidden": 16, "frames_per_step": 5}),
    "target": Part("multi_accdoa"), "chunk": 2.48,
}  # fmt: skip
PLAIN = {
    "features": Part("logamplitude_iv"),
    "model": Part("avcrnn", {"width": 8}),
    "target": Part("multi_accdoa"),
}
TWO_HEADS = {
    "features": Part("logmel_iv", {"hop": 480, "n_mels": 64}),
    "model": Part("seldnet", {"width": 8, "hidden": 16, "bin_pooling": [4, 4, 2], "frame_pooling": [5, 1, 1]}),
    "target": Part("sed_doa", {"axes": "xyz", "frames_per_output": 5, "label_hop": 0.1}), "chunk": 1.2,
}  # fmt: skip


@pytest.mark.parametrize("parts", [PLAIN, FUSED, TWO_HEADS], ids=["avcrnn", "fused", "seldnet"])
def test_classes_of_another_list_keep_what_they_learned_by_their_names(parts, tmp_path, caplog):
    caplog.set_level("INFO")
    torch.manual_seed(0)
    before = System(Blueprint(classes=["bell", "door", "drum", "knock"], **parts)).eval()
    after = System(Blueprint(classes=["drum", "horn", "bell", "door", "tap"], **parts)).eval()
    save_system(before, tmp_path / "model.safetensors")
    new = {name: value.clone() for name, value in after.model.state_dict().items()}
    initialize_from(after, InitFrom(tmp_path))
    assert "taken for 3 of 5 classes, by name" in caplog.text
    waveform = torch.randn(1, 4, before.window_samples) * 0.1
    visual = torch.rand(1, *before.visual_spec.shape) if before.model.vision else None
    with torch.no_grad():
        one, other = before(waveform, visual), after(waveform, visual)
    for name in one:
        assert torch.allclose(one[name][..., [2, 0, 1]], other[name][..., [0, 2, 3]], atol=1e-5)
    rows = {
        name: value
        for name, value in after.model.state_dict().items()
        if value.ndim and value.shape[0] % 5 == 0
    }
    assert any((value == new[name]).any() and (value != new[name]).any() for name, value in rows.items())


def test_a_list_of_the_same_length_in_another_order_is_matched_by_name_too(tmp_path):
    torch.manual_seed(0)
    before, after = (
        System(Blueprint(classes=names, **PLAIN)) for names in (["bell", "door"], ["door", "bell"])
    )
    save_system(before, tmp_path / "model.safetensors")
    initialize_from(after, InitFrom(tmp_path))
    one, other = (each.model.state_dict()["fc_xyz.bias"].reshape(3, 3, 2) for each in (before, after))
    assert torch.equal(one, other.flip(-1))


def test_tensors_that_do_not_fit_stay_new_and_are_named(tmp_path, caplog):
    caplog.set_level("INFO")
    first, second = system(0, hidden=24), system(1)
    save_system(first, tmp_path / "model.safetensors")
    initialize_from(second, InitFrom(tmp_path, freeze=["audio_encoder"]))
    assert same(first, second) == {"audio_encoder", "vision_encoder"}
    assert (
        "taken: audio_encoder (18), fc_xyz.bias, vision_encoder (4); new: gru (8), fc_xyz.weight;"
        in caplog.text
    )
    assert "frozen: audio_encoder (" in caplog.text


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


def test_a_run_is_not_resumed_with_the_names_of_its_classes_exchanged(prepared, tmp_path):
    run(prepared, tmp_path / "run", steps=2)
    shutil.copytree(prepared, tmp_path / "data")
    names = (prepared / "classes.txt").read_text().splitlines()
    (tmp_path / "data" / "classes.txt").write_text("\n".join(names[::-1]))
    with pytest.raises(BadInput, match=r"classes\.txt: other classes than those of the run"):
        run(
            prepared, tmp_path / "run", steps=2, resume=True,
            data=Data(tmp_path / "data", validate=["fold3_room5"], batch_size=2),
        )  # fmt: skip


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
