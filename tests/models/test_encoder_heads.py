"""An encoder, a temporal model or none, and heads for any target."""

import pytest
import torch
from torch import nn

from avseld.base.errors import BadInput
from avseld.models.encoder_heads import EncoderHeads
from avseld.models.encoder_heads_visual import VisualEncoderHeads

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


@pytest.mark.parametrize(("visual", "n_visual"), [("boxes", 30), ("embeddings", 72), ("both", 102)])
def test_steps_attend_to_the_visual_input_of_every_label_frame(visual, n_visual):
    encoder = {"name": "resnet_conformer", "options": {"width": 16, "n_blocks": 1, "channels": [4, 4, 4, 8]}}
    options = {"encoder": encoder, "visual": visual, "feedforward": 16}
    model = VisualEncoderHeads(7, 64, SHAPES, **options)
    assert (model.vision, model.visual_input) == (True, visual)
    x, seen = torch.randn(2, 7, 51, 64), torch.rand(2, 11, n_visual)
    sum(head.square().sum() for head in model(x, seen).values()).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())
    with torch.no_grad():
        shown, blank = (model.eval()(x, each)["doa"] for each in (seen, None))
    assert shown.shape == (2, 51, 3, 5) and (shown - blank).abs().max() > 1e-3


def test_without_visual_input_nothing_but_the_audio_network_is_left():
    blind = VisualEncoderHeads(7, 64, SHAPES, visual="none")
    audio = EncoderHeads(7, 64, SHAPES)
    assert blind.state_dict().keys() == audio.state_dict().keys() and not blind.vision
    with pytest.raises(BadInput, match="'frames' is none of none, boxes, embeddings, both"):
        VisualEncoderHeads(7, 64, SHAPES, visual="frames")


@torch.no_grad()
def test_steps_longer_than_label_frames_attend_to_the_whole_video():
    model = VisualEncoderHeads(7, 64, SHAPES, visual="embeddings", feedforward=16).eval()
    x, video = torch.randn(1, 7, 51, 64), torch.rand(1, 21, 72)
    changed = video.clone()
    changed[:, 19] += 1
    heads, others = model(x, video)["doa"], model(x, changed)["doa"]
    assert (heads - others).abs().max() > 1e-5


def test_heads_of_the_attention_that_do_not_divide_the_width_are_refused():
    with pytest.raises(BadInput, match=r"n_heads: a width of .* is no multiple of 7 heads; choose others"):
        VisualEncoderHeads(7, 64, SHAPES, n_heads=7)


def test_without_a_hidden_layer_a_head_is_one_linear_layer():
    assert isinstance(EncoderHeads(7, 64, SHAPES).heads["sed"], nn.Linear)


def test_an_unknown_activation_and_a_short_window_are_refused():
    with pytest.raises(BadInput, match="'gelu' is none of relu, leaky_relu"):
        EncoderHeads(7, 64, SHAPES, hidden=8, activation="gelu")
    with pytest.raises(BadInput, match="15 frames"):
        EncoderHeads(7, 64, SHAPES)(torch.randn(1, 7, 15, 64))
