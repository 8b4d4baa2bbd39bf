"""Limits of this machine, and the memory and time of a function."""

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

PRODUCT_ROWS = 2048
"""rows and columns of the matrix product that measures the arithmetic rate"""
COPIED_VALUES = 1 << 26
"""values of the copy that measures the memory rate: 256 MB in single precision, more than any cache"""
STEP_PASSES = 5
"""times that a training step moves a convolution's output through memory at least: it is written; read for
normalization and pooling; in the backward pass read again, and its gradient written and read"""
PREDICTION_PASSES = 2
"""the same without gradient: written and read"""


def best(work: Callable[[], Any], repeats: int = 20) -> float:
    """Measure the seconds of the fastest of some repetitions.

    Args:
        work: function to time.
        repeats: repetitions.
    """
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def arithmetic_rate(kind: torch.dtype = torch.float32) -> float:
    """Measure operations per second in a large matrix product.

    Args:
        kind: precision of the values.
    """
    a, b = (torch.randn(PRODUCT_ROWS, PRODUCT_ROWS).to(kind) for _ in range(2))
    first_s = best(lambda: a @ b, 1)
    # A CPU without units for bf16 takes seconds.
    return 2 * PRODUCT_ROWS**3 / min(first_s, best(lambda: a @ b, 20 if first_s < 1 else 1))


def copy_rate() -> float:
    """Measure bytes per second, read and written, in a large copy."""
    a, b = torch.zeros(COPIED_VALUES), torch.ones(COPIED_VALUES)
    b.copy_(a)
    return 8 * COPIED_VALUES / best(lambda: b.copy_(a))


def floor_of_step(model: nn.Module, *inputs: Tensor, kind: torch.dtype = torch.float32) -> dict[str, float]:
    """Compute a lower bound of the time of a training step on this machine.

    Args:
        model: the network; its backward pass takes twice the operations of its forward pass.
        inputs: a batch, in single precision.
        kind: precision of the step, whose rate and width count.

    Returns:
        floor: seconds, the larger of arithmetic and memory traffic; gflop and gbyte of a step; gflop_s and gbyte_s, the
        machine's rates.
    """
    return _floor(model, inputs, 3, STEP_PASSES, kind)


def floor_of_answer(model: nn.Module, *inputs: Tensor) -> dict[str, float]:
    """Compute a lower bound of the time of a forward pass without gradient; as `floor_of_step`."""
    return _floor(model, inputs, 1, PREDICTION_PASSES, torch.float32)


def _floor(
    model: nn.Module, inputs: tuple[Tensor, ...], times: int, passes: int, kind: torch.dtype
) -> dict[str, float]:
    """Bound the time of `times` forward passes in operations and `passes` over the outputs of convolutions."""
    moved = 0

    def count(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal moved
        moved += output.numel() * kind.itemsize

    hooks = [layer.register_forward_hook(count) for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    was_training = model.training
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(*inputs)
    model.train(was_training)
    for hook in hooks:
        hook.remove()
    operations, moved = times * counter.get_total_flops(), passes * moved
    rate, traffic = arithmetic_rate(kind), copy_rate()
    return {
        "floor": max(operations / rate, moved / traffic),
        "gflop": operations / 1e9,
        "gbyte": moved / 1e9,
        "gflop_s": rate / 1e9,
        "gbyte_s": traffic / 1e9,
    }


def made_of(floor: dict[str, float]) -> dict[str, float]:
    """Round the parts of a floor, to print."""
    return {name: round(floor[name], 2) for name in ("gflop", "gbyte", "gflop_s", "gbyte_s")}


def alone(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Run a function in a process of its own and measure its peak memory.

    Args:
        work: a function of a module that returns a dictionary.
        arguments: its arguments.

    Returns:
        Its result and `peak_mb`, the peak resident memory of the process.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_measured, work, *arguments).result()


def _measured(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Add the peak memory of this process to the result of a function."""
    result = work(*arguments)
    return result | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
