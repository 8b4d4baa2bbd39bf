"""Self-attention has the parameters and the values of PyTorch's layer, as one operator and written plainly."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from avseld.base.errors import BadInput
from avseld.models.attention import SelfAttention, attention
from avseld.models.plain_layers import pytorch_layers


@pytest.mark.parametrize("path", [nullcontext, pytorch_layers])
@pytest.mark.parametrize("bias", [True, False])
def test_self_attention_equals_the_layer_of_pytorch_of_the_same_parameter_names(path, bias):
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(24, 3, bias=bias, batch_first=True)
    ours = SelfAttention(24, 3, bias=bias)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 7, 24)
    with path():
        assert torch.allclose(ours(x), theirs(x, x, x)[0], atol=1e-6)
        assert torch.allclose(ours(x[None])[0], ours(x), atol=1e-6)


def test_an_offset_and_a_scale_enter_the_products_alike_on_both_paths():
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 5, 6).unbind()
    bias = torch.randn(4, 5, 5)
    expected = ((query @ key.transpose(-1, -2) * 0.3 + bias).softmax(-1)) @ value
    for path in (nullcontext, pytorch_layers):
        with path():
            assert torch.allclose(attention(query, key, value, bias, scale=0.3), expected, atol=1e-6)
            learned = attention(query, key, value, bias.clone().requires_grad_(), scale=0.3)
            assert torch.allclose(learned, expected, atol=1e-6) and learned.requires_grad


@pytest.mark.parametrize(("keys", "width"), [(16, 8), (64, 5), (130, 8), (100, 24), (520, 16)])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02)])
def test_whichever_way_is_faster_gives_values_and_gradients_of_attention(dtype, error, keys, width):
    torch.manual_seed(0)
    exact = [torch.randn(2, 3, keys, width, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    rounded = [part.detach().to(dtype).requires_grad_() for part in exact]
    weight = (exact[0] @ exact[1].transpose(-1, -2) / width**0.5).softmax(dim=-1)
    (weight @ exact[2]).square().sum().backward()
    attended = attention(*rounded)
    attended.square().sum().backward()
    assert attended.dtype == dtype
    for ours, theirs in (
        (attended, weight @ exact[2]),
        *((r.grad, e.grad) for r, e in zip(rounded, exact, strict=True)),
    ):
        assert (ours.double() - theirs).norm() < error * theirs.norm()


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(BadInput, match="24 is no multiple of 5 heads"):
        SelfAttention(24, 5)
