"""What several targets share in their losses."""

import math

import torch
from torch import Tensor


def wrap_azimuth(difference: Tensor) -> Tensor:
    """Wrap differences of azimuths to -pi to pi, so that 179 and -179 degrees are 2 degrees apart.

    Args:
        difference: (..., axis = azimuth elevation, class) radians.

    Returns:
        The same shape; elevations are unchanged.
    """
    azimuth = torch.remainder(difference[..., :1, :] + math.pi, 2 * math.pi) - math.pi
    return torch.cat([azimuth, difference[..., 1:, :]], dim=-2)


def unit_vectors(angles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Convert azimuth and elevation to x, y and z.

    Args:
        angles: (batch, frame, axis = azimuth elevation, class) radians.

    Returns:
        Three times (batch, frame, class).
    """
    azimuth, elevation = angles.unbind(2)
    horizontal = elevation.cos()
    return horizontal * azimuth.cos(), horizontal * azimuth.sin(), elevation.sin()
