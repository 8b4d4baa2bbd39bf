"""Gaussian vectors: boxes of people as values on a grid of azimuths and one of elevations."""

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary


def gaussian_vectors(boxes: Tensor, n_points: int = 37, wrap: bool = False) -> Tensor:
    """Make a Gaussian along the width and one along the height of the frame for every box.

    exp(-(i - centre)^2 / half^2) on a grid of n_points, so that the value at the edge of the box is 1/e; an absent
    box (all zeros) gives zeros. Point i stands for azimuth 180 - 10 i and elevation 90 - 5 i degrees.
    As in sony/audio-visual-seld-dcase2023 @ d712445, `object_detection.py`.

    Args:
        boxes: (..., n_boxes, 4), x0 y0 x1 y1 in 0..1 of an equirectangular frame, or of a perspective one, whose points
            stand for places on the picture (for column x and height y as shares: x = i / (n_points - 1)).
        n_points: points of the grid.
        wrap: let the Gaussian along the width continue on the other side of the seam at +-180 degrees.

    Returns:
        (..., 2 = azimuth elevation, n_boxes, n_points).
    """
    if has_torch_function_unary(boxes):  # as torch's own functions, so that `avseld.system.layers` sees it
        answer: Tensor = handle_torch_function(gaussian_vectors, (boxes,), boxes, n_points, wrap)
        return answer
    last = n_points - 1
    grid = torch.arange(n_points, dtype=boxes.dtype, device=boxes.device)
    low, high = (boxes[..., first : first + 2].transpose(-1, -2) for first in (0, 2))
    # each (..., 2 = width height, n_boxes)
    centre, half = last * (low + high) / 2, last * (high - low) / 2
    distance = grid - centre[..., None]
    if wrap:
        around = torch.remainder(distance + last / 2, last) - last / 2
        distance = torch.cat([around[..., :1, :, :], distance[..., 1:, :, :]], dim=-3)
    # A box without width would divide by zero: half a pixel of the published frame (360 wide) keeps it finite.
    bell = torch.exp(-((distance / half.clamp(min=last / 720)[..., None]) ** 2))
    return torch.where((boxes.sum(dim=-1) > 0)[..., None, :, None], bell, 0.0)
