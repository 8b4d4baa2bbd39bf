"""The processes of a training: their messages, exchange between them."""

import logging
from typing import Any

import torch.distributed

from avseld.base.processes import is_first_process


def leave_messages_to_first_process() -> None:
    """Log errors only, unless this is the first process; the others would repeat its messages."""
    if not is_first_process():
        logging.getLogger("avseld").setLevel(logging.ERROR)


def gather_objects(mine: Any) -> list[Any]:
    """Gather an object of every process, in the order of the processes.

    Args:
        mine: of this process.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [mine]
    everyone: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyone, mine)
    return everyone
