"""PaSST, CNN8 and CNN14 of PSELDNets against Jinbo-Hu/PSELDNets @ adb5e39, with weights by formula."""

import numpy as np
import pytest
from reference.filled_networks import check_parameters, fill, filled_input, run_with_stages

from avseld.models.pseldnets_backbones import PSELDNetsCRNN, PSELDNetsPaSST

OUTPUT, WHOLE = 1e-4, 1e-3
MULTI_ACCDOA = {"accdoa": (3, 3, 13)}
NETWORKS = {
    "passt_multi_accdoa": (PSELDNetsPaSST, {}),
    "crnn_multi_accdoa": (PSELDNetsCRNN, {}),
    "cnn14_conformer_small": (
        PSELDNetsCRNN,
        {"widths": [16, 32, 48, 64, 96, 128], "decoder": "conformer", "n_layers": 1, "legacy": True},
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_stage_and_the_head_are_the_published_ones(golden, name):
    with np.load(golden(f"encoders/pseldnets_{name}.npz")) as file:
        values = dict(file)
    kind, options = NETWORKS[name]
    network = kind(7, 64, MULTI_ACCDOA, **options)
    check_parameters(values, network, fill(network))
    x = filled_input(0, tuple(values["input/0/shape"]))
    head = run_with_stages(network, values, lambda: network.steps(x))["accdoa"].flatten(2)
    np.testing.assert_allclose(head, values["whole/fc"], atol=WHOLE, rtol=WHOLE)
    np.testing.assert_allclose(head.tanh(), values["output/multi_accdoa"], atol=OUTPUT)
