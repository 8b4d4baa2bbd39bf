"""HTS-AT of PSELDNets, with one branch and with two, against the published networks, stage by stage."""

import numpy as np
import pytest
import torch
from reference.filled_networks import check_parameters, fill, filled_input, run_with_stages

from avseld.models.pseldnets import PSELDNets, PSELDNetsEINV2

WHOLE, OUTPUT = 1e-3, 1e-4
MULTI_ACCDOA = {"accdoa": (3, 3, 13)}
TRACKS = {"sed": (3, 13), "doa": (3, 3)}


def filled(golden, name, module):
    """Fill a network and run it: its reference values, the outputs of its heads' convolutions, its heads."""
    with np.load(golden(f"encoders/{name}.npz")) as file:
        values = {key: value for key, value in file.items() if "final_act" not in key}
    check_parameters(values, module, fill(module, seed=int(values["seed"])))
    x = filled_input(0, (1, 7, 1001, 64), int(values["seed"]))
    np.testing.assert_array_equal(x.flatten()[:16].numpy(), values["input/0/first"])
    stages = {key.split("/")[1] for key in values if key.startswith("stage/")}
    # Published tokens are rows of a map; here they stay a map.
    views = {
        stage: (stage, lambda tokens: tokens.flatten(1, 2))
        for stage in stages
        if "layers" in stage or "patch_embed" in stage
    }
    whole = {}
    hooks = [
        module.get_submodule(key.removeprefix("whole/")).register_forward_hook(
            lambda _module, _inputs, output, key=key: whole.__setitem__(key, output)
        )
        for key in values
        if key.startswith("whole/")
    ]
    heads = run_with_stages(module, values, lambda: module.steps(x), views)
    for hook in hooks:
        hook.remove()
    for key, output in whole.items():
        np.testing.assert_allclose(output, values[key], atol=WHOLE, rtol=0)
    return values, heads


def test_multi_accdoa_of_htsat_is_the_published_one_at_every_stage(golden):
    values, heads = filled(golden, "pseldnets_htsat_multi_accdoa", PSELDNets(7, 64, MULTI_ACCDOA))
    # The published index is track, axis, class.
    ours = torch.tanh(heads["accdoa"]).flatten(2)
    np.testing.assert_allclose(ours, values["output/multi_accdoa"], atol=OUTPUT, rtol=0)


def test_adapters_beside_the_layers_are_the_published_ones(golden):
    values, heads = filled(golden, "pseldnets_htsat_adapter", PSELDNets(7, 64, MULTI_ACCDOA, adapters=True))
    ours = torch.tanh(heads["accdoa"]).flatten(2)
    np.testing.assert_allclose(ours, values["output/multi_accdoa"], atol=OUTPUT, rtol=0)


def test_the_track_wise_network_of_two_branches_is_the_published_one_at_every_stage(golden):
    values, heads = filled(golden, "pseldnets_htsat_einv2", PSELDNetsEINV2(7, 64, TRACKS))
    np.testing.assert_allclose(heads["sed"], values["output/sed"], atol=OUTPUT, rtol=0)
    np.testing.assert_allclose(heads["doa"].tanh(), values["output/doa"], atol=OUTPUT, rtol=0)


@pytest.mark.parametrize(
    ("shapes", "parameters"),
    [
        ({"accdoa": (3, 13)}, 27_724_223),
        ({"accdoa": (3, 170)}, 29_895_062),
        ({"accdoa": (3, 3, 170)}, 34_596_242),
        (TRACKS, 27_765_704),
        ({"sed": (3, 170), "doa": (3, 3)}, 29_936_543),
    ],
)
def test_the_number_of_parameters_is_the_published_one(shapes, parameters):
    with torch.device("meta"):
        module = PSELDNets(7, 64, shapes)
    assert sum(weight.numel() for weight in module.parameters()) == parameters


def test_adapters_train_the_published_number_of_parameters():
    with torch.device("meta"):
        module = PSELDNets(7, 64, MULTI_ACCDOA, adapters=True)
    learned = sum(weight.numel() for weight in module.parameters() if weight.requires_grad)
    assert (learned, module.parameter_count) == (4_959_661, 32_410_061)
