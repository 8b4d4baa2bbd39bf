"""Losses of activity with direction, distance or coordinates against the published ones, with their gradients.

yxdong0320/Solution_on_3D_SELD @ e6582e6 and Hong-Hengyi/MVANet-SELD @ f5aa15a, whose losses take activated outputs.
"""

from functools import partial

import numpy as np
import pytest
import torch

from avseld.targets import SedCoordinates, SedDoa, SedDoaDistance
from avseld.training.schedules import tri_stage_factor

N_CLASSES = 13
alone = partial(SedDoaDistance, N_CLASSES, directions=False)
LOSSES = {
    "sed_doa_0.1_1": SedDoa(N_CLASSES, masked=True, averaged="all", sed_weight=0.1, doa_weight=1.0),
    "sed_doa_distance_0.1_1_0.5": SedDoaDistance(N_CLASSES),
    "sed_distance_mse_0.1_1": alone(),
    "sed_distance_mspe_0.1_1": alone(distance_error="mspe"),
    "sed_distance_mape_0.1_1": alone(distance_error="mape"),
    "sed_coordinate_1_2": SedCoordinates(N_CLASSES),
}


@pytest.fixture(scope="module")
def values(golden):
    with np.load(golden("encoders/losses.npz")) as file:
        return dict(file)


def heads(values: torch.Tensor) -> dict[str, torch.Tensor]:
    """Split (batch, frame, value) into activity, x y z, and distances where there are any."""
    sed, vectors, distance = values.split([N_CLASSES, 3 * N_CLASSES, values.shape[2] - 4 * N_CLASSES], dim=2)
    vectors = vectors.unflatten(2, (3, N_CLASSES))
    return {"sed": sed, "doa": vectors, "coordinates": vectors, "distance": distance}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_gradients_are_the_published_ones(values, name):
    n_values = values[f"ustc/{name}/grad"].shape[2]
    reference = values["ustc/coord_target" if "coordinate" in name else "ustc/target"][..., :n_values]
    output = torch.from_numpy(values["ustc/output"][..., :n_values]).requires_grad_()
    given = heads(output)
    linear = given | {"sed": given["sed"].logit(), "doa": given["doa"].clamp(-0.9999, 0.9999).atanh()}
    target = LOSSES[name]
    loss = target.loss({head: linear[head] for head in target.shapes}, heads(torch.from_numpy(reference)))
    loss["loss"].backward()
    assert loss["loss"].item() == pytest.approx(float(values[f"ustc/{name}/all"]), rel=1e-5)
    np.testing.assert_allclose(output.grad, values[f"ustc/{name}/grad"], atol=2e-7)


def test_the_rates_of_three_stages_are_the_published_ones(values):
    rates = values["tri_stage/lr"]
    ours = [1e-3 * tri_stage_factor(step, 1000) for step in range(len(rates))]
    np.testing.assert_allclose(ours, rates, rtol=1e-9)
    published = [1e-3 * tri_stage_factor(step, 1000, legacy=True) for step in range(len(rates))]
    np.testing.assert_allclose(published, [1e-3, *rates[:-1]], rtol=1e-9)
