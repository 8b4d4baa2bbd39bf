"""Attention with sinusoids of distances, corrected and as published."""

import math

import pytest
import torch

from avseld.base.errors import BadInput
from avseld.models.position_conformer import PositionAttention, PositionConformer, sinusoids


def scores(attend: PositionAttention, x: torch.Tensor) -> torch.Tensor:
    """Literal scores (head, step, step) of one window (step, width)."""
    n_steps, width = x.shape
    query, key = (
        layer(x).view(n_steps, attend.n_heads, -1) for layer in (attend.query_proj, attend.key_proj)
    )
    scale = (width if attend.legacy else width // attend.n_heads) ** -0.5
    found = torch.zeros(attend.n_heads, n_steps, n_steps)
    for i in range(n_steps):
        for j in range(n_steps):
            asking, place = i, i - j
            if attend.legacy:  # later steps get the code of another distance, and of the following query
                asking, place = (i, n_steps - 1 - (i - j)) if j <= i else (i + 1, j - i - 2)
            by_place = 0.0
            if not (attend.legacy and j == i + 1):
                code = attend.pos_proj(sinusoids(torch.tensor([float(place)]), width))[0]
                by_place = ((query[asking] + attend.v_bias) * code.view(attend.n_heads, -1)).sum(-1)
            found[:, i, j] = scale * (((query[i] + attend.u_bias) * key[j]).sum(-1) + by_place)
    return found


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("n_steps", [1, 2, 7])
@torch.no_grad()
def test_scores_are_those_of_the_definition(legacy, n_steps):
    attend, x = PositionAttention(12, 3, legacy).eval(), torch.randn(n_steps, 12)
    value = attend.value_proj(x).view(n_steps, 3, -1).transpose(0, 1)
    expected = attend.out_proj((scores(attend, x).softmax(-1) @ value).transpose(0, 1).flatten(1))
    torch.testing.assert_close(attend(x[None])[0], expected)


def test_sinusoids_of_16_bits_are_the_precise_ones_rounded():
    place = torch.arange(-999, 1000)
    codes = sinusoids(place, 16, torch.bfloat16)
    assert codes.dtype == torch.bfloat16
    torch.testing.assert_close(codes.double(), sinusoids(place, 16, torch.float64), rtol=0, atol=4e-3)


def test_sinusoids_are_the_published_ones():
    codes = sinusoids(torch.tensor([0.0, 3.0]), 4)
    expected = [math.sin(3), math.cos(3), math.sin(0.03), math.cos(0.03)]
    torch.testing.assert_close(codes, torch.tensor([[0, 1, 0, 1], expected]))


@pytest.mark.parametrize("legacy", [False, True])
def test_every_weight_learns(legacy):
    conformer = PositionConformer(8, 2, 2, legacy=legacy)
    conformer(torch.randn(2, 9, 8)).square().mean().backward()
    for name, weight in conformer.named_parameters():
        assert weight.grad.abs().sum() > 0, name


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(BadInput, match="a width of 10 is no multiple of 4 heads"):
        PositionAttention(10, 4)
