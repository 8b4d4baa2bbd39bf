"""Cross-stitch: two networks exchange their channels, weighted by learned factors.

I. Misra et al., Cross-stitch networks for multi-task learning, CVPR 2016, as used between the branches for activity and
for direction of EINV2 (Y. Cao et al., arXiv 2010.13092; yinkalario/EIN-SELD @ 9f42da2) and PSELDNets
(Jinbo-Hu/PSELDNets @ adb5e39).
"""

import torch
from torch import Tensor, nn

LOWEST, HIGHEST = 0.1, 0.9
"""range from which the factors are drawn at the start, as published"""


class CrossStitch(nn.Module):
    """One stitch: s' = a s + b d, then d' = c s' + e d, with the factors a, b, c, e of each channel.

    The direction branch takes what the activity branch has become, as in both published systems.

    Args:
        n_channels: of both branches.
        axis: of the channels.
    """

    def __init__(self, n_channels: int, axis: int = 1) -> None:
        super().__init__()
        self.axis = axis
        self.weight = stitch_factors(n_channels)

    def forward(self, sed: Tensor, doa: Tensor) -> tuple[Tensor, Tensor]:
        """Exchange channels of two tensors of one shape."""
        return cross_stitch(sed, doa, self.weight, self.axis)


def stitch_factors(n_channels: int) -> nn.Parameter:
    """Draw the factors (channel, to = sed doa, from = sed doa) of a stitch."""
    return nn.Parameter(torch.empty(n_channels, 2, 2).uniform_(LOWEST, HIGHEST))


def cross_stitch(sed: Tensor, doa: Tensor, factors: Tensor, axis: int = 1) -> tuple[Tensor, Tensor]:
    """Exchange channels, see `CrossStitch`.

    Args:
        sed: of the activity branch, any shape.
        doa: of the direction branch, the same shape.
        factors: (channel, to = sed doa, from = sed doa).
        axis: of the channels.

    Returns:
        Both branches.
    """
    shape = [1] * sed.dim()
    shape[axis] = -1
    to_sed_of_sed, to_sed_of_doa, to_doa_of_sed, to_doa_of_doa = (
        factor.view(shape) for factor in factors.flatten(1).unbind(1)
    )
    sed = to_sed_of_sed * sed + to_sed_of_doa * doa
    return sed, to_doa_of_sed * sed + to_doa_of_doa * doa
