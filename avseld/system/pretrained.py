"""Weights of other runs taken over by a system: multi-step systems need nothing more."""

import json
import logging
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.config import Start
from avseld.models.transfer import file_of, read_weights, take, transfer
from avseld.system.build import System
from avseld.system.checkpoint import STATISTICS

log = logging.getLogger(__name__)


def start_from(system: System, start: Start) -> None:
    """Take weights over and freeze what is not to learn.

    What the features of a step before have learned about their input (means, deviations) comes along with its role.

    Args:
        system: gets the weights.
        start: where they are, which of them, and what is frozen.

    Raises:
        BadInput: no weights, nothing of that name, or another shape; names the first that does not fit.
    """
    if start.weights is None and not start.roles and not start.freeze:
        raise BadInput("init_from: names neither weights nor roles; give --init_from.weights RUN")
    taken: list[str] = []
    if start.weights is not None:
        taken += _by_name(system, Path(start.weights), start.modules)
    for role, path in start.roles.items():
        taken += take(system.model, role, path)
        _take_statistics(system, file_of(path))
    system.freeze(start.freeze)
    frozen = sum(not weight.requires_grad for weight in system.model.parameters())
    log.info(
        "%d of %d weight tensors are taken over, %d do not learn",
        len(set(taken)),
        len(system.model.state_dict()),
        frozen,
    )


def _by_name(system: System, path: Path, modules: list[str]) -> list[str]:
    path = file_of(path)
    given = read_weights(path)
    if modules:
        return transfer(system.model, given, {name: name for name in modules}, path)
    own = system.model.state_dict()
    common = [name for name in own if name in given]
    if not common:
        raise BadInput(
            f"{path}: has no weights in common with {system.blueprint.model.name}; give another run"
        )
    for name in common:
        if own[name].shape != given[name].shape:
            raise BadInput(
                f"{path}: {name} {tuple(given[name].shape)} does not fit {system.blueprint.model.name}, "
                f"which has {tuple(own[name].shape)}; choose init_from.modules"
            )
    system.model.load_state_dict(own | {name: given[name] for name in common})
    return common


def _take_statistics(system: System, path: Path) -> None:
    """Let the features hear as the step before did; a checkpoint from elsewhere has nothing to say about them."""
    if path.suffix != ".safetensors":
        return
    given: dict[str, Tensor] = {
        name.removeprefix(STATISTICS): value
        for name, value in read_weights(path).items()
        if name.startswith(STATISTICS)
    }
    own = system.features.state_dict()
    if not given or not own:
        return
    if hasattr(system.features, "adopt"):
        with safe_open(path, framework="pt") as file:
            blueprint = json.loads((file.metadata() or {}).get("avseld", "{}"))
        (part,) = blueprint["features"]["options"]["parts"]
        system.features.adopt(part, given["standardize.mean"], given["standardize.deviation"])
        return
    if any(name not in given or given[name].shape != value.shape for name, value in own.items()):
        raise BadInput(f"{path}: heard other features; train the step before with the features of this one")
    system.features.load_state_dict({name: given[name] for name in own})
