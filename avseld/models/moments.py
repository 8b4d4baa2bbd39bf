"""Mean and variance of a layer's values over the whole batch, of all processes of a run."""

import torch
import torch.distributed
from torch import Tensor, nn


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
    kind = torch.promote_types(x.dtype, torch.float32)
    nothing = torch.zeros(x.shape[1], dtype=kind, device=x.device)
    # One pass with the sums of `nn.BatchNorm2d`; `torch.var_mean` over these axes takes ten times as long.
    mean, variance = torch.batch_norm_update_stats(x, nothing, nothing.clone(), 1.0)
    count, processes = x.numel() // x.shape[1], n_processes()
    if processes > 1:
        # In double precision, because the square of the mean is subtracted again.
        mean, variance = mean.double(), variance.double()
        mean, square = sum_of_processes(torch.stack([mean, variance + mean.square()])) / processes
        mean, variance = mean.to(kind), (square - mean.square()).clamp_(min=0).to(kind)
    return mean, variance, count * processes


def sum_of_processes(value: Tensor) -> Tensor:
    """Add up a value of every process, without gradient; in one process it is returned as it is."""
    if n_processes() == 1:
        return value
    total = value.detach().clone()
    torch.distributed.all_reduce(total)
    return total


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
