"""AV-Conformer and CMAF: sizes, windows, video."""

import pytest
import torch

from avseld.base.errors import BadInput
from avseld.models.av_conformer import AVConformer
from avseld.models.encoders.conv_conformer import ConvConformer

SMALL = {"widths": [4, 4, 8, 8], "n_blocks": 1, "n_heads": 2, "n_values": 6}
SHAPES = {"accdoa": (3, 3, 2)}


@pytest.mark.parametrize(
    ("n_values", "options", "count"),
    [(4096, {}, 85_327_221), (2048, {"video_conformer": False}, 68_392_309),
     (4096, {"fusion": "attention"}, 72_506_741),
     (2048, {"fusion": "attention", "video_conformer": False}, 55_571_829)],
)  # fmt: skip
def test_sizes_are_the_published_ones(n_values, options, count):
    with torch.device("meta"):
        network = AVConformer(7, 128, {"accdoa": (3, 3, 13)}, n_values, **options)
    assert sum(weight.numel() for weight in network.parameters()) == count
    if not options:
        assert (
            sum(weight.numel() for weight in network.audio.parameters()) == 20_750_336 + 1_024
        )  # and a norm


@pytest.mark.parametrize("fusion", ["conformer", "attention"])
@pytest.mark.parametrize(("n_frames", "n_embeddings"), [(16, 1), (51, 5), (65, 3)])
def test_windows_of_any_length_go_with_any_number_of_embeddings(fusion, n_frames, n_embeddings):
    network = AVConformer(3, 16, SHAPES, fusion=fusion, **SMALL)
    output = network(torch.randn(2, 3, n_frames, 16), torch.randn(2, n_embeddings, 6))["accdoa"]
    assert output.shape == (2, n_frames, 3, 3, 2)
    if n_frames > 16:
        output.square().sum().backward()
        assert all(weight.grad.abs().sum() > 0 for weight in network.parameters())


def test_the_first_blocks_learn_with_channels_last():
    """A convolution of 1 x 1 with a stride of 2 would end the process here (oneDNN, few channels)."""
    blocks = ConvConformer(7, 128, [8, 8, 8, 16], n_blocks=1).convolutions.to(
        memory_format=torch.channels_last
    )
    x = torch.randn(1, 7, 241, 128).to(memory_format=torch.channels_last)
    for _ in range(3):
        blocks(x).square().mean().backward()
    assert all(weight.grad.isfinite().all() for weight in blocks.parameters())


@pytest.mark.parametrize("fusion", ["conformer", "attention"])
@torch.no_grad()
def test_the_video_enters_and_a_blank_one_is_zeros(fusion):
    network = AVConformer(3, 16, SHAPES, fusion=fusion, **SMALL).eval()
    x, visual = torch.randn(1, 3, 48, 16), torch.randn(1, 3, 6)
    with_video, blank = (network(x, each)["accdoa"] for each in (visual, torch.zeros_like(visual)))
    assert not torch.allclose(with_video, blank)
    assert torch.equal(network(x)["accdoa"], blank)
    network.vision = False
    assert torch.equal(network(x, visual)["accdoa"], blank)


def test_an_unknown_fusion_and_short_windows_are_refused():
    with pytest.raises(BadInput, match="fusion: 'sum' is none of conformer, attention"):
        AVConformer(3, 16, SHAPES, fusion="sum", **SMALL)
    with pytest.raises(BadInput, match="15 frames is too short"):
        AVConformer(3, 16, SHAPES, **SMALL)(torch.randn(1, 3, 15, 16))


def test_attention_between_sound_and_video_refuses_an_odd_width():
    with pytest.raises(BadInput, match=r"widths: the last is 9; .* an even one"):
        AVConformer(3, 16, SHAPES, fusion="attention", **{**SMALL, "widths": [4, 4, 8, 9], "n_heads": 3})


def test_a_network_without_channels_is_refused():
    with pytest.raises(BadInput, match=r"widths: \[\]; give the channels of one block at least"):
        AVConformer(3, 16, SHAPES, **{**SMALL, "widths": []})
