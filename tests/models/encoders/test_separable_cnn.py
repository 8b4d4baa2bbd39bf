import pytest
import torch

from avseld.base.errors import BadInput
from avseld.models.encoders.separable_cnn import SeparableBlock, SeparableCNN
from avseld.recipes import FOLDER
from avseld.recipes.listing import describe


def test_a_separable_block_has_the_parameters_of_the_paper():
    block = SeparableBlock(32, 48, (1, 1))
    kernels = block.depthwise.weight.numel() + block.pointwise.weight.numel()
    assert kernels == 3 * 3 * 32 + 32 * 48


def test_the_depthwise_convolution_keeps_channels_apart():
    block = SeparableBlock(4, 4, (1, 1)).eval()
    x = torch.randn(1, 4, 6, 8)
    other = x.clone()
    other[:, 2] += 1
    with torch.no_grad():
        change = (block.depthwise(other) - block.depthwise(x)).abs().sum(dim=(0, 2, 3))
    assert (change > 0).tolist() == [False, False, True, False]


def test_steps_follow_the_sound_in_time():
    encoder = SeparableCNN(7, 64).eval()
    x = torch.randn(1, 7, 100, 64)
    late = x.clone()
    late[:, :, 90:] += 3
    with torch.no_grad():
        change = (encoder(late) - encoder(x)).norm(dim=2)[0]
    assert change.shape == (10,) and change[9] > 0 and change[:7].max() == 0


def test_the_recipe_differs_from_av_foa_quick_by_its_encoder_alone():
    separable, plain = (describe(FOLDER / f"av_foa_{name}.yaml") for name in ("separable", "quick"))
    assert separable["parameters"] < plain["parameters"]
    assert separable["input"] == plain["input"] and separable["output"] == plain["output"]


def test_what_does_not_fit_is_named():
    with pytest.raises(BadInput, match="one number for each block"):
        SeparableCNN(7, 64, frame_pooling=(5, 2))
    with pytest.raises(BadInput, match="16 bins are too few; give at least 32"):
        SeparableCNN(7, 16)
