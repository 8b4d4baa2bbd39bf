"""What enters a label frame is found by running the network, and agrees with its layers."""

import pytest
import torch
from system_material import blueprint
from torch import nn

from avseld.config import Part
from avseld.system.build import System
from avseld.system.reach import reach_of

HOP_S = 0.02
"""of the features below"""


class Convolutions(nn.Module):
    """A convolution along time of the mean over features and bins, causal or not."""

    def __init__(self, n_features, n_bins, shapes, kernel: int = 5, causal: bool = False):
        super().__init__()
        self.shapes = shapes
        self.left = kernel - 1 if causal else kernel // 2
        self.right = kernel - 1 - self.left
        self.conv = nn.Conv1d(1, 117, kernel)

    def forward(self, x, visual=None):
        mean = nn.functional.pad(x.mean(dim=(1, 3))[:, None], (self.left, self.right))
        ((name, shape),) = self.shapes.items()
        return {name: self.conv(mean).transpose(1, 2).unflatten(2, shape)}


def built(model: nn.Module | None = None, **options) -> System:
    features = Part("logmel_iv", {"hop": 480, "n_mels": 64})
    words = {
        "features": features,
        "target": Part("multi_accdoa"),
        "chunk": 1.92,
        "classes": list(map(str, range(13))),
    }
    system = System(blueprint(model=Part("encoder_heads", options), **words))
    if model is not None:
        system.model = model
        model.vision = False
    return system


@pytest.mark.parametrize(("causal", "ahead"), [(True, 0.0), (False, 4 * HOP_S)])
def test_a_convolution_sees_as_far_as_its_kernel(causal, ahead):
    system = built(Convolutions(7, 64, {"accdoa": (3, 3, 13)}, 9, causal))
    reach = reach_of(system)
    assert reach.after_s == pytest.approx(ahead) and reach.causal == causal
    # a label frame of 0.1 s and eight frames around it
    assert reach.receptive_field_s == pytest.approx(0.1 + 8 * HOP_S)


def test_recurrence_in_both_directions_sees_the_whole_window():
    reach = reach_of(built(temporal={"name": "gru", "options": {"hidden": 8}}))
    assert reach.receptive_field_s is None and reach.after_s is None and not reach.causal


def test_operations_are_those_of_the_products():
    system = built(Convolutions(7, 64, {"accdoa": (3, 3, 13)}, 9))
    # two operations a multiply-add, 9 taps, 117 outputs, 97 frames of 1.92 s
    assert reach_of(system).gflop_per_second == pytest.approx(2 * 9 * 117 * 97 / 1e9 / 1.92)


def test_neither_weights_nor_statistics_nor_the_mode_change():
    system = built().train()
    before = {name: value.clone() for name, value in system.state_dict().items()}
    reach_of(system)
    assert all(torch.equal(value, before[name]) for name, value in system.state_dict().items())
    assert system.training and system.model.training
