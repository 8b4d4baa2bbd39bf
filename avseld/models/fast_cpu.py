"""Training passes for CPUs: batch normalization, and convolution + normalization + rectifier + max pooling in one.

The results are those of PyTorch's layers; sums run in another order. Two observations make them faster:

* PyTorch has no batch normalization over several processes of a CPU; written out, its gradient takes as long as all
  convolutions of these networks together. `normalize` computes it in a few contiguous passes. (In one process PyTorch's
  own, with channels last, takes half as long as these passes, in bf16 a fifth.)
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

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseld.models.folding import conv_norm, is_foldable
from avseld.models.kernel_gradient import kernel_gradient
from avseld.models.moments import (
    are_summed_fast,
    batch_moments,
    mean_of_processes,
    n_processes,
    own_mean_square,
    sum_of_processes,
    sum_of_products,
    update_running,
)
from avseld.models.plain_layers import uses_pytorch_layers


def is_fast(x: Tensor, norm: nn.BatchNorm2d, devices: tuple[str, ...] = ("cpu",)) -> bool:
    """Tell whether the passes of this module apply: in training, channels last, on these devices."""
    return (
        norm.training
        and torch.is_grad_enabled()
        and not uses_pytorch_layers()
        and not torch.compiler.is_compiling()
        and x.device.type in devices
        and x.is_contiguous(memory_format=torch.channels_last)
        and x.dtype != torch.float16
        and norm.momentum is not None
        and norm.track_running_stats
        and norm.weight.requires_grad
    )


def normalize(x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Compute `nn.BatchNorm2d` in training over the batches of all processes, running statistics included.

    Args:
        x: (batch, channel, frame, bin), channels last.
        norm: of its channels.
    """
    mean, variance, count = batch_moments(x)
    update_running(norm, mean, variance, count)
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
        if are_summed_fast(grad, off):
            to_scale, to_shift = sum_of_products(grad, off)
        else:
            to_shift = flat_rows(grad).sum(dim=0, dtype=scale.dtype)
            to_scale = flat_rows(off * grad).sum(dim=0, dtype=scale.dtype)
        to_scale = to_scale * rate
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
        if is_foldable(conv, norm):
            return functional.relu(functional.max_pool2d(conv_norm(x, conv, norm), pool))
        return functional.max_pool2d(functional.relu(norm(conv(x))), pool)
    # A negative scale reverses the order of values: the kernel is negated with it, so that the maximum is right.
    sign = torch.where(norm.weight.detach() < 0, -1.0, 1.0)
    kernel = conv.weight * sign[:, None, None, None]
    if not x.requires_grad and conv.weight.requires_grad and x.device.type == "cpu":
        return _of_features(x, kernel, sign, conv, norm, pool)
    y = functional.conv2d(x, kernel, None, conv.stride, conv.padding)
    mean, variance, count = batch_moments(y.detach())
    update_running(norm, sign * mean, variance, count)
    return _NormPool.apply(y, norm.weight * sign, norm.bias, mean, (variance + norm.eps).rsqrt(), pool)


def _of_features(
    x: Tensor, kernel: Tensor, sign: Tensor, conv: nn.Conv2d, norm: nn.BatchNorm2d, pool: tuple[int, int]
) -> Tensor:
    """Compute the same where no gradient of x is wanted, which saves writing that of the convolution's output."""
    if torch.is_autocast_enabled("cpu") and x.dtype == torch.float32:
        x, kernel = (value.to(torch.get_autocast_dtype("cpu")) for value in (x, kernel))
    with torch.no_grad():
        under_kernel = _sum_under_kernel(x, kernel, conv)
        n_frames, n_bins = _output_size(x, conv)
        count = len(x) * n_frames * n_bins
        # The mean is known before the convolution, which takes it away as a bias: values around 0 round least, and so
        # do sums over them. Normalization removes any constant.
        mean = mean_of_processes((kernel.to(under_kernel.dtype) * under_kernel).sum(dim=(1, 2, 3)) / count)
        bias = mean.to(x.dtype)
        y = functional.conv2d(x, kernel, -bias, conv.stride, conv.padding)
        left = mean - bias  # of rounding
        variance = (mean_of_processes(own_mean_square(y)) - left.square()).clamp_(min=0)
        update_running(norm, sign * mean, variance, count * n_processes())
        rate = (variance + norm.eps).rsqrt()
    return _FeatureNormPool.apply(
        kernel, norm.weight * sign, norm.bias, x, y, left, rate, pool, conv, under_kernel
    )


def _output_size(x: Tensor, conv: nn.Conv2d) -> tuple[int, int]:
    """Compute frames and bins of the output of a convolution."""
    assert not isinstance(conv.padding, str)
    frames, bins = (
        (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for size, padding, dilation, kernel, stride in zip(
            x.shape[2:], conv.padding, conv.dilation, conv.kernel_size, conv.stride, strict=True
        )
    )
    return frames, bins


def _pooled(
    y: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, rate: Tensor, pool: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute relu(normalized maximum of every pooling window), the maxima, and their places."""
    top, index = functional.max_pool2d(y, pool, return_indices=True)
    slope = scale * rate
    out = torch.addcmul((shift - mean * slope)[:, None, None], top, slope[:, None, None]).relu_()
    return out, top, index


def _line(
    grad: Tensor, top: Tensor, scale: Tensor, mean: Tensor, rate: Tensor, n_values: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Compute the gradient through mean and variance, which is affine in a value: value * line + offset.

    Args:
        grad: of the normalized maxima.
        top: maxima.
        scale: of the normalization.
        mean: of the values.
        rate: 1 / standard deviation.
        n_values: values of a channel in this process.

    Returns:
        line and offset, and the gradients of scale and shift, each (channel,).
    """
    to_shift = flat_rows(grad).sum(dim=0)
    to_scale = rate * (flat_rows(grad * top).sum(dim=0) - mean * to_shift)
    share = scale * rate / (n_values * n_processes())
    all_shift, all_scale = sum_of_processes(torch.stack([to_shift, to_scale]))
    return -share * rate * all_scale, share * (rate * mean * all_scale - all_shift), to_scale, to_shift


def _write_maxima(y: Tensor, index: Tensor, value: Tensor) -> None:
    """Write a value at the place of each maximum, into the memory of y. Pooling windows do not overlap."""
    # As integers of the same width: PyTorch scatters bf16 by way of two copies of everything.
    whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[y.element_size()]
    _rows(y).view(whole).scatter_(1, _rows(index), _rows(value.to(y.dtype)).view(whole))


class _NormPool(torch.autograd.Function):
    """relu(normalized maximum of every pooling window), with the gradient through mean and variance."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, y: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, rate: Tensor, pool: tuple[int, int]
    ) -> Tensor:
        out, top, index = _pooled(y, scale, shift, mean, rate, pool)
        ctx.save_for_backward(y, top, index, out > 0, scale, mean, rate)
        return out.to(y.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        y, top, index, there, scale, mean, rate = ctx.saved_tensors
        grad, top = grads[0].to(scale.dtype) * there, top.to(scale.dtype)
        line, offset, to_scale, to_shift = _line(grad, top, scale, mean, rate, y.numel() // y.shape[1])
        line, offset, slope = (part[:, None, None] for part in (line, offset, scale * rate))
        dense = torch.addcmul(offset.to(y.dtype), y, line.to(y.dtype))
        dense = dense.contiguous(memory_format=torch.channels_last)
        _write_maxima(dense, index, torch.addcmul(offset, top, line).addcmul_(grad, slope))
        return dense, to_scale, to_shift, None, None, None


class _FeatureNormPool(torch.autograd.Function):
    """The same after a convolution of x, whose gradient is not wanted.

    The gradient of y is offset + line * (y + gradient of the maxima / line). The kernel's gradient is linear in it, so
    that offset and line are applied to the kernel's gradient, a few thousand values, instead of to y, which is largest
    of all arrays of a step; and the maxima are changed in y itself, which nothing needs any more.
    """

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        kernel: Tensor,
        scale: Tensor,
        shift: Tensor,
        x: Tensor,
        y: Tensor,
        mean: Tensor,
        rate: Tensor,
        pool: tuple[int, int],
        conv: nn.Conv2d,
        under_kernel: Tensor,
    ) -> Tensor:
        out, top, index = _pooled(y, scale, shift, mean, rate, pool)
        ctx.save_for_backward(x, kernel, y, top, index, out > 0, scale, mean, rate, under_kernel)
        ctx.conv = conv
        return out.to(y.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, kernel, y, top, index, there, scale, mean, rate, under_kernel = ctx.saved_tensors
        grad, top = grads[0].to(scale.dtype) * there, top.to(scale.dtype)
        line, offset, to_scale, to_shift = _line(grad, top, scale, mean, rate, y.numel() // y.shape[1])
        slope = scale * rate
        # Where the line is flat, a slope far below rounding takes its place: it is divided by.
        least = SMALLEST_LINE * (slope.abs() * grad.abs().amax(dim=(0, 2, 3))).clamp_(min=SMALLEST_GRADIENT)
        line = torch.where(line.abs() < least, least, line)
        _write_maxima(y, index, torch.addcmul(top, grad, (slope / line)[:, None, None]))
        to_kernel = kernel_gradient(y, x, kernel, ctx.conv).to(scale.dtype)
        to_kernel = line[:, None, None, None] * to_kernel
        to_kernel += offset[:, None, None, None] * under_kernel
        return to_kernel.to(kernel.dtype), to_scale, to_shift, *[None] * 7


SMALLEST_LINE, SMALLEST_GRADIENT = 1e-18, 1e-12
"""least slope of the line in gradients of the maxima, and what counts as no gradient: with them no quotient leaves the
range of a 16-bit number with eight bits of exponent"""


def _sum_under_kernel(x: Tensor, kernel: Tensor, conv: nn.Conv2d) -> Tensor:
    """Add up, over all outputs, the inputs that lie under each place of the kernel: (1, input, frame, bin)."""
    batch, channel, frame, bin = x.shape
    kind = torch.promote_types(x.dtype, torch.float32)
    total = x.permute(0, 2, 3, 1).reshape(batch, -1).sum(dim=0, dtype=kind)
    total = total.view(1, frame, bin, channel).permute(0, 3, 1, 2)
    ones = total.new_ones(1, 1, *_output_size(x, conv))
    return kernel_gradient(ones, total, kernel[:1].to(kind), conv)


def _rows(x: Tensor) -> Tensor:
    """(batch, channel, frame, bin) -> (batch, frame and bin, channel)."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, x.shape[1])
