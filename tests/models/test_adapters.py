import pytest
import torch

from avseld.base.errors import BadInput
from avseld.config import InitFrom, Part
from avseld.models.adapters import Adapter
from avseld.models.pseldnets import PSELDNets, PSELDNetsEINV2
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.checkpoint import load_system, save_system
from avseld.system.pretrained import initialize_from, refuse_random_modules
from avseld.training.optimizers import optimizer_of

SMALL = {"channels": 8, "depths": [2, 1, 1, 1], "n_heads": [1, 2, 2, 4]}
FEATURES = Part("logmel_iv", {"hop": 240, "standardize": False})


def system_of(**options) -> System:
    model = Part("pseldnets", SMALL | options)
    return System(Blueprint(FEATURES, model, Part("accdoa"), ["a", "b"], "foa", 1.2))


@pytest.fixture
def plain(tmp_path):
    """A run without adapters: its system and its weights."""
    torch.manual_seed(0)
    system = system_of().eval()
    save_system(system, tmp_path / "model.safetensors")
    return system, tmp_path


def test_adapters_change_nothing_before_they_are_trained(plain):
    system, folder = plain
    adapted = system_of(adapters=True)
    initialize_from(adapted, InitFrom(folder))
    waveform = torch.randn(2, 4, 28_800) * 0.1
    with torch.no_grad():
        torch.testing.assert_close(adapted.eval()(waveform), system(waveform))


def test_training_changes_adapters_biases_and_head_alone(plain, tmp_path):
    _, folder = plain
    adapted = system_of(adapters=True, stochastic_depth=0.0)
    initialize_from(adapted, InitFrom(folder))
    before = {name: weight.clone() for name, weight in adapted.model.named_parameters()}
    optimizer = optimizer_of(Part("adamw", {"lr": 1e-2, "weight_decay": 0.1}), adapted)
    adapted.train()
    for _ in range(2):  # in the first step the zeros of the last layer keep the gradient from the first
        optimizer.zero_grad(set_to_none=True)
        heads = adapted(torch.randn(2, 4, 28_800) * 0.1)
        (heads["accdoa"] - 1).square().mean().backward()
        optimizer.step()
    learned = {
        name for name in before if ".adapter." in name or "bias" in name or name.startswith("tscam_conv.")
    }
    for name, weight in adapted.model.named_parameters():
        assert torch.equal(weight, before[name]) == (name not in learned), name
        assert (weight.grad is not None) == weight.requires_grad == (name in learned), name
        assert (weight in optimizer.state) == (name in learned), name
    assert "encoder.layers.0.blocks.1.attn.relative_position_bias_table" in learned
    save_system(adapted, tmp_path / "adapted.safetensors")
    loaded, waveform = load_system(tmp_path / "adapted.safetensors"), torch.randn(1, 4, 28_800) * 0.1
    assert {name for name, weight in loaded.model.named_parameters() if weight.requires_grad} == learned
    with torch.no_grad():
        torch.testing.assert_close(loaded(waveform), adapted.eval()(waveform))


def test_adapters_of_an_untrained_network_are_refused(plain):
    _, folder = plain
    with pytest.raises(
        BadInput, match="its encoder, which would stay random; give --init_from RUN with runs of pseld"
    ):
        refuse_random_modules(system_of(adapters=True), None)
    refuse_random_modules(system_of(adapters=True), InitFrom(folder))
    refuse_random_modules(system_of(), None)


def test_an_adapter_adds_a_tenth_of_two_layers_of_half_the_width():
    adapter = Adapter(6)
    assert adapter.fc1.out_features == 3
    torch.nn.init.ones_(adapter.fc1.weight)
    torch.nn.init.zeros_(adapter.fc1.bias)
    torch.nn.init.ones_(adapter.fc2.weight)
    x = torch.full((1, 6), 10.0)  # where the GELU changes nothing
    assert adapter(x).tolist() == [pytest.approx([0.1 * 3 * 60] * 6)]
    with pytest.raises(BadInput, match=r"adapter_ratio: 0\.1 of 6 channels is none"):
        Adapter(6, 0.1)


def test_both_branches_have_adapters_and_stitches_are_not_trained():
    model = PSELDNetsEINV2(7, 64, {"sed": (3, 2), "doa": (3, 3)}, adapters=True, **SMALL)
    learned = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert sum(".adapter.fc1.weight" in name for name in learned) == 2 * 2 * 5
    assert not any(name.startswith("stitch1") for name in learned)
    assert {"sed_tscam_conv.weight", "doa_tscam_conv.weight"} <= learned
    assert model.parameter_count == sum(weight.numel() for weight in model.parameters())
    assert PSELDNets(7, 64, {"accdoa": (3, 2)}, **SMALL).parameter_count is None
