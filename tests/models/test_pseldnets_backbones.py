"""Networks of PSELDNets other than HTS-AT: sizes, windows, heads."""

import pytest
import torch

from avseld.base.errors import BadInput
from avseld.models.encoders.passt import PaSST
from avseld.models.pseldnets_backbones import PSELDNetsCRNN, PSELDNetsPaSST

CNN14 = {"widths": [64, 128, 256, 512, 1024, 2048], "decoder": "conformer", "n_layers": 1}
SMALL_CNN = {"widths": [4, 4, 6, 8], "hidden": 5}
SMALL_PASST = {"token": 12, "n_blocks": 1, "n_heads": 2}


@pytest.mark.parametrize(
    ("kind", "options", "n_classes", "count"),
    [
        (PSELDNetsPaSST, {}, 13, 51_170_549),
        (PSELDNetsPaSST, {}, 170, 52_257_146),
        (PSELDNetsCRNN, {}, 13, 1_798_229),
        (PSELDNetsCRNN, {"decoder": "conformer"}, 13, 4_382_805),
        (PSELDNetsCRNN, CNN14, 13, 176_511_669),
        (PSELDNetsCRNN, CNN14, 170, 179_406_906),
    ],
)
def test_sizes_are_the_published_ones(kind, options, n_classes, count):
    with torch.device("meta"):
        network = kind(7, 64, {"accdoa": (3, 3, n_classes)}, **options)
    assert sum(weight.numel() for weight in network.parameters()) == count


@pytest.mark.parametrize(("kind", "options"), [(PSELDNetsCRNN, SMALL_CNN), (PSELDNetsPaSST, SMALL_PASST)])
@pytest.mark.parametrize("n_frames", [10, 501, 999])
def test_windows_of_any_length_give_every_frame_its_heads(kind, options, n_frames):
    network = kind(7, 64, {"sed": (3, 5), "doa": (3, 3)}, **options).eval()
    with torch.no_grad():
        heads = network(torch.randn(1, 7, n_frames, 64))
    assert {name: tuple(head.shape) for name, head in heads.items()} == {
        "sed": (1, n_frames, 3, 5),
        "doa": (1, n_frames, 3, 3),
    }


def test_a_step_of_eight_frames_is_shared_among_the_outputs_of_ten():
    network = PSELDNetsCRNN(7, 64, {"accdoa": (3, 2)}, **SMALL_CNN).eval()
    seen = []
    network.decoder.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.no_grad():
        outputs = network.encode(torch.randn(1, 7, 50, 64))[0]
    steps = seen[0][0]  # 6 for 48 frames, of which the last one lasts until the end
    torch.testing.assert_close(outputs[0], (8 * steps[0] + 2 * steps[1]) / 10)
    torch.testing.assert_close(outputs[4], steps[5])


def test_in_training_a_short_window_takes_a_stretch_of_the_codes_of_time_else_the_first():
    torch.manual_seed(0)
    network, x = PaSST(2, 20, max_steps=30, **SMALL_PASST), torch.randn(1, 2, 40, 20)
    codes = network.encoder.time_new_pos_embed
    starts = set()
    for _ in range(12):
        codes.grad = None
        network(x).square().sum().backward()
        used = torch.nonzero(codes.grad.abs().sum(dim=(0, 1, 2))).flatten()
        assert used.tolist() == list(range(used[0], used[0] + 4))
        starts.add(int(used[0]))
    assert len(starts) > 3
    network.eval()
    codes.grad = None
    network(x).square().sum().backward()
    assert torch.nonzero(codes.grad.abs().sum(dim=(0, 1, 2))).flatten().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        (PSELDNetsCRNN, {"decoder": "lstm"}, "decoder: 'lstm' is none of gru, conformer"),
        (PSELDNetsCRNN, {"widths": [4, 8]}, "widths: 2 numbers; give at least 3"),
        (PSELDNetsCRNN, {"widths": [4] * 7}, "pooling by 128 leaves nothing"),
        (PSELDNetsPaSST, {"n_heads": 7}, "a width of 768 is no multiple of 7 heads"),
    ],
)
def test_options_that_do_not_fit_are_refused(kind, options, says):
    with pytest.raises(BadInput, match=says):
        kind(7, 64, {"accdoa": (3, 13)}, **options)


def test_windows_that_are_too_long_or_short_are_refused():
    with pytest.raises(BadInput, match="1010 frames is longer than the 1000 of PaSST"):
        PSELDNetsPaSST(2, 20, {"accdoa": (3, 2)}, **SMALL_PASST)(torch.randn(1, 2, 1010, 20))
    with pytest.raises(BadInput, match="9 frames is too short"):
        PSELDNetsCRNN(2, 64, {"accdoa": (3, 2)}, **SMALL_CNN)(torch.randn(1, 2, 9, 64))
