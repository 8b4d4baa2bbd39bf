"""Conformer blocks: scores of offsets, refusals."""

import pytest
import torch

from avseld.base.errors import BadInput
from avseld.models.conformer import Conformer, ConformerBlock, ConvolutionModule, OffsetAttention
from avseld.models.plain_layers import pytorch_layers


def slow_attention(layer: OffsetAttention, x: torch.Tensor) -> torch.Tensor:
    """Self-attention with offsets, one pair of steps after the other: (batch, step, width)."""
    n_steps, heads = x.shape[1], []
    parts = [layer.query(x), *layer.key_value(x).chunk(2, dim=-1)]
    for query, key, value in zip(*(part.chunk(layer.n_heads, dim=-1) for part in parts), strict=True):
        score = torch.empty(x.shape[0], n_steps, n_steps)
        for i in range(n_steps):
            for j in range(n_steps):
                apart = max(-layer.max_offset, min(layer.max_offset, i - j)) + layer.max_offset
                score[:, i, j] = (query[:, i] * (key[:, j] + layer.offsets[apart])).sum(dim=-1)
        heads.append((score / query.shape[-1] ** 0.5).softmax(dim=-1) @ value)
    return layer.out(torch.cat(heads, dim=-1))


@pytest.mark.parametrize("n_steps", [1, 4, 9])
def test_every_pair_of_steps_has_the_score_of_its_distance_beyond_the_largest_one_too(n_steps):
    layer, x = OffsetAttention(12, n_heads=3, max_offset=3).eval(), torch.randn(2, n_steps, 12)
    with torch.no_grad():
        expected = slow_attention(layer, x)
        torch.testing.assert_close(layer(x), expected)
        with pytorch_layers():
            torch.testing.assert_close(layer(x), expected)


def test_distances_learn_from_the_steps_that_have_them():
    layer = OffsetAttention(8, n_heads=2, max_offset=5)
    layer(torch.randn(1, 3, 8)).square().sum().backward()
    assert layer.offsets.grad.abs().sum(dim=1).gt(0).tolist() == [False] * 3 + [True] * 5 + [False] * 3


def test_a_window_of_a_batch_does_not_change_the_others():
    model, x = Conformer(6, hidden=16).eval(), torch.randn(3, 20, 6)
    with torch.no_grad():
        torch.testing.assert_close(model(x)[1:2], model(x[1:2]))


def test_convolution_sees_half_a_kernel_to_each_side():
    layer, x = ConvolutionModule(4, 8, kernel=5).eval(), torch.randn(1, 11, 4)
    other = x.clone()
    other[:, 5] += torch.randn(4)
    with torch.no_grad():
        changed = (layer(x) - layer(other)).abs().sum(dim=2)[0] > 0
    assert changed.tolist() == [False] * 3 + [True] * 5 + [False] * 3


def test_a_block_takes_another_attention():
    block = ConformerBlock(8, attention=torch.nn.Identity())
    assert not any("offsets" in name for name, _ in block.named_parameters())
    assert block(torch.randn(1, 6, 8)).shape == (1, 6, 8)


@pytest.mark.parametrize(
    ("options", "says"), [({"n_heads": 3}, "no multiple of 3 heads"), ({"kernel": 4}, "give an odd number")]
)
def test_heads_and_kernels_that_do_not_fit_are_refused(options, says):
    with pytest.raises(BadInput, match=says):
        ConformerBlock(8, **options)
