"""Optimizers and learning rate schedules by their names in a recipe."""

import inspect
import logging
from functools import partial
from typing import Any

import torch

from avseld.base.errors import BadInput
from avseld.base.options import check_options
from avseld.config import Part
from avseld.system.build import System
from avseld.training.schedules import linear_factor, step_factor, tri_stage_factor

log = logging.getLogger(__name__)

OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
OLD_NAMES = {"stairs": "step", "line": "linear"}
"""names of schedules up to version 0.1"""


KINDS = torch.optim.lr_scheduler
FUSED_ON = ("cpu", "cuda")
"""devices on which a step of an optimizer is one operator"""


def constant(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    """Keep the first learning rate."""
    return KINDS.ConstantLR(optimizer, factor=1.0, total_iters=0)


SCHEDULES: dict[str, Any] = {
    "constant": constant,
    "cosine": KINDS.CosineAnnealingLR,
    "one_cycle": KINDS.OneCycleLR,
    "step": step_factor,
    "linear": linear_factor,
    "tri_stage": tri_stage_factor,
}
"""name in a recipe -> torch's schedule, or a function from steps to a factor"""
BY_FACTOR = ("step", "linear", "tri_stage")
"""those that are functions from steps to a factor"""
WARMUP_OPTIONS = {"one_cycle": "pct_start", "tri_stage": "rising"}
"""option of schedules that begin with a rising learning rate themselves"""


def schedule_of(part: Part, optimizer: torch.optim.Optimizer, steps: int, warmup: int = 0) -> Any:
    """Build the learning rate schedule that a recipe names.

    Args:
        part: constant, cosine, one_cycle, step, linear or tri_stage, with its options.
        optimizer: its first learning rate is that of the schedule.
        steps: of the whole training.
        warmup: steps before the schedule, over which the learning rate rises linearly.

    Raises:
        BadInput: an unknown name or option, or a warm-up that does not end before the training.
    """
    if warmup:
        return _with_warmup(part, optimizer, steps, warmup)
    of_training: dict[str, dict[str, Any]] = {
        "cosine": {"T_max": steps},
        "one_cycle": {"max_lr": optimizer.param_groups[0]["lr"], "total_steps": steps + 1},
        "linear": {"steps": steps},
        "tri_stage": {"steps": steps},
    }
    name = OLD_NAMES.get(part.name, part.name)
    if name != part.name:
        log.warning("schedule.name: %s is the old name of %s", part.name, name)
    if name not in SCHEDULES:
        raise BadInput(f"schedule.name: '{part.name}' is none of {', '.join(SCHEDULES)}")
    options = of_training.get(name, {}) | check_options("schedule", SCHEDULES[name], part.options)
    try:
        if name in BY_FACTOR:
            return _by_factor(optimizer, SCHEDULES[name], **options)
        return SCHEDULES[name](optimizer, **options)
    except (TypeError, ValueError, LookupError) as error:
        raise BadInput(f"schedule.options: {' '.join(str(error).split())}") from None


def _with_warmup(part: Part, optimizer: torch.optim.Optimizer, steps: int, warmup: int) -> Any:
    if warmup >= steps:
        raise BadInput(f"update.warmup: {warmup} of {steps} steps; choose fewer")
    if part.name in WARMUP_OPTIONS:
        option = f"schedule.options.{WARMUP_OPTIONS[part.name]}"
        raise BadInput(f"update.warmup: {part.name} begins with one ({option}); leave it out")
    rise = KINDS.LinearLR(optimizer, 1 / (warmup + 1), total_iters=warmup)
    main = schedule_of(part, optimizer, steps - warmup)
    return KINDS.SequentialLR(optimizer, [rise, main], [warmup])


def _by_factor(optimizer: torch.optim.Optimizer, factor_at: Any, **options: float) -> Any:
    factor_at(0, **options)  # a wrong word must show at once
    return torch.optim.lr_scheduler.LambdaLR(optimizer, partial(factor_at, **options))


def optimizer_of(part: Part, system: System) -> torch.optim.Optimizer:
    """Build the optimizer that a recipe names, as one fused operator.

    Raises:
        BadInput: an unknown name or option.
    """
    if part.name not in OPTIMIZERS:
        raise BadInput(f"optimizer.name: '{part.name}' is none of {', '.join(OPTIMIZERS)}")
    known = list(inspect.signature(OPTIMIZERS[part.name]).parameters)[1:]
    for option in part.options:
        if option not in known:
            raise BadInput(
                f"optimizer.options.{option}: {part.name} has no such option; it has {', '.join(known)}"
            )
    options = check_options("optimizer", OPTIMIZERS[part.name], part.options)
    if system.device.type in FUSED_ON and not {"fused", "foreach"} & set(options):
        options["fused"] = True
    try:
        return OPTIMIZERS[part.name](system.model.parameters(), **options)
    except (TypeError, ValueError, LookupError) as error:
        raise BadInput(f"optimizer.options: {' '.join(str(error).split())}") from None
