"""Cross-stitch: two branches exchange their channels by learned weights (I. Misra et al., CVPR 2016)."""

import torch
from torch import Tensor, nn

LOWEST, HIGHEST = 0.1, 0.9
"""range of the initial weights (Y. Cao et al., EINV2, ICASSP 2021; yinkalario/EIN-SELD @ 9f42da2)"""


class CrossStitch(nn.Module):
    """Mix the channels of a branch for event detection with those of a branch for directions.

    Every channel has four weights. The mixed detection branch enters the mixed direction branch, as EINV2 and PSELDNets
    publish it (docs/sources.md).

    Args:
        n_channels: channels of both branches.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.weight = stitch_weight(n_channels)

    def forward(self, sed: Tensor, doa: Tensor, axis: int = 1) -> tuple[Tensor, Tensor]:
        """Mix two tensors of the same shape, see `cross_stitch`."""
        return cross_stitch(sed, doa, self.weight, axis)


def stitch_weight(n_channels: int) -> nn.Parameter:
    """Draw the weights (channel, to = sed doa, from = sed doa) of a stitch."""
    return nn.Parameter(torch.empty(n_channels, 2, 2).uniform_(LOWEST, HIGHEST))


def cross_stitch(sed: Tensor, doa: Tensor, weight: Tensor, axis: int = 1) -> tuple[Tensor, Tensor]:
    """Mix two tensors of the same shape.

    Args:
        sed: of the detection branch.
        doa: of the direction branch.
        weight: (channel, to = sed doa, from = sed doa).
        axis: of the channels.

    Returns:
        The mixed tensors, sed and doa.
    """
    shape = [1] * sed.ndim
    shape[axis] = -1
    (sed_sed, sed_doa), (doa_sed, doa_doa) = (
        [each.reshape(shape) for each in row.unbind(1)] for row in weight.unbind(1)
    )
    sed = sed_sed * sed + sed_doa * doa
    return sed, doa_sed * sed + doa_doa * doa
