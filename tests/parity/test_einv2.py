"""EINV2 against yinkalario/EIN-SELD @ 9f42da2, with weights by formula."""

import numpy as np
from reference.filled_networks import check_parameters, fill, filled_input, run_with_stages

from avseld.models.einv2 import EINV2

OUTPUT, WHOLE = 1e-4, 1e-3
STAGES = {
    name: (name, lambda x: x.transpose(0, 1))  # published with the batch second
    for name in ("sed_trans_track1", "doa_trans_track2")
}


def test_every_stage_and_the_heads_are_the_published_ones(golden):
    with np.load(golden("encoders/einv2.npz")) as file:
        values = dict(file)
    network = EINV2(7, 256, {"sed": (2, 14), "doa": (2, 3)})
    check_parameters(values, network, fill(network))
    x = filled_input(0, tuple(values["input/0/shape"]))
    heads = run_with_stages(network, values, lambda: network.steps(x), STAGES)
    for track in range(2):
        whole = values[f"whole/fc_doa_track{track + 1}"]
        np.testing.assert_allclose(heads["doa"][:, :, track], whole, atol=WHOLE, rtol=WHOLE)
    np.testing.assert_allclose(heads["sed"], values["output/sed"], atol=OUTPUT)
    np.testing.assert_allclose(heads["doa"].tanh(), values["output/doa"], atol=OUTPUT)
