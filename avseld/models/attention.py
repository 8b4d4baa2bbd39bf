"""Attention of several heads, as one operator or, to compare with, written as products of matrices."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.plain_layers import uses_pytorch_layers

FEW_KEYS_16_BIT, FEW_KEYS, FEW_VALUES = 512, 128, 8
"""up to which products are faster on a CPU: keys in 16 bits; keys, and values of each, where gradients are wanted"""


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None = None,
    dropout: float = 0.0,
    scale: float | None = None,
) -> Tensor:
    """Weight values by the softmax of scaled products of queries and keys.

    Args:
        query: (..., query, width).
        key: (..., key, width).
        value: (..., key, value width).
        bias: added to the scaled products, broadcast to (..., query, key): offsets, or a mask of large negative values.
        dropout: share of the weights that are set to zero; 0 outside of training.
        scale: of the products; 1 / sqrt(width) if None.

    Returns:
        (..., query, value width).
    """
    if not uses_pytorch_layers() and not _products_are_faster(query, key, bias):
        bias = None if bias is None else bias.to(query.dtype)
        return functional.scaled_dot_product_attention(query, key, value, bias, dropout, scale=scale)
    query = query * (
        1 / math.sqrt(query.shape[-1]) if scale is None else scale
    )  # fewer values than the products
    weight = query @ key.transpose(-1, -2)
    weight = (weight if bias is None else weight + bias).softmax(dim=-1)
    return functional.dropout(weight, dropout) @ value


def _products_are_faster(query: Tensor, key: Tensor, bias: Tensor | None) -> bool:
    """Tell whether products of matrices and a softmax take less time than the operator, which they do on CPUs at times.

    PyTorch 2.11, one thread of an AMD EPYC with AVX-512: with gradients the operator takes seven times as long in bf16
    for 100 keys of 16 values and 1.6 times for 500 of 32, in single precision twice as long for 16 of 8.
    """
    if query.device.type != "cpu":
        return False
    if (
        bias is not None and bias.requires_grad
    ):  # the operator falls back to products that take a third longer
        return True
    if query.element_size() == 2:
        return key.shape[-2] <= FEW_KEYS_16_BIT
    learns = torch.is_grad_enabled() and query.requires_grad
    return learns and query.shape[-1] <= FEW_VALUES and key.shape[-2] <= FEW_KEYS


class SelfAttention(nn.Module):
    """Self-attention of several heads with the parameter names of `nn.MultiheadAttention`.

    Args:
        width: of a token.
        n_heads: heads, each of width / n_heads.
        bias: of all linear layers.
        dropout: share of the attention weights that training sets to zero.

    Raises:
        BadInput: heads that do not divide the width.
    """

    def __init__(self, width: int, n_heads: int, bias: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        if width % n_heads:
            raise BadInput(f"attention: a width of {width} is no multiple of {n_heads} heads")
        self.n_heads, self.dropout = n_heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width)) if bias else None
        self.out_proj = nn.Linear(width, width, bias)
        nn.init.xavier_uniform_(self.in_proj_weight)
        if bias:
            nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., token, width) -> the same shape."""
        shape = x.shape
        x = x.reshape(-1, *shape[-2:])  # the fused operator takes one axis of batches and one of heads
        heads = functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        query, key, value = (
            part.unflatten(-1, (self.n_heads, -1)).transpose(-2, -3) for part in heads.chunk(3, dim=-1)
        )
        attended = attention(query, key, value, dropout=self.dropout if self.training else 0.0)
        return self.out_proj(attended.transpose(-2, -3).flatten(-2)).view(shape)
