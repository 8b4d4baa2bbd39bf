"""How the processes of a training work together: Lightning's strategy for a recipe and a network."""

import sys
from typing import Any

import torch
from lightning.pytorch.strategies import DDPStrategy, Strategy
from torch.nn.modules.batchnorm import _BatchNorm

from avseld.config import Hardware
from avseld.models.blocks import BatchNorm
from avseld.system.build import System


def strategy_of(hardware: Hardware, system: System) -> str | Strategy:
    """Choose the strategy of a training: the one asked for, or DDP with what the network needs.

    Args:
        hardware: devices and strategy as in a recipe.
        system: its network has `find_unused_parameters` where some of its weights may get no gradient.

    Returns:
        A name for Lightning's Trainer, or a strategy.
    """
    if not _is_several(hardware) or hardware.strategy not in ("auto", "ddp") or hasattr(sys, "ps1"):
        return hardware.strategy  # at a prompt Lightning forks, instead of starting the script anew
    return DDPStrategy(**ddp_options(system))


def ddp_options(system: System) -> dict[str, Any]:
    """Return the options of DistributedDataParallel for a network.

    Args:
        system: with the network.
    """
    return {
        "find_unused_parameters": system.model.find_unused_parameters,
        # Statistics that span all processes are equal in them; sending them anew keeps every step waiting.
        "broadcast_buffers": not all(
            isinstance(layer, BatchNorm) for layer in system.model.modules() if isinstance(layer, _BatchNorm)
        ),
        "gradient_as_bucket_view": True,
    }


def _is_several(hardware: Hardware) -> bool:
    """Return whether a recipe asks for more than one process, with the GPUs that are there."""
    if hardware.num_nodes > 1 or hardware.devices not in (1, "1", "auto"):
        return True
    return hardware.devices == "auto" and hardware.accelerator != "cpu" and torch.cuda.device_count() > 1
