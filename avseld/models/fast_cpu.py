"""Training passes for CPUs: batch normalization, and convolution + normalization + rectifier + max pooling in one.

The results are those of PyTorch's layers; sums run in another order. Two observations make them faster:

* PyTorch's gradient of batch normalization takes, with channels last, as long as all convolutions of these networks
  together; `normalize` computes it in a few contiguous passes.
* Batch normalization and ReLU are monotonic, so max pooling can be done first; `conv_norm_pool` then runs both on the
  pooled values only. At full size remain the convolution, one pass for mean and variance, one for the largest values
  and one for the gradient: a third of the memory traffic.

A training step gains 1.2 to 1.4 times (docs/performance.md).

**Switch.** `is_fast` decides for each call: only in training, on the CPU (`conv_norm_pool` on CUDA as well), with
channels last, and outside torch.compile; everywhere else PyTorch's layers run. `with pytorch_layers():` takes them here
as well, to compare results or timings.

In a run of several processes the moments of all of them are gathered once a layer, and so are the two sums of its
gradient.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.models.moments import batch_moments, n_processes, sum_of_processes, update_running

_OFF: ContextVar[bool] = ContextVar("pytorch_layers", default=False)


@contextmanager
def pytorch_layers() -> Iterator[None]:
    """Switch the passes of this module off within a `with` block: PyTorch's own layers run."""
    token = _OFF.set(True)
    try:
        yield
    finally:
        _OFF.reset(token)


def is_fast(x: Tensor, norm: nn.BatchNorm2d, devices: tuple[str, ...] = ("cpu",)) -> bool:
    """Tell whether the passes of this module apply: in training, channels last, on these devices."""
    return (
        norm.training
        and torch.is_grad_enabled()
        and not _OFF.get()
        and not torch.compiler.is_compiling()
        and x.device.type in devices
        and x.is_contiguous(memory_format=torch.channels_last)
        and x.dtype != torch.float16
        and norm.momentum is not None
        and norm.track_running_stats
        and norm.weight.requires_grad
    )


def normalize(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Compute `nn.BatchNorm2d` in training, running statistics included.

    Args:
        x: (batch, channel, frame, bin), channels last.
        norm: of its channels.
    """
    if n_processes() > 1:
        mean, variance, count = batch_moments(x)
        update_running(norm, mean, variance, count)
    else:
        assert norm.num_batches_tracked is not None
        with torch.no_grad():
            norm.num_batches_tracked.add_(1)
            mean, variance = torch.batch_norm_update_stats(
                x, norm.running_mean, norm.running_var, float(norm.momentum or 0.0)
            )
    return _Normalize.apply(x, norm.weight, norm.bias, mean, (variance + norm.eps).rsqrt())


def flat_rows(x: Tensor) -> Tensor:
    """Reshape (batch, channel, frame, bin) to (batch and frame and bin, channel); no copy if channels are last."""
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
        to_shift = flat_rows(grad).sum(dim=0, dtype=scale.dtype)
        to_scale = flat_rows(off * grad).sum(dim=0, dtype=scale.dtype) * rate
        # The gradient through mean and variance is affine in (x - mean), with the sums of all processes.
        slope, count = scale * rate, x.numel() // x.shape[1] * n_processes()
        all_shift, all_scale = sum_of_processes(torch.stack([to_shift, to_scale]))
        line, start = (
            part[:, None, None].to(x.dtype)
            for part in (-slope * rate * all_scale / count, -slope * all_shift / count)
        )
        back = off.mul_(line).add_(start).addcmul_(grad, slope[:, None, None].to(x.dtype))
        return back, to_scale, to_shift, None, None


def conv_norm_pool(x: Tensor, conv: nn.Conv2d, norm: nn.BatchNorm2d, pool: tuple[int, int]) -> Tensor:
    """Compute max_pool(relu(norm(conv(x)))).

    Args:
        x: (batch, channel, frame, bin).
        conv: without bias.
        norm: of its channels, with learned scale and shift.
        pool: (frames, bins) that become one.

    Returns:
        (batch, output channel, frame // pool, bin // pool).
    """
    if not is_fast(x, norm, ("cpu", "cuda")):  # on an H100 a step of av_foa takes 2.02 ms in place of 2.29
        return functional.max_pool2d(functional.relu(norm(conv(x))), pool)
    # A negative scale reverses the order of values: the kernel is negated with it, so that the maximum is right.
    sign = torch.where(norm.weight.detach() < 0, -1.0, 1.0)
    y = functional.conv2d(x, conv.weight * sign[:, None, None, None], None, conv.stride, conv.padding)
    mean, variance, count = batch_moments(y.detach())
    update_running(norm, sign * mean, variance, count)
    return _NormPool.apply(y, norm.weight * sign, norm.bias, mean, (variance + norm.eps).rsqrt(), pool)


class _NormPool(torch.autograd.Function):
    """relu(normalized maximum of every pooling window), with the gradient through mean and variance."""

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
        # The gradient through mean and variance is affine in the value, with the sums of all processes.
        share = scale * rate / (y.numel() // y.shape[1] * n_processes())
        all_shift, all_scale = sum_of_processes(torch.stack([to_shift, to_scale]))
        line, offset = -share * rate * all_scale, share * (rate * mean * all_scale - all_shift)
        dense = torch.addcmul(
            offset[:, None, None].to(y.dtype), y, line[:, None, None].to(y.dtype)
        ).contiguous(memory_format=torch.channels_last)
        batch, channel = y.shape[:2]
        flat = dense.permute(0, 2, 3, 1).view(batch, -1, channel)
        # Pooling windows do not overlap, so each maximum is written once, both parts of its gradient added up.
        peaks = grad * (scale * rate)[:, None, None] + torch.addcmul(
            offset[:, None, None], top.to(scale.dtype), line[:, None, None]
        )
        # As integers of the same width: PyTorch scatters bf16 by way of two copies of everything.
        whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[y.element_size()]
        flat.view(whole).scatter_(1, _rows(index), _rows(peaks.to(y.dtype)).view(whole))
        return dense, to_scale, to_shift, None, None, None


def _rows(x: Tensor) -> Tensor:
    """(batch, channel, frame, bin) -> (batch, frame and bin, channel)."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, x.shape[1])
