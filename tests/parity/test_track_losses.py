"""Losses of track-wise output and their gradients against EINV2 and PSELDNets."""

import numpy as np
import pytest
import torch

from avseld.targets import Tracks


@pytest.fixture(scope="module")
def values(golden) -> dict[str, np.ndarray]:
    with np.load(golden("encoders/losses.npz")) as file:
        return {name: value.astype(float) for name, value in file.items()}


@pytest.mark.parametrize(
    ("case", "scene", "options", "parts"),
    [
        ("tpit2", "tpit2", {"order": "sum"}, {"sed": "sed", "doa": "loss_doa"}),
        ("tpit3", "tpit3", {}, {"sed": "loss_sed", "doa": "loss_doa"}),
        ("agg1", "tpit3", {"loss": "agg1"}, {}),
        ("agg2", "tpit3", {"loss": "agg2"}, {}),
    ],
)
def test_losses_of_tracks_are_the_published_ones(values, case, scene, options, parts):
    # The published losses take directions after the hyperbolic tangent.
    direction = values[f"{scene}/doa"]
    output = {
        "sed": torch.from_numpy(values[f"{scene}/sed_logit"]).requires_grad_(),
        "doa": torch.from_numpy(np.arctanh(direction)).requires_grad_(),
    }
    target = {head: torch.from_numpy(values[f"{scene}/{head}_target"]) for head in output}
    n_tracks, n_classes = output["sed"].shape[2:]
    losses = Tracks(n_classes, n_tracks, **options).loss(output, target)
    losses["loss"].backward()
    assert losses["loss"].item() == pytest.approx(values[f"{case}/all"], rel=1e-6)
    for head, name in parts.items():
        assert losses[head].item() == pytest.approx(values[f"{case}/{name}"], rel=1e-6)
    np.testing.assert_allclose(output["sed"].grad, values[f"{case}/grad_sed"], atol=1e-7)
    np.testing.assert_allclose(
        output["doa"].grad, values[f"{case}/grad_doa"] * (1 - direction**2), atol=1e-7, rtol=1e-5
    )
