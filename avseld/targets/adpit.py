"""Auxiliary duplicating permutation-invariant training (ADPIT).

K. Shimada et al., Multi-ACCDOA: localizing and detecting overlapping sounds from the same class with auxiliary
duplicating permutation invariant training, ICASSP 2022. A target has six dummy tracks: A0 if a class has one source, B0
B1 if it has two, C0 C1 C2 if three; the others are zero. Only one of the three cases is present in a frame and class:
the best order of each is found independently, and the sum of the three is compared with the output. The first order
wins a tie, as in sony/audio-visual-seld-dcase2023 @ d712445, `seld_trainer.py`.
"""

from functools import lru_cache
from itertools import permutations, product

import torch
from torch import Tensor

TWO = [order for order in product((1, 2), repeat=3) if set(order) == {1, 2}]
"""orders of two sources on three tracks, one of them twice: index of the dummy track of each track"""
THREE = list(permutations((3, 4, 5)))
"""orders of three sources on three tracks"""


def adpit(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the error to the best of the allowed track orders.

    Args:
        output: (batch, frame, track = 3, axis, class).
        target: (batch, frame, dummy track = 6, axis, class).

    Returns:
        Mean squared error over tracks and axes (batch, frame, class), and the best order as returned by `best_order`.
    """
    order = best_order(output, target)
    return (output - in_order(target, order)).square().mean(dim=(2, 3)), order


@torch.no_grad()
def best_order(output: Tensor, target: Tensor) -> Tensor:
    """Find the track order with the least squared error.

    Permuted targets are not built: the best order maximizes the reduction of the squared error against an all-zero
    target, which is a sum over the tracks.

    Args:
        output: (batch, frame, track = 3, axis, class).
        target: (batch, frame, dummy track = 6, axis, class).

    Returns:
        (batch, frame, case = two sources, three sources, track = 3, class): index of the dummy track of each track.
    """
    gain: Tensor | float = 0.0
    for axis in range(output.shape[3]):
        wanted = target[:, :, None, :, axis]
        gain = gain + wanted * (output[:, :, :, None, axis] - wanted / 2)
    assert isinstance(gain, Tensor)
    return torch.stack([_best(gain, orders) for orders in (TWO, THREE)], dim=2)


def in_order(target: Tensor, order: Tensor) -> Tensor:
    """Compute the reference of each track in a given order.

    Args:
        target: (batch, frame, dummy track = 6, axis, class).
        order: from `best_order`.

    Returns:
        (batch, frame, track = 3, axis, class).
    """
    place = order[:, :, :, :, None].expand(-1, -1, -1, -1, target.shape[3], -1)
    return target[:, :, :1] + target.gather(2, place[:, :, 0]) + target.gather(2, place[:, :, 1])


def _best(gain: Tensor, orders: list[tuple[int, ...]]) -> Tensor:
    """Select the first order with the largest gain.

    Args:
        gain: (batch, frame, track, dummy track, class) reduction of the squared error.
        orders: candidates.

    Returns:
        (batch, frame, track, class).
    """
    values = [
        gain[:, :, 0, first] + gain[:, :, 1, second] + gain[:, :, 2, third] for first, second, third in orders
    ]
    top, number = values[0], torch.zeros_like(values[0], dtype=torch.int64)
    for later, value in enumerate(values[1:], start=1):
        number = torch.where(value > top, later, number)
        top = torch.maximum(top, value)
    return _table(tuple(orders), gain.device)[number].transpose(2, 3)


@lru_cache(maxsize=8)
def _table(orders: tuple[tuple[int, ...], ...], device: torch.device) -> Tensor:
    """Put orders (order, track) on a device, once: a copy in each step would make the GPU wait for the CPU."""
    with torch.inference_mode(False):
        return torch.tensor(orders, device=device)
