"""Weights of one system taken over by another: multi-step systems need nothing more."""

import logging
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from avseld.config import Start
from avseld.errors import BadInput
from avseld.system import System

log = logging.getLogger(__name__)


def start_from(system: System, start: Start) -> None:
    """Take weights over and freeze what is not to learn.

    Args:
        system: gets the weights, by name.
        start: where they are, which of them, and what is frozen.

    Raises:
        BadInput: no weights, nothing of that name, or another shape; names the first that does not fit.
    """
    path = Path(start.weights)
    path = path if path.suffix == ".safetensors" else path / "model.safetensors"
    try:
        given = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadInput(
            f"{path}: no readable weights ({error}); give a run folder or a safetensors file"
        ) from error
    own = system.model.state_dict()
    taken = (
        _chosen(given, start.modules, path) if start.modules else {n: v for n, v in given.items() if n in own}
    )
    for name, value in taken.items():
        if name not in own or own[name].shape != value.shape:
            raise BadInput(
                f"{path}: {name} {tuple(value.shape)} does not fit {system.blueprint.model.name}, which has "
                f"{tuple(own[name].shape) if name in own else 'no such weights'}; choose other init_from.modules"
            )
    if not taken:
        raise BadInput(
            f"{path}: has no weights in common with {system.blueprint.model.name}; give another run"
        )
    system.model.load_state_dict(own | taken)
    frozen = [one for one in system.model.named_parameters() if _begins(one[0], start.freeze)]
    for _, weight in frozen:
        weight.requires_grad_(False)
    log.info("%d of %d weight tensors are from %s, %d are frozen", len(taken), len(own), path, len(frozen))


def _begins(name: str, beginnings: Sequence[str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in beginnings)


def _chosen(given: dict[str, Tensor], modules: Sequence[str], path: Path) -> dict[str, Tensor]:
    for module in modules:
        if not any(_begins(name, [module]) for name in given):
            there = sorted({name.split(".")[0] for name in given})
            raise BadInput(f"{path}: has no '{module}'; it has {', '.join(there)}")
    return {name: value for name, value in given.items() if _begins(name, modules)}
