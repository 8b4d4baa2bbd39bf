"""An encoder, a temporal model or none, and heads for any target."""

import pytest
import torch
from torch import nn

from avseld.base.errors import BadInput
from avseld.models.encoder_heads import EncoderHeads

SHAPES = {"sed": (5,), "doa": (3, 5)}


@pytest.mark.parametrize("temporal", [None, {"name": "gru", "options": {"hidden": 8}}])
def test_every_head_has_a_value_for_every_frame_and_every_weight_learns(temporal):
    model = EncoderHeads(7, 64, SHAPES, temporal=temporal, hidden=12, activation="leaky_relu")
    heads = model(torch.randn(2, 7, 100, 64))
    assert {name: tuple(head.shape) for name, head in heads.items()} == {
        "sed": (2, 100, 5),
        "doa": (2, 100, 3, 5),
    }
    sum(head.square().sum() for head in heads.values()).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_without_a_hidden_layer_a_head_is_one_linear_layer():
    assert isinstance(EncoderHeads(7, 64, SHAPES).heads["sed"], nn.Linear)


def test_an_unknown_activation_and_a_short_window_are_refused():
    with pytest.raises(BadInput, match="'gelu' is none of relu, leaky_relu"):
        EncoderHeads(7, 64, SHAPES, hidden=8, activation="gelu")
    with pytest.raises(BadInput, match="15 frames"):
        EncoderHeads(7, 64, SHAPES)(torch.randn(1, 7, 15, 64))
