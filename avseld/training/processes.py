"""Exchange between the processes of a training."""

from typing import Any

import torch.distributed


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
