"""Convolution, batch normalization, rectifier and max pooling in one step of training, with a third of the traffic.

Normalization and rectifier rise with what they are given, so the largest value of a window is found before them, and
they are computed for one value of the window in place of all. What is left of the full size is the convolution, one
pass for mean and variance, one for the largest values, and one for the gradient. The arithmetic is that of the plain
path; sums run in another order.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.models.fast_cpu import is_fast


def conv_norm_pool(x: Tensor, conv: nn.Conv2d, norm: nn.BatchNorm2d, pool: tuple[int, int]) -> Tensor:
    """max_pool(relu(norm(conv(x)))).

    Args:
        x: (batch, channel, frame, bin).
        conv: without bias.
        norm: of its channels, with learned scale and shift.
        pool: (frames, bins) that become one.

    Returns:
        (batch, output channel, frame // pool, bin // pool).
    """
    if not is_fast(x, norm):
        return functional.max_pool2d(functional.relu(norm(conv(x))), pool)
    # A negative scale turns the order of values around: the kernel is turned with it, so that the largest one counts.
    sign = torch.where(norm.weight.detach() < 0, -1.0, 1.0)
    y = functional.conv2d(x, conv.weight * sign[:, None, None, None], None, conv.stride, conv.padding)
    # One pass that adds up as `nn.BatchNorm2d` does; `torch.var_mean` over these axes takes ten times as long.
    mean, variance = torch.batch_norm_update_stats(
        y.detach(), torch.zeros_like(norm.weight), torch.ones_like(norm.weight), 1.0
    )
    _remember(norm, sign * mean, variance, y.numel() // y.shape[1])
    return _NormPool.apply(y, norm.weight * sign, norm.bias, mean, (variance + norm.eps).rsqrt(), pool)


@torch.no_grad()
def _remember(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Moving statistics, as `nn.BatchNorm2d` keeps them."""
    assert (
        norm.running_mean is not None
        and norm.running_var is not None
        and norm.num_batches_tracked is not None
    )
    norm.num_batches_tracked.add_(1)
    rate = norm.momentum if norm.momentum is not None else 1.0 / float(norm.num_batches_tracked)
    norm.running_mean.lerp_(mean.to(norm.running_mean), rate)
    norm.running_var.lerp_((variance * (count / max(count - 1, 1))).to(norm.running_var), rate)


class _NormPool(torch.autograd.Function):
    """relu(normalized largest value of every window), with the gradient through mean and variance."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, y: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, rate: Tensor, pool: tuple[int, int]
    ) -> Tensor:
        top, index = functional.max_pool2d(y, pool, return_indices=True)
        slope = (scale * rate)[:, None, None]
        out = (top * slope + (shift - mean * scale * rate)[:, None, None]).relu_()
        ctx.save_for_backward(y, top, index, out > 0, scale, mean, rate)
        return out.to(y.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        y, top, index, there, scale, mean, rate = ctx.saved_tensors
        grad = grads[0].to(scale.dtype) * there
        normal = (top.to(scale.dtype) - mean[:, None, None]) * rate[:, None, None]
        to_shift, to_scale = grad.sum(dim=(0, 2, 3)), (grad * normal).sum(dim=(0, 2, 3))
        # What every value of a channel gets through the mean and the variance is a straight line over its value.
        share = scale * rate / (y.numel() // y.shape[1])
        line, offset = -share * rate * to_scale, share * (rate * mean * to_scale - to_shift)
        dense = torch.addcmul(
            offset[:, None, None].to(y.dtype), y, line[:, None, None].to(y.dtype)
        ).contiguous(memory_format=torch.channels_last)
        batch, channel = y.shape[:2]
        flat = dense.permute(0, 2, 3, 1).view(batch, -1, channel)
        # Windows share no value, so that a largest one can be written anew, its line and its own gradient together.
        peaks = grad * (scale * rate)[:, None, None] + torch.addcmul(
            offset[:, None, None], top.to(scale.dtype), line[:, None, None]
        )
        # As whole numbers of the same width: PyTorch scatters bf16 by way of two copies of everything.
        whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[y.element_size()]
        flat.view(whole).scatter_(1, _rows(index), _rows(peaks.to(y.dtype)).view(whole))
        return dense, to_scale, to_shift, None, None, None


def _rows(x: Tensor) -> Tensor:
    """(batch, channel, frame, bin) -> (batch, frame and bin, channel)."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, x.shape[1])
