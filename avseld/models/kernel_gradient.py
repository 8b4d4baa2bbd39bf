"""Gradient of a convolution's kernel, the way that is fastest on the CPU at hand."""

import torch
from torch import Tensor, nn
from torch.nn import functional

VECTOR_CHANNELS = 8
"""numbers in a vector of AVX2"""


def kernel_gradient(grad: Tensor, x: Tensor, kernel: Tensor, conv: nn.Conv2d) -> Tensor:
    """Compute the gradient of the kernel of a convolution of features.

    Args:
        grad: of the output, (batch, output channel, frame, bin), channels last.
        x: (batch, channel, frame, bin), channels last.
        kernel: (output channel, channel, frame, bin).
        conv: padding, stride and dilation.

    Returns:
        The shape of the kernel.
    """
    if is_faster_by_products(x, conv):
        return by_products(grad, x, conv)
    geometry = (conv.stride, conv.padding, conv.dilation, False, [0, 0], 1, [False, True, False])
    found: Tensor = torch.ops.aten.convolution_backward(grad, x, kernel, None, *geometry)[1]
    return found


def is_faster_by_products(x: Tensor, conv: nn.Conv2d) -> bool:
    """Tell whether matrix products are faster than the library's convolution.

    oneDNN reaches a third of the rate of a CPU with AVX2 where the channels do not fill its vectors, as seven features
    do; with AVX-512 it reaches that of the products.
    """
    return (
        torch.backends.cpu.get_cpu_capability() == "AVX2"
        and x.dtype == torch.float32
        and x.shape[1] % VECTOR_CHANNELS > 0
        and conv.stride == conv.dilation == (1, 1)
        and not isinstance(conv.padding, str)
    )


def by_products(grad: Tensor, x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Compute the gradient of the kernel by matrix products of gradients and shifted inputs, a window at a time.

    Args:
        grad: as for `kernel_gradient`.
        x: as for `kernel_gradient`.
        conv: with a stride and a dilation of 1.
    """
    assert not isinstance(conv.padding, str)
    (height, width), (above, left) = conv.kernel_size, conv.padding
    padded = functional.pad(x.permute(0, 2, 3, 1), (0, 0, left, left, above, above))
    _, rows, columns, channels = padded.shape
    _, n_outputs, n_frames, n_bins = grad.shape
    # The inputs under one row of the kernel lie one after the other in memory.
    shifted = padded.as_strided(
        (len(x), n_frames, n_bins, height, width * channels),
        (rows * columns * channels, columns * channels, channels, columns * channels, 1),
    )
    # A product for each thread: the sum is long and the result small, which a product alone does not divide.
    parts = max(n for n in range(1, torch.get_num_threads() + 1) if n_frames % n == 0)
    total = grad.new_zeros(height * width * channels, n_outputs)
    for inputs, outputs in zip(shifted, grad.permute(0, 2, 3, 1), strict=True):
        patches = inputs.reshape(parts, -1, height * width * channels)
        total += torch.bmm(patches.transpose(1, 2), outputs.reshape(parts, -1, n_outputs)).sum(dim=0)
    return total.t().reshape(n_outputs, height, width, channels).permute(0, 3, 1, 2)
