"""What several targets share in their losses."""

import math

import torch
from torch import Tensor


def first_of_steps(values: Tensor, step: int) -> Tensor:
    """Take the first frame of each output step of a network.

    A window of samples // hop + 1 frames has one frame after its last whole step, which no output of the network
    belongs to; it is left out.

    Args:
        values: (batch, frame, ...).
        step: frames that share one output.

    Returns:
        (batch, step, ...); one frame of a window that is shorter than a step.
    """
    return values[:, : max(values.shape[1] // step, 1) * step : step]


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
