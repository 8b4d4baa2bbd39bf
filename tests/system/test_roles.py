"""Systems in the roles of an alignment network: any features, network and target, brought to its rates and channels."""

from dataclasses import replace

import numpy as np
import pytest
import soxr
import torch
from reference.signals import plane_wave
from torch import nn

from avseld.base.errors import BadInput
from avseld.config import InitFrom, Part
from avseld.data.augmentation import augmentation
from avseld.features import learn_statistics
from avseld.features.resampling import Resample
from avseld.models import MODELS
from avseld.recipes.listing import system_of
from avseld.recipes.reading import read_recipe
from avseld.recipes.role_systems import with_role_systems
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.checkpoint import load_system, save_system
from avseld.system.pretrained import initialize_from, refuse_random_modules
from avseld.system.roles import average_over_time, build_role, learn_role_statistics
from avseld.targets import TARGETS

CLASSES = [f"class {number}" for number in range(5)]
SED = {
    "features": {"name": "general", "options": {"parts": ["sed_t"]}},
    "model": {"name": "general", "options": {"module": "sed_t", "narrow": 16}},
    "target": "activity",
}
HISTOGRAMS = {"features": {"name": "general", "options": {"parts": ["azi_hist", "ele_hist"]}}}
TASK4 = {
    "features": {
        "name": "logmel",
        "options": {"sample_rate": 32000, "n_fft": 1024, "win_length": None, "hop": 500},
    },
    "model": {"name": "cnn", "options": {"narrow": 16}},
    "target": {"name": "tagging"},
    "format": "mono",
}
TWO_STAGE = {
    "features": {"name": "logmel_gcc", "options": {"sample_rate": 32000, "hop": 320, "n_mels": 32}},
    "model": {"name": "crnn10", "options": {"widths": [8, 8, 8, 8]}},
    "target": {"name": "two_stage", "options": {"stage": "joint"}},
}


FIRST_STAGE = {"name": "two_stage", "options": {"stage": "sed"}}
LEVELS = {"features": {"name": "logmel", "options": {"n_mels": 16}}}
"""features alone, in the place of a system for directions"""


def alignment(sed=SED, doa=LEVELS, classes=CLASSES, format="foa", **options) -> System:
    options = {"sed": sed, "doa": doa, "hidden": 8} | options
    target = Part("sed_doa", {"axes": "linear_xyz", "rounding": 2020, "masked": True})
    parts = Part("waveform", {"hop": 2400}), Part("aligned_systems", options), target
    return System(Blueprint(*parts, classes, format, chunk=0.5))


def own_system(described: dict) -> System:
    """Build a system alone, as it is trained before the alignment."""
    parts = (
        Part(**({"name": part} if isinstance(part, str) else part)) for part in list(described.values())[:3]
    )
    return System(Blueprint(*parts, CLASSES, described.get("format", "foa"), chunk=1.0))


def role(name: str, description, **changes):
    words = {"n_classes": 5, "format": "foa", "sample_rate": 24000, "hop": 0.1} | changes
    return build_role(name, description, **words)


def test_frames_of_any_rate_become_label_frames_by_the_mean_over_each():
    values = torch.arange(41.0)[None, :, None]
    assert torch.allclose(average_over_time(values, 0.1, 0.1, 3)[0, :, 0], torch.tensor([0.5, 1.5, 2.5]))
    assert torch.allclose(average_over_time(values, 0.05, 0.1, 2)[0, :, 0], torch.tensor([1.0, 3.0]))
    time = torch.arange(200.0)[None, :, None] * 0.015625
    moved = average_over_time(time, 0.015625, 0.1, 20)[0, :, 0]
    assert torch.allclose(moved[1:], torch.arange(1, 20) * 0.1 + 0.05, atol=1e-3)
    slow = average_over_time(torch.tensor([0.0, 1.0])[None, :, None], 1.0, 0.1, 10)[0, :, 0]
    assert slow.tolist() == [0.0] * 5 + [1.0] * 5


@pytest.mark.parametrize("rate", [16000, 32000, 44100])
def test_a_waveform_is_resampled_as_by_soxr(rate):
    waveform = np.random.default_rng(0).normal(size=(2, 2400)).astype(np.float32)
    low = soxr.resample(soxr.resample(waveform.T, 24000, 12000), 12000, 24000).T
    ours = Resample(24000, rate)(torch.from_numpy(low)[None])[0].numpy()
    expected = soxr.resample(low.T, 24000, rate).T
    assert ours.shape == expected.shape
    assert np.abs(ours - expected)[:, 200:-200].max() < 2e-3 * np.abs(low).max()
    with pytest.raises(BadInput, match="24000 Hz cannot be resampled to 22051 Hz"):
        Resample(24000, 22051)


def test_the_alignment_receives_what_both_systems_say_of_every_label_frame():
    torch.manual_seed(0)
    system = alignment(doa=HISTOGRAMS).eval()
    waveform = plane_wave(40, 10, 0.5, seed=1).float()
    own = own_system(SED).eval()
    own.model.load_state_dict(system.model.sed.network.state_dict())
    heads = own.model(own.features(waveform))["sed"].sigmoid()
    said = system.model.sed(waveform, 5)
    assert torch.allclose(said, average_over_time(heads, 0.0125, 0.1, 5)) and said.shape == (1, 5, 5)
    peak = system.model.doa(waveform, 5)[0].mean(dim=0)
    assert peak[:72].argmax() == (40 + 180) // 5 and peak[72:].argmax() == (10 + 45) // 5
    given = []
    system.model.alignment.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    output = system(waveform)
    expected = torch.cat([said, system.model.doa(waveform, 5)], dim=2)
    assert torch.allclose(given[0], expected, atol=1e-5)
    assert output["sed"].shape == (1, 6, 5) and output["doa"].shape == (1, 6, 3, 5)


@pytest.mark.parametrize("sed", [TASK4, TWO_STAGE, {**SED, "format": "mono"}])
def test_systems_of_other_rates_channels_and_targets_fill_the_roles(sed):
    system = alignment(sed, TWO_STAGE).eval()
    assert (system.model.sed.n_values, system.model.doa.n_values) == (5, 15)
    output = system(torch.randn(2, 4, 12000))
    assert output["doa"].shape == (2, 6, 3, 5) and torch.isfinite(output["doa"]).all()


def test_a_single_channel_system_takes_the_first_channel_or_the_mean_of_stereo():
    waveform = torch.randn(1, 2, 24000)
    assert torch.equal(
        role("sed", TASK4, format="foa", sample_rate=32000).own_waveform(waveform), waveform[:, :1]
    )
    stereo = role("sed", TASK4, format="stereo", sample_rate=32000).own_waveform(waveform)
    assert torch.allclose(stereo, waveform.mean(dim=1, keepdim=True))


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_fills_at_least_one_role(name):
    options = {"stage": "joint"} if name == "two_stage" else {}
    target = TARGETS[name](5, **options)
    heads = {head: torch.randn(2, 3, *shape) for head, shape in target.shapes.items()}
    activity, directions = getattr(target, "class_activity", None), getattr(target, "direction_values", None)
    assert activity or directions
    if activity:
        assert activity(heads).shape == (2, 3, 5) and 0 <= activity(heads).min() <= activity(heads).max() <= 1
    if directions:
        assert directions(heads).shape[:2] == (2, 3) and directions(heads).ndim == 3


def test_directions_of_the_two_stage_system_are_unit_vectors():
    target = TARGETS["two_stage"](1)
    angles = torch.deg2rad(torch.tensor([[[[90.0], [0.0]], [[0.0], [30.0]]]]))  # (batch, frame, axis, class)
    values = target.direction_values({"doa": angles})[0]
    assert torch.allclose(values, torch.tensor([[0.0, 1, 0], [3**0.5 / 2, 0, 0.5]]), atol=1e-6)


def test_weights_and_statistics_of_runs_fill_the_roles_and_stay(tmp_path):
    torch.manual_seed(1)
    alone = own_system(TASK4)
    learn_statistics(alone.features, [torch.randn(1, 1, 16000)])
    save_system(alone, tmp_path / "sed.safetensors")
    source = InitFrom(roles={"sed": tmp_path / "sed.safetensors"})
    described = with_role_systems(Part("aligned_systems", {"sed": SED, "doa": LEVELS, "hidden": 8}), source)
    assert described.options["sed"]["model"]["name"] == "cnn" and described.options["sed"]["format"] == "mono"
    system = alignment(**described.options)
    refuse_random_modules(system, source)
    learn_role_statistics(system.model.role_systems, lambda: [torch.randn(1, 4, 12000)], source.roles)
    initialize_from(system, source)
    assert torch.equal(system.model.sed.features.standardize.mean, alone.features.standardize.mean)
    assert not torch.equal(system.model.doa.features.standardize.mean, torch.zeros(1))
    assert torch.equal(system.model.sed.network.fc.weight, alone.model.fc.weight)
    system.train()
    sum(head.sum() for head in system(torch.randn(2, 4, 12000)).values()).backward()
    learns = {
        name.split(".")[0] for name, weight in system.model.named_parameters() if weight.grad is not None
    }
    assert learns == {"alignment"} and not system.model.sed.training
    save_system(system, tmp_path / "whole.safetensors")
    (tmp_path / "sed.safetensors").unlink()
    again = load_system(tmp_path / "whole.safetensors")
    waveform = torch.randn(1, 4, 12000)
    assert torch.equal(again(waveform)["sed"], system.eval()(waveform)["sed"])


def test_an_alignment_on_random_networks_or_of_other_classes_is_refused(tmp_path):
    system = alignment()
    with pytest.raises(BadInput, match=r"would stay random; give --init_from.roles.sed RUN"):
        refuse_random_modules(system, None)
    other = own_system(SED)
    other.blueprint = replace(other.blueprint, classes=["dog", "cat", "knock", "bell", "water"])
    save_system(other, tmp_path / "sed.safetensors")
    with pytest.raises(BadInput, match=r"roles.sed: .*trained on other classes \(5: dog, cat, knock, ...\)"):
        initialize_from(system, InitFrom(roles={"sed": tmp_path / "sed.safetensors"}))
    torch.save({"weight": torch.ones(1)}, tmp_path / "weights.pth")
    with pytest.raises(
        BadInput, match="does not describe the system of its weights; give the folder of a run"
    ):
        with_role_systems(Part("aligned_systems"), InitFrom(roles={"sed": tmp_path / "weights.pth"}))


def test_a_recipe_whose_roles_are_names_of_recipes_is_built_without_a_training():
    words = read_recipe("general_alignment_systems")
    words["model"]["options"] |= {"sed": SED, "doa": "general_ele_hist"}
    system = system_of("general_alignment_systems", words)
    assert system.model.doa.features.names == ["ele_hist"] and system.model.doa.n_values == 19


@pytest.mark.parametrize(
    ("name", "description", "changes", "says"),
    [
        ("sed", None, {}, r"role sed: give model.options.sed \{features: .* or a run by --init_from.roles.sed RUN"),
        ("sed", HISTOGRAMS, {}, "role sed: model.options.sed: has no model and target"),
        ("sed", {**SED, "taget": "x"}, {}, "role sed: model.options.sed: no 'taget' in"),
        ("doa", {**HISTOGRAMS, "model": "cnn"}, {}, "role doa: model.options.doa: has no target"),
        ("doa", HISTOGRAMS, {"format": "mic"}, "role doa: general takes foa recordings, not mic"),
        ("sed", {**SED, "format": "mic"}, {}, "role sed: takes mic recordings, not foa; give a system of foa or mono"),
        ("doa", SED, {}, "role doa: target activity has no direction_values; give a system for directions"),
        ("sed", {**SED, "target": {"name": "bins"}}, {}, "role sed: sed_t has the heads sed, not azimuth, elevation"),
        ("doa", {**TWO_STAGE, "target": FIRST_STAGE}, {}, "role doa: two_stage has no directions in stage sed"),
        ("sed", SED, {"sample_rate": 22051}, "role sed: 22051 Hz cannot be resampled to 24000 Hz"),
    ],
)  # fmt: skip
def test_a_system_that_does_not_fit_is_refused_in_one_line_that_names_the_role(
    name, description, changes, says
):
    with pytest.raises(BadInput, match=says) as error:
        role(name, description, **changes)
    assert "\n" not in str(error.value)


def test_masks_of_features_are_refused():
    with pytest.raises(
        BadInput, match="augment: mask changes features, but aligned_systems computes its own"
    ):
        augmentation(alignment(), [Part("mask")], "foa")


class Tracker(nn.Module):
    """A network of a user: says nothing but the mean of each frame."""

    def __init__(self, n_features, n_bins, shapes):
        super().__init__()
        self.shapes, self.weight = shapes, nn.Parameter(torch.ones(1))

    def forward(self, x, visual=None):
        mean = self.weight * x.mean(dim=(1, 3))
        return {name: mean[..., None].expand(*mean.shape, *shape) for name, shape in self.shapes.items()}


def test_a_network_and_a_target_of_a_user_fill_a_role(monkeypatch):
    class Loudness:
        """A target of a user."""

        def __init__(self, n_classes):
            self.shapes = {"level": (n_classes,)}

        def encode(self, events, start, n_frames, hop):
            return {"level": np.zeros((n_frames, *self.shapes["level"]), np.float32)}

        def loss(self, output, target):
            return {"loss": output["level"].mean()}

        def decode(self, output, hop):
            raise NotImplementedError

    monkeypatch.setitem(MODELS, "tracker", Tracker)
    monkeypatch.setitem(TARGETS, "loudness", Loudness)
    own = {"features": "logmel", "model": "tracker", "target": "loudness"}
    with pytest.raises(BadInput, match=r"target loudness has no class_activity; give .*docs/extending\.md"):
        alignment(own)
    Loudness.class_activity = lambda self, output: output["level"][..., :3]
    assert alignment(own).model.sed.n_values == 3
    Loudness.class_activity = lambda self, output: output["level"].mean()
    with pytest.raises(
        BadInput, match=r"role sed: target loudness: class_activity returns \(\) for 2 frames"
    ):
        alignment(own)
