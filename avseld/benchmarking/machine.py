"""What this machine can do at most, and how much memory a piece of work takes."""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

SIDE = 2048
"""rows of the product whose rate counts as what the processor can do"""
COPIED = 1 << 26
"""numbers of the copy whose rate counts as what the memory can do: 256 MB, more than any cache"""
PASSES = 5
"""times that a training step cannot but move a convolution's output: written; read to be normalized and pooled; in the
gradient read once more, its own gradient written and read"""


def best(work: Callable[[], Any], repeats: int = 20) -> float:
    """Seconds of the fastest of some repetitions."""
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def arithmetic_rate() -> float:
    """Operations a second, of a large product in single precision."""
    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    a @ b
    return 2 * SIDE**3 / best(lambda: a @ b)


def copy_rate() -> float:
    """Bytes a second, read and written, of a large copy."""
    a, b = torch.zeros(COPIED), torch.ones(COPIED)
    b.copy_(a)
    return 8 * COPIED / best(lambda: b.copy_(a))


def floor_of_step(model: nn.Module, *inputs: Tensor) -> dict[str, float]:
    """Seconds below which a training step in single precision cannot come on this machine.

    Args:
        model: the network; its gradient takes twice the operations of its answer.
        inputs: a batch.

    Returns:
        floor, the larger of arithmetic and traffic; gflop, gbyte, and the machine's rates of both.
    """
    return _floor(model, inputs, 3, PASSES)


def floor_of_answer(model: nn.Module, *inputs: Tensor) -> dict[str, float]:
    """The same of an answer without a gradient: what a convolution makes is written and read."""
    return _floor(model, inputs, 1, 2)


def _floor(model: nn.Module, inputs: tuple[Tensor, ...], times: int, passes: int) -> dict[str, float]:
    moved = 0

    def count(layer: nn.Module, given: Any, made: Tensor) -> None:
        nonlocal moved
        moved += made.numel() * 4

    hooks = [layer.register_forward_hook(count) for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    was_training = model.training
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(*inputs)
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    operations, moved = times * counter.get_total_flops(), passes * moved
    rate, traffic = arithmetic_rate(), copy_rate()
    return {
        "floor": max(operations / rate, moved / traffic),
        "gflop": operations / 1e9,
        "gbyte": moved / 1e9,
        "gflop_s": rate / 1e9,
        "gbyte_s": traffic / 1e9,
    }


def made_of(floor: dict[str, float]) -> dict[str, float]:
    """What a floor is made of, to print."""
    return {name: round(floor[name], 2) for name in ("gflop", "gbyte", "gflop_s", "gbyte_s")}


def alone(work: Callable[..., dict[str, Any]], *words: Any) -> dict[str, Any]:
    """Run a piece of work in a process of its own, and add its peak memory.

    Args:
        work: a function of a module, which gives a dictionary.
        words: its arguments.

    Returns:
        What it gave, and `peak_mb`: the most resident memory of the process.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measured, work, *words).result()


def _measured(work: Callable[..., dict[str, Any]], *words: Any) -> dict[str, Any]:
    result = work(*words)
    return result | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
