"""Building blocks shared by the networks: normalization, convolution block, output frames."""

import torch
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn import functional

from avseld.base.errors import BadInput
from avseld.models.fast_cpu import is_fast, normalize
from avseld.models.folding import conv_norm
from avseld.models.moments import n_processes, update_running


def at_least_float32(x: Tensor) -> Tensor:
    """Convert 16-bit values to single precision; single and double precision stay."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class BatchNorm(nn.BatchNorm2d):
    """Batch normalization whose statistics span all processes of a distributed run, on any backend.

    PyTorch's own synchronized layer refuses the CPU. In one process this is `nn.BatchNorm2d` within rounding;
    in several, a run equals the one in a single process with the whole batch, within rounding. Moments and running
    statistics are computed in single precision at least, also where the input has 16 bits (mixed precision).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalize (batch, channel, frame, bin) per channel."""
        processes = n_processes()
        if not self.training or processes == 1:
            return super().forward(input)
        if is_fast(input, self):
            return normalize(input, self)
        axes = (0, 2, 3)
        x = at_least_float32(input)
        # In double precision, because the square of the mean is subtracted again.
        variance, mean = (moment.double() for moment in torch.var_mean(x, axes, correction=0))
        mean, square = all_reduce(torch.stack([mean, variance + mean.square()])) / processes
        variance, mean = (square - mean.square()).to(x.dtype), mean.to(x.dtype)
        update_running(self, mean.detach(), variance.detach(), input.numel() // input.shape[1] * processes)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (x * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]).to(input.dtype)


class BinNorm(nn.Module):
    """Batch normalization of every frequency bin over batch, channels and frames.

    SELDnet of 2018 to 2020 normalizes this way by a default of its library, and its parameter counts contain it
    (docs/sources.md, Networks).

    Args:
        n_bins: bins.
        eps: as in `nn.BatchNorm2d`.
        momentum: as in `nn.BatchNorm2d`.
    """

    def __init__(self, n_bins: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.norm = BatchNorm(n_bins, eps, momentum)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (batch, channel, frame, bin)."""
        batch, channel, frame, bin = x.shape
        # In the order of channels-last memory nothing is copied: four times as fast as transposing.
        rows = x.permute(0, 2, 3, 1).reshape(batch * frame, bin, channel, 1)
        return self.norm(rows).reshape(batch, frame, bin, channel).permute(0, 3, 1, 2)


class ConvBlock(nn.Module):
    """A convolution of 3 x 3 frames and bins, normalization, rectifier and, if asked for, max pooling.

    Args:
        n_inputs: channels.
        n_outputs: channels.
        pooling: (frames, bins) that become one; None for no pooling.
        bias: of the convolution.
        norm: normalization; per channel if None.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        pooling: tuple[int, int] | None = None,
        bias: bool = True,
        norm: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_inputs, n_outputs, 3, padding=1, bias=bias)
        self.bn = BatchNorm(n_outputs) if norm is None else norm
        self.pooling = pooling

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, frame, bin) -> (batch, output channel, frame // pooling, bin // pooling)."""
        x = conv_norm(x, self.conv, self.bn)
        # The largest value first, then the rectifier, on fewer values: the order does not matter.
        return functional.relu(x if self.pooling is None else functional.max_pool2d(x, self.pooling))


def check_shape(x: Tensor, frames_per_step: int, bins_per_step: int = 1) -> None:
    """Refuse an input that is shorter than one step, or has fewer bins than one.

    Args:
        x: (batch, feature, frame, bin).
        frames_per_step: feature frames that become one step.
        bins_per_step: bins that become one.

    Raises:
        BadInput: too few frames or bins.
    """
    if x.shape[2] < frames_per_step:
        raise BadInput(f"a window of {x.shape[2]} frames is too short; give at least {frames_per_step}")
    if x.shape[3] < bins_per_step:
        raise BadInput(f"{x.shape[3]} bins are too few; give at least {bins_per_step}")


def hold(x: Tensor, times: int, n_frames: int) -> Tensor:
    """Repeat every step for some frames; the last one lasts until the end.

    Args:
        x: (batch, step, ...).
        times: frames per step.
        n_frames: frames of the result, at least step * times.

    Returns:
        (batch, frame, ...).
    """
    x = x.repeat_interleave(times, dim=1)
    if x.shape[1] < n_frames:
        x = torch.cat([x, x[:, -1:].expand(-1, n_frames - x.shape[1], *x.shape[2:])], dim=1)
    return x[:, :n_frames]


def hold_heads(heads: dict[str, Tensor], frames_per_step: int, n_frames: int) -> dict[str, Tensor]:
    """Repeat every step of each head for the frames that it stands for.

    Args:
        heads: (batch, step, ...) each.
        frames_per_step: frames of a step.
        n_frames: frames of the result; the last step lasts until the end.

    Returns:
        The heads, (batch, frame, ...) each.
    """
    return {name: hold(head, frames_per_step, n_frames) for name, head in heads.items()}
