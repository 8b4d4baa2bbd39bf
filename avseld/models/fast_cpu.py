"""Batch normalization in training on a processor: the arithmetic of `nn.BatchNorm2d` in a few straight passes.

PyTorch's own gradient of it takes, with channels last, as long as all convolutions of these networks together.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import torch.distributed
from torch import Tensor, nn

_PLAIN: ContextVar[bool] = ContextVar("plain", default=False)


@contextmanager
def plain() -> Iterator[None]:
    """Take the plain path within, layer by layer, to compare with."""
    token = _PLAIN.set(True)
    try:
        yield
    finally:
        _PLAIN.reset(token)


def is_fast(x: Tensor, norm: nn.BatchNorm2d) -> bool:
    """Whether a layer that learns is given what the fast path takes: channels last, on the processor, one process."""
    return (
        norm.training
        and torch.is_grad_enabled()
        and not _PLAIN.get()
        and not torch.compiler.is_compiling()
        and x.device.type == "cpu"
        and x.is_contiguous(memory_format=torch.channels_last)
        and norm.momentum is not None
        and norm.track_running_stats
        and norm.weight.requires_grad
        and not (torch.distributed.is_available() and torch.distributed.is_initialized())
    )


def normalize(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """`nn.BatchNorm2d` in training, moving statistics included.

    Args:
        x: (batch, channel, frame, bin), channels last.
        norm: of its channels.
    """
    assert (
        norm.running_mean is not None
        and norm.running_var is not None
        and norm.num_batches_tracked is not None
    )
    with torch.no_grad():
        norm.num_batches_tracked.add_(1)
        mean, variance = torch.batch_norm_update_stats(
            x, norm.running_mean, norm.running_var, float(norm.momentum or 0.0)
        )
    return _Normalize.apply(x, norm.weight, norm.bias, mean, (variance + norm.eps).rsqrt())


def rows_of(x: Tensor) -> Tensor:
    """(batch, channel, frame, bin) -> (batch and frame and bin, channel), without a copy where channels lie last."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


class _Normalize(torch.autograd.Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, rate: Tensor
    ) -> Tensor:
        ctx.save_for_backward(x, scale, mean, rate)
        slope = scale * rate
        start = (shift - mean * slope)[:, None, None].to(x.dtype)
        return torch.addcmul(start, x, slope[:, None, None].to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, scale, mean, rate = ctx.saved_tensors
        grad = grads[0].contiguous(memory_format=torch.channels_last)
        off = x - mean[:, None, None].to(x.dtype)
        to_shift = rows_of(grad).sum(dim=0, dtype=scale.dtype)
        to_scale = rows_of(off * grad).sum(dim=0, dtype=scale.dtype) * rate
        # What a value gets through the mean and the variance is a straight line over its distance from the mean.
        slope, count = scale * rate, x.numel() // x.shape[1]
        line, start = (
            part[:, None, None].to(x.dtype)
            for part in (-slope * rate * to_scale / count, -slope * to_shift / count)
        )
        back = off.mul_(line).add_(start).addcmul_(grad, slope[:, None, None].to(x.dtype))
        return back, to_scale, to_shift, None, None
