"""The device that a system runs on, by its name."""

import torch

from avseld.base.errors import BadInput


def device_named(name: str) -> torch.device:
    """Return a device after a number was written to it and read again.

    Args:
        name: cpu, cuda, cuda:1, ..., or auto for a GPU where there is one.

    Raises:
        BadInput: no such device; says which there are.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except Exception as error:  # each backend raises errors of its own where it is absent
        gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
        raise BadInput(
            f"device: '{name}' is not there; give one of auto, {', '.join(['cpu', *gpus])}"
        ) from error
    return device
