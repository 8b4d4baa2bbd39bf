"""Benchmark of the training steps and predictions of any recipe, beside the same network written plainly."""

from collections.abc import Callable
from typing import Any

import torch

from avseld.base.memory import keep_freed_memory
from avseld.benchmarking.machine import alone
from avseld.models.plain_layers import pytorch_layers
from avseld.recipes.listing import MEASURED_WINDOWS, system_of
from avseld.system.build import System
from avseld.system.reach import reach_of
from avseld.system.timing import forward_pass, seconds_of, training_step

ROUNDS = 7
"""calls of each way, in turn after one that is not timed; the fastest counts, that which least disturbed"""

Work = Callable[[], None]


def bench_recipe(recipe: dict[str, Any]) -> dict[str, Any]:
    """Time training steps and predictions of a recipe on windows of noise, the ways in turn within one process.

    Args:
        recipe: as YAML has it.

    Returns:
        `ours` and `plain`, windows a second of training steps, and `ratio`; plain is the same network of PyTorch's own
        layers in their usual memory order, with attention as products of matrices and a softmax. `ours_bf16` and
        `ratio_bf16`, ours in mixed precision. `predict`: seconds for a minute of sound. `peak_mb` of a process that
        takes training steps. `windows` of a batch and `window_s`; `parameters`, `gflop_per_second`
        (`avseld.system.reach`) and `threads`.
    """
    windows = min(recipe["data"]["batch_size"], MEASURED_WINDOWS)
    train = alone(_in_turn, _steps, recipe, windows)
    predict = alone(_in_turn, _passes, recipe, windows)
    system = _system(recipe)
    minute = 60 / system.blueprint.chunk
    return {
        "ours": windows / train["ours"],
        "plain": windows / train["plain"],
        "ratio": train["plain"] / train["ours"],
        "ours_bf16": windows / train["ours_bf16"],
        "ratio_bf16": train["plain"] / train["ours_bf16"],
        "unit": "windows/s",
        "predict": {
            "ours": round(predict["ours"] * minute, 4),
            "plain": round(predict["plain"] * minute, 4),
            "ratio": round(predict["plain"] / predict["ours"], 3),
        },
        "peak_mb": {
            way: round(alone(_peak, recipe, windows, way)["peak_mb"])
            for way in ("ours", "plain", "ours_bf16")
        },
        "windows": windows,
        "window_s": system.blueprint.chunk,
        "parameters": system.parameter_count,
        "gflop_per_second": reach_of(system).gflop_per_second,
        "threads": torch.get_num_threads(),
    }


def _system(recipe: dict[str, Any], plain: bool = False) -> System:
    torch.manual_seed(0)
    system = system_of("recipe", recipe)
    if plain:
        system.model.to(memory_format=torch.contiguous_format)
    return system


def _plainly(work: Work) -> Work:
    """Let a function run with PyTorch's own layers."""

    def plain() -> None:
        with pytorch_layers():
            work()

    return plain


def _steps(recipe: dict[str, Any], windows: int) -> dict[str, Work]:
    """Return training steps, each of a system of its own."""
    return {
        "ours": training_step(_system(recipe), windows),
        "plain": _plainly(training_step(_system(recipe, plain=True), windows)),
        "ours_bf16": training_step(_system(recipe), windows, half=True),
    }


def _passes(recipe: dict[str, Any], windows: int) -> dict[str, Work]:
    """Return predictions of one window."""
    return {
        "ours": forward_pass(_system(recipe)),
        "plain": _plainly(forward_pass(_system(recipe, plain=True))),
    }


def _in_turn(make: Callable[..., dict[str, Work]], recipe: dict[str, Any], windows: int) -> dict[str, Any]:
    """Time some ways in turn: seconds of the fastest call of each."""
    keep_freed_memory()
    ways = make(recipe, windows)
    for work in ways.values():
        work()
    rounds = [{way: seconds_of(work) for way, work in ways.items()} for _ in range(ROUNDS)]
    return {way: min(each[way] for each in rounds) for way in ways}


def _peak(recipe: dict[str, Any], windows: int, way: str) -> dict[str, Any]:
    """Take two training steps; `alone` adds the peak memory."""
    keep_freed_memory()
    is_plain = way == "plain"
    step = training_step(_system(recipe, is_plain), windows, way == "ours_bf16")
    for _ in range(2):
        (_plainly(step) if is_plain else step)()
    return {}
