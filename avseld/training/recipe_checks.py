"""Checks of the numbers in a recipe, and of the hardware that it asks for."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from avseld.base.errors import BadInput
from avseld.base.options import RANGES, check_value
from avseld.config import Data, Update

log = logging.getLogger(__name__)


def check_numbers(recipe: Mapping[str, Any]) -> None:
    """Check the numbers of a recipe that are not options of its parts.

    Args:
        recipe: arguments of a training by name.

    Raises:
        BadInput: a number out of its range, or nothing to validate on; names it.
    """
    data: Data = recipe["data"]
    for place, given in (("data.", data), ("update.", recipe["update"])):
        for each in fields(given) if given is not None else ():
            if each.name in RANGES:
                check_value(place + each.name, each.name, getattr(given, each.name), each.default)
    for name, value in recipe.items():
        if name in RANGES:
            check_value(name, name, value, None)
    for part in ("train", "validate"):
        if not getattr(data, part):
            raise BadInput(f"data.{part}: is empty; name folds, rooms or recordings")


def within_steps(steps: int, validate_every: int, update: Update | None) -> tuple[int, Update | None]:
    """Shorten the steps between validations and the warm-up to a short training, and say so.

    Args:
        steps: of the training.
        validate_every: steps between validations.
        update: with the warm-up, or None.
    """
    shortened = []
    if validate_every > steps:
        shortened.append(f"validate_every is {steps} instead of {validate_every}")
        validate_every = steps
    if update is not None and update.warmup >= steps:
        shortened.append(f"update.warmup is {steps - 1} instead of {update.warmup}")
        update = replace(update, warmup=steps - 1)
    if shortened:
        log.info("%s, since the training has %d steps", ", ".join(shortened), steps)
    return validate_every, update


def steps_to_keep(keep_every: int | list[int] | None, steps: int) -> list[int]:
    """List the steps of a training whose weights are kept, and say which of the wanted ones it does not reach.

    Args:
        keep_every: steps between them, or the steps themselves; None for none.
        steps: of the training.
    """
    if keep_every is None:
        return []
    wanted = [keep_every] if isinstance(keep_every, int) else sorted(set(keep_every))
    if beyond := [step for step in wanted if step > steps]:
        log.warning(
            "keep_every: the training ends at step %d, before step %s", steps, ", ".join(map(str, beyond))
        )
    if isinstance(keep_every, int):
        return list(range(keep_every, steps + 1, keep_every))
    return [step for step in wanted if step <= steps]


@contextmanager
def hardware_errors() -> Iterator[None]:
    """Turn what Lightning says about hardware into one line with what there is.

    Raises:
        BadInput: a device, strategy or precision that is unknown or not there.
    """
    try:
        yield
    except BadInput:
        raise
    except (MisconfigurationException, ValueError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())
        n_devices = torch.cuda.device_count()
        there = f"{n_devices} GPUs" if n_devices else "no GPU"
        raise BadInput(f"hardware: {reason} (there is a CPU, and {there} that PyTorch sees)") from None
