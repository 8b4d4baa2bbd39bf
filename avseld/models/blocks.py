"""Building blocks that the systems share."""

import torch
import torch.distributed
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


class BatchNorm(nn.BatchNorm2d):
    """Batch normalization whose statistics span all processes of a distributed run, on any backend.

    PyTorch's own synchronized layer refuses the CPU. In one process this is `nn.BatchNorm2d` to the last bit;
    in several, a run equals the one in a single process with the whole batch, within rounding.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalize (batch, channel, frame, bin) per channel."""
        if not (self.training and torch.distributed.is_available() and torch.distributed.is_initialized()):
            return super().forward(input)
        n_processes = torch.distributed.get_world_size()
        if n_processes == 1:
            return super().forward(input)
        axes = (0, 2, 3)
        moments = torch.stack([input.mean(axes), input.square().mean(axes)])
        mean, square = all_reduce(moments) / n_processes
        variance = square - mean.square()
        with torch.no_grad():
            count = input.numel() // input.shape[1] * n_processes
            rate = self.momentum if self.momentum is not None else 0.1
            assert self.running_mean is not None and self.running_var is not None
            assert self.num_batches_tracked is not None
            self.running_mean.lerp_(mean, rate)
            self.running_var.lerp_(variance * count / max(count - 1, 1), rate)
            self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return input * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]


def hold(x: Tensor, times: int, n_frames: int) -> Tensor:
    """Hold every step for some frames; the last one lasts until the end.

    Args:
        x: (batch, step, ...).
        times: frames a step.
        n_frames: frames wanted, at least step * times.

    Returns:
        (batch, frame, ...).
    """
    x = x.repeat_interleave(times, dim=1)
    if x.shape[1] < n_frames:
        x = torch.cat([x, x[:, -1:].expand(-1, n_frames - x.shape[1], *x.shape[2:])], dim=1)
    return x[:, :n_frames]
