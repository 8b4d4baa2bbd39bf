"""Auxiliary duplicating permutation-invariant training (Shimada et al., ICASSP 2022; ADPIT).

A target holds six dummy tracks: A0 if a class has one source, B0 B1 if it has two, C0 C1 C2 if three; the others are
zero. As only one of the three cases is there, the best order of each is found by itself, and what is held against the
output is their sum. As published, the first order wins a tie.
"""

from functools import lru_cache
from itertools import permutations, product

import torch
from torch import Tensor

TWO = [order for order in product((1, 2), repeat=3) if set(order) == {1, 2}]
THREE = list(permutations((3, 4, 5)))
"""the orders in which two and three sources may stand on three tracks: places of their dummy tracks"""


def adpit(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Error of the best of the allowed track orders.

    Args:
        output: (batch, frame, track = 3, axis, class).
        target: (batch, frame, dummy track = 6, axis, class).

    Returns:
        Mean squared error over tracks and axes (batch, frame, class), and the order that has it, as of `best_order`.
    """
    order = best_order(output, target)
    return (output - in_order(target, order)).square().mean(dim=(2, 3)), order


@torch.no_grad()
def best_order(output: Tensor, target: Tensor) -> Tensor:
    """The order that lies closest to the output; arguments as for `adpit`.

    No order is made: how much closer to the output a dummy track lies than silence, added up over three tracks, tells.

    Returns:
        Dummy tracks of two sources and of three, (batch, frame, case = 2, track = 3, class).
    """
    gain: Tensor | float = 0.0
    for axis in range(output.shape[3]):
        wanted = target[:, :, None, :, axis]
        gain = gain + wanted * (output[:, :, :, None, axis] - wanted / 2)
    assert isinstance(gain, Tensor)
    return torch.stack([_best(gain, orders) for orders in (TWO, THREE)], dim=2)


def in_order(target: Tensor, order: Tensor) -> Tensor:
    """What each track is held against.

    Args:
        target: (batch, frame, dummy track = 6, axis, class).
        order: of `best_order`.

    Returns:
        (batch, frame, track = 3, axis, class).
    """
    place = order[:, :, :, :, None].expand(-1, -1, -1, -1, target.shape[3], -1)
    return target[:, :, :1] + target.gather(2, place[:, :, 0]) + target.gather(2, place[:, :, 1])


def _best(gain: Tensor, orders: list[tuple[int, ...]]) -> Tensor:
    """The first order of the largest gain; to (batch, frame, track, class)."""
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
    """Orders (order, track) on a device, uploaded once: an upload in each step would keep a GPU waiting."""
    with torch.inference_mode(False):
        return torch.tensor(orders, device=device)
