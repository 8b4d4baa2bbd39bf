"""Log of training steps: losses, learning rates and norms, read from the device some steps at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import lightning
import numpy as np
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.training.tags import loss_tag

NORMS_PER_LOSSES = 5
"""logged losses between logged norms of weights and gradients, which cost some kernels of their own"""


@dataclass(frozen=True)
class Steps:
    """Steps in a row that were taken.

    Args:
        first: number of the first one.
        losses: (step, loss) on the device.
        rates: (step,) learning rates.
        norms: of weights and gradients (2,) on the device, by step, where they were due.
    """

    first: int
    losses: Tensor
    rates: list[float]
    norms: dict[int, Tensor] = field(default_factory=dict)


def are_norms_due(trainer: lightning.Trainer, step: int) -> bool:
    """Return whether the norms after a step are logged."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    return (step + 1) % (NORMS_PER_LOSSES * every) == 0


def log_steps(
    trainer: lightning.Trainer, taken: Steps, names: Sequence[str], optimizer: str
) -> list[dict[str, float]]:
    """Log the losses of some steps, their learning rates and norms; the device is waited for where some are due.

    Args:
        trainer: of the training.
        taken: the steps.
        names: of the losses.
        optimizer: its name.

    Raises:
        BadInput: the loss is not finite.

    Returns:
        The losses that were logged, by name.
    """
    first, losses, every = taken.first, taken.losses, trainer.log_every_n_steps  # type: ignore[attr-defined]
    due = [step for step in range(len(losses)) if (first + step + 1) % every == 0]
    if not due:
        return []
    if trainer.world_size > 1:
        losses = trainer.strategy.reduce(losses, reduce_op="mean")  # type: ignore[assignment]
    values = losses.float().cpu().numpy()
    total = values[:, list(names).index("loss")]
    if not np.isfinite(total).all():
        step = first + int(np.flatnonzero(~np.isfinite(total))[0])
        raise BadInput(
            f"the loss is not finite at step {step}; the best weights so far are kept, lower optimizer.options.lr"
        )
    rows = [dict(zip(names, map(float, values[step]), strict=True)) for step in due]
    if trainer.is_global_zero:
        for step, row in zip(due, rows, strict=True):
            tags = {loss_tag(name, "train"): value for name, value in row.items()}
            tags[f"lr/{optimizer}"] = taken.rates[step]
            if first + step in taken.norms:
                weights, gradients = taken.norms[first + step].tolist()
                tags |= {"norm/weights": weights, "norm/gradients": gradients}
            trainer.loggers[0].log_metrics(tags, step=first + step)
    return rows
