"""Mean and variance of a layer's values over the whole batch, of all processes of a run."""

import torch
import torch.distributed
from torch import Tensor, nn

FEWEST_ROWS = 32
"""rows from which `sum_of_products` is faster than PyTorch's sums, whatever the number of threads"""


def n_processes() -> int:
    """Count the processes whose batches are normalized together: 1 outside of a distributed run."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return 1
    return torch.distributed.get_world_size()


@torch.no_grad()
def batch_moments(x: Tensor) -> tuple[Tensor, Tensor, int]:
    """Compute the moments of every channel over the batches of all processes, which are equally large.

    Args:
        x: (batch, channel, frame, bin).

    Returns:
        Mean and variance (channel,), without gradient, and the number of values of a channel. In single precision at
        least, also where x has 16 bits.
    """
    mean, variance = own_moments(x)
    count, processes = x.numel() // x.shape[1], n_processes()
    if processes > 1:
        kind = mean.dtype
        # In double precision, because the square of the mean is subtracted again.
        mean, variance = mean.double(), variance.double()
        mean, square = mean_of_processes(torch.stack([mean, variance + mean.square()]))
        mean, variance = mean.to(kind), (square - mean.square()).clamp_(min=0).to(kind)
    return mean, variance, count * processes


@torch.no_grad()
def own_moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Compute mean and variance (channel,) of this process's (batch, channel, frame, bin)."""
    nothing = torch.zeros(x.shape[1], dtype=torch.promote_types(x.dtype, torch.float32), device=x.device)
    # One pass with the sums of `nn.BatchNorm2d`; `torch.var_mean` over these axes takes ten times as long.
    mean, variance = torch.batch_norm_update_stats(x, nothing, nothing.clone(), 1.0)
    return mean, variance


@torch.no_grad()
def own_mean_square(x: Tensor) -> Tensor:
    """Compute the mean of the squares (channel,) of this process's (batch, channel, frame, bin)."""
    if are_summed_fast(x):
        return sum_of_products(x, x)[0] * (x.shape[1] / x.numel())
    mean, variance = own_moments(x)
    return variance + mean.square()


@torch.no_grad()
def sum_of_products(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the sums of a * b and of a over all but the channels, in one pass and without an array for the products.

    oneDNN's gradient of a convolution of one channel with one channel adds up just these, at the rate of memory;
    PyTorch's own reductions over the outer axes take three times as long.

    Args:
        a: (batch, channel, frame, bin) in single precision on the CPU, channels last.
        b: the same.

    Returns:
        (channel,) each.
    """
    channels = a.shape[1]
    weight = a.new_empty(channels, 1, 1, 1)
    geometry = ([channels], [1, 1], [0, 0], [1, 1], False, [0, 0], channels, [False, True, True])
    rows = (_single_rows(value) for value in (a, b))
    _, products, sums = torch.ops.aten.convolution_backward(*rows, weight, *geometry)
    return products.flatten(), sums


def _single_rows(x: Tensor) -> Tensor:
    """View frames as pictures of one row each: with few large pictures oneDNN takes a path a hundred times as slow."""
    batch, channel, frame, bin = x.shape
    return x.permute(0, 2, 3, 1).reshape(batch * frame, 1, bin, channel).permute(0, 3, 1, 2)


def are_summed_fast(*values: Tensor) -> bool:
    """Tell whether `sum_of_products` takes these arrays."""
    return all(
        value.dtype == torch.float32
        and value.device.type == "cpu"
        and value.shape[0] * value.shape[2] >= FEWEST_ROWS
        and value.is_contiguous(memory_format=torch.channels_last)
        for value in values
    )


def sum_of_processes(value: Tensor) -> Tensor:
    """Add up a value of every process, without gradient; in one process it is returned as it is."""
    if n_processes() == 1:
        return value
    total = value.detach().clone()
    torch.distributed.all_reduce(total)
    return total


def mean_of_processes(value: Tensor) -> Tensor:
    """Average a value over the processes, without gradient."""
    return sum_of_processes(value) / n_processes()


@torch.no_grad()
def update_running(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Update running statistics as `nn.BatchNorm2d` does.

    Args:
        norm: keeps running statistics.
        mean: of a batch, (channel,).
        variance: divided by the number of values, (channel,).
        count: number of values of a channel.
    """
    assert (
        norm.running_mean is not None
        and norm.running_var is not None
        and norm.num_batches_tracked is not None
    )
    norm.num_batches_tracked.add_(1)
    rate = norm.momentum if norm.momentum is not None else 1.0 / float(norm.num_batches_tracked)
    norm.running_mean.lerp_(mean.to(norm.running_mean), rate)
    norm.running_var.lerp_((variance * (count / max(count - 1, 1))).to(norm.running_var), rate)
