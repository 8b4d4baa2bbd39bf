"""Outside of training a convolution and its normalization are one convolution, with the same output."""

import pytest
import torch
from torch import nn

from avseld.models.blocks import BatchNorm, BinNorm, ConvBlock
from avseld.models.encoders.cnn import ConvEncoder
from avseld.models.folding import conv_norm, is_foldable
from avseld.models.plain_layers import pytorch_layers


def with_statistics(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    for value in (norm.weight.data, norm.bias.data, norm.running_mean):
        nn.init.normal_(value)
    nn.init.uniform_(norm.running_var, 0.1, 3)
    return norm


@pytest.mark.parametrize("bias", [False, True])
def test_a_folded_layer_gives_what_its_parts_give(bias):
    torch.manual_seed(0)
    conv, norm = (
        nn.Conv2d(3, 5, 3, padding=1, bias=bias).double(),
        with_statistics(BatchNorm(5)).double().eval(),
    )
    x = torch.randn(2, 3, 8, 6).double()
    assert is_foldable(conv, norm)
    torch.testing.assert_close(conv_norm(x, conv, norm), norm(conv(x)), rtol=1e-10, atol=1e-10)


def test_training_statistics_and_other_normalizations_are_not_folded():
    conv = nn.Conv2d(3, 5, 3, padding=1)
    assert not is_foldable(conv, BatchNorm(5))
    assert not is_foldable(conv, BinNorm(6).eval())
    norm = BatchNorm(5)
    conv_norm(torch.randn(2, 3, 8, 6) + 1, conv, norm)
    assert norm.num_batches_tracked == 1


def test_a_layer_that_is_looked_at_runs_in_its_parts():
    conv, norm, seen = nn.Conv2d(3, 5, 3, padding=1), BatchNorm(5).eval(), []
    norm.register_forward_hook(lambda layer, given, output: seen.append(output.shape))
    conv_norm(torch.randn(2, 3, 8, 6), conv, norm)
    assert seen == [(2, 5, 8, 6)]


@pytest.mark.parametrize("training", [False, True])
def test_blocks_give_the_values_and_gradients_of_rectifying_before_pooling(training):
    torch.manual_seed(0)
    block = ConvBlock(3, 5, (2, 3)).double().train(training)
    with_statistics(block.bn)
    x = torch.randn(2, 3, 8, 9).double()
    found = []
    for plain in (False, True):
        block.zero_grad()
        if plain:
            with pytorch_layers():
                out = nn.functional.max_pool2d(torch.relu(block.bn(block.conv(x))), (2, 3))
        else:
            out = block(x)
        out.square().sum().backward()
        found.append((out.detach(), [weight.grad for weight in block.parameters()]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-9)


def test_the_encoder_gives_the_same_embeddings_by_pytorchs_layers():
    torch.manual_seed(0)
    encoder = ConvEncoder(4, 64, 8).eval()
    for number in (1, 2, 3):
        with_statistics(getattr(encoder, f"bn{number}"))
    x = torch.randn(2, 4, 32, 64)
    with torch.no_grad():
        ours = encoder(x)
        with pytorch_layers():
            theirs = encoder(x)
    assert ours.std() > 0.05
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_torch_compile_follows_a_convolution_and_its_normalization_in_one_graph():
    conv, norm = nn.Conv2d(2, 3, 3, padding=1), BatchNorm(3)
    x = torch.randn(2, 2, 6, 5)
    compiled = torch.compile(lambda x: conv_norm(x, conv, norm), fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), conv_norm(x, conv, norm))
