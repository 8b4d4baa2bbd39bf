"""MVANet: what of a picture goes on, windows of any length."""

import pytest
import torch

from avseld.models.encoder_heads import EncoderHeads
from avseld.models.mvanet import Gate, MVANet

SHAPES = {"sed": (4,), "coordinates": (3, 4)}


def network(**options) -> MVANet:
    return MVANet(7, 32, SHAPES, n_values=12, width=16, **options).eval()


def test_a_gate_weighs_the_picture_and_the_published_one_returns_its_weights():
    gates = Gate(6, 3), Gate(6, 3, legacy=True)
    gates[1].load_state_dict(gates[0].state_dict())
    audio, visual = torch.randn(2, 5, 6), torch.randn(2, 5, 3)
    with torch.no_grad():
        weighed, weights = (gate.eval()(audio, visual) for gate in gates)
    torch.testing.assert_close(weighed, weights * visual)
    assert 0 < weights.min() < weights.max() < 1


@pytest.mark.parametrize(("n_frames", "n_label_frames"), [(5, 1), (53, 11)])
def test_any_window_from_a_label_frame_on(n_frames, n_label_frames):
    heads = network()(torch.randn(2, 7, n_frames, 32), torch.rand(2, n_label_frames, 12))
    assert {name: tuple(head.shape[1:]) for name, head in heads.items()} == {
        "sed": (n_frames, 4),
        "coordinates": (n_frames, 3, 4),
    }


def test_every_weight_learns():
    model = network()
    heads = model(torch.randn(2, 7, 25, 32), torch.rand(2, 5, 12))
    sum(head.square().sum() for head in heads.values()).backward()
    assert all(weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_a_blank_video_gives_what_the_audio_only_control_gives():
    x, visual = torch.randn(1, 7, 25, 32), torch.rand(1, 5, 12)
    model, control = network(), network(vision=False)
    control.load_state_dict(model.state_dict())
    with torch.no_grad():
        shown, blank, without_video = model(x, visual), model(x), control(x, visual)
    assert torch.equal(blank["coordinates"], without_video["coordinates"])
    assert (shown["coordinates"] - blank["coordinates"]).abs().max() > 1e-3


def test_its_layers_for_sound_are_those_of_a_resnet_conformer():
    model = MVANet(7, 64, SHAPES, width=16)
    audio = EncoderHeads(7, 64, SHAPES, {"name": "resnet_conformer", "options": {"width": 16}})
    roles = model.pretrained_roles["audio"]
    for own, theirs in roles.items():
        given = audio.get_submodule(theirs).state_dict()
        assert {name: value.shape for name, value in model.get_submodule(own).state_dict().items()} == {
            name: value.shape for name, value in given.items()
        }
    taken = {*roles.values()}
    assert taken >= {f"encoder.blocks.{number}" for number in range(8)} and len(taken) == len(roles) == 11


def test_a_window_of_a_batch_does_not_change_the_others():
    model, x, visual = network(), torch.randn(3, 7, 25, 32), torch.rand(3, 5, 12)
    with torch.no_grad():
        torch.testing.assert_close(model(x, visual)["sed"][1:2], model(x[1:2], visual[1:2])["sed"])
