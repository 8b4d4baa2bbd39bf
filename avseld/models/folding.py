"""A convolution and its batch normalization as one convolution, outside of training."""

from torch import Tensor, nn
from torch.nn import functional

from avseld.models.plain_layers import uses_pytorch_layers


def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Compute the kernel and the bias of a convolution that normalizes its output by the running statistics.

    Args:
        conv: the convolution.
        norm: of its channels, with running statistics and learned scale and shift.
    """
    assert norm.running_mean is not None and norm.running_var is not None
    slope = norm.weight * (norm.running_var + norm.eps).rsqrt()
    mean = norm.running_mean if conv.bias is None else norm.running_mean - conv.bias
    return conv.weight * slope[:, None, None, None], norm.bias - mean * slope


def is_foldable(conv: nn.Conv2d, norm: nn.Module) -> bool:
    """Tell whether a layer may run as one convolution: not in training, and nobody looks at its parts."""
    return (
        isinstance(norm, nn.BatchNorm2d)
        and not norm.training
        and norm.running_mean is not None
        and norm.affine
        and conv.padding_mode == "zeros"
        and not (
            conv._forward_hooks or norm._forward_hooks or conv._forward_pre_hooks or norm._forward_pre_hooks
        )
        and not uses_pytorch_layers()
    )


def conv_norm(x: Tensor, conv: nn.Conv2d, norm: nn.Module) -> Tensor:
    """Compute norm(conv(x)); outside of training in one pass over the output.

    Args:
        x: (batch, channel, frame, bin).
        conv: the convolution.
        norm: of its output.

    Returns:
        (batch, output channel, frame, bin).
    """
    if not is_foldable(conv, norm):
        normalized: Tensor = norm(conv(x))
        return normalized
    assert isinstance(norm, nn.BatchNorm2d)
    kernel, bias = folded(conv, norm)
    return functional.conv2d(x, kernel, bias, conv.stride, conv.padding, conv.dilation, conv.groups)
