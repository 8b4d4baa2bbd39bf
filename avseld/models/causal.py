"""What a network that runs a stream remembers, and attention that only reaches back.

A state is a dict of named tensors, the batch first, whose sizes do not depend on how long a stream is. An empty state
and one of zeros are the same: the beginning of a stream, with silence before it.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

State = dict[str, Tensor]
"""name -> what is remembered, (batch, ...)"""


def with_past(x: Tensor, past: Tensor | None, n: int, dim: int) -> tuple[Tensor, Tensor]:
    """Put the last steps before the next ones.

    Args:
        x: the next steps, any shape.
        past: the `n` steps before them along `dim`; zeros if None.
        n: steps that are remembered.
        dim: of the steps.

    Returns:
        Both together, and the last `n` steps of them.
    """
    if past is None:
        shape = list(x.shape)
        shape[dim] = n
        past = x.new_zeros(shape)
    joined = torch.cat([past, x], dim=dim)
    # A copy: a view would keep all of the steps in memory.
    return joined, joined.narrow(dim, joined.shape[dim] - n, n).clone()


def within(prefix: str, state: Mapping[str, Tensor]) -> State:
    """Choose the part of a state that belongs to one module, by the names there."""
    return {name.removeprefix(prefix): each for name, each in state.items() if name.startswith(prefix)}


def named(prefix: str, state: Mapping[str, Tensor]) -> State:
    """Name the state of a module within a larger one."""
    return {prefix + name: each for name, each in state.items()}


def looking_back(x: Tensor, n_past: int, dim: int) -> Tensor:
    """Give every step what it may read: itself and those before it that are remembered.

    Args:
        x: steps that are remembered, then the next ones, along `dim`; any shape.
        n_past: of the former.
        dim: of the steps.

    Returns:
        The next steps, and as the last axis the n_past + 1 values that each may read, its own at the end. No other
        value enters, also none that is not a number.
    """
    return x.unfold(dim, n_past + 1, 1)


def attend_back(query: Tensor, key: Tensor, value: Tensor, known: Tensor) -> Tensor:
    """Attend from each step to itself and to those before it that are remembered.

    Args:
        query: (batch, head, step, width).
        key: (batch, head, n_past + step, width).
        value: (batch, head, n_past + step, size).
        known: (batch, n_past + step), 1 for a step of the stream, 0 before its beginning.

    Returns:
        (batch, head, step, size).
    """
    n_past = key.shape[2] - query.shape[2]
    score = (query[..., None] * looking_back(key, n_past, 2)).sum(dim=-2) / math.sqrt(query.shape[-1])
    score = score.masked_fill(looking_back(known, n_past, 1)[:, None] == 0, -torch.inf)
    return (score.softmax(dim=-1)[..., None, :] * looking_back(value, n_past, 2)).sum(dim=-1)


def mean_back(x: Tensor, known: Tensor, n_past: int) -> Tensor:
    """Average each step and those before it that are remembered.

    Args:
        x: (batch, n_past + step, value).
        known: (batch, n_past + step), 1 for a step of the stream, 0 before its beginning.
        n_past: steps that are remembered.

    Returns:
        (batch, step, value).
    """
    count = looking_back(known, n_past, 1).sum(dim=-1)
    return looking_back(x * known[..., None], n_past, 1).sum(dim=-1) / count[..., None]
