"""Initialisation of a system with pretrained weights; training in several steps needs nothing more."""

import json
import logging
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.config import InitFrom
from avseld.models.transfer import current_names, load_role, read_weights, transfer, weights_file
from avseld.system.build import System
from avseld.system.checkpoint import STATISTICS

log = logging.getLogger(__name__)


def initialize_from(system: System, source: InitFrom) -> None:
    """Copy pretrained weights into a system and freeze the modules that are not to be trained.

    With a role, the feature statistics of the earlier run are copied, too.

    Args:
        system: destination.
        source: where the weights are, which of them, and what is frozen.

    Raises:
        BadInput: no weights, nothing of that name, or another shape; names the first that does not fit.
    """
    if source.weights is None and not source.roles and not source.freeze:
        raise BadInput("init_from: names neither weights nor roles; give --init_from.weights RUN")
    copied: list[str] = []
    if source.weights is not None:
        copied += _copy_by_name(system, Path(source.weights), source.modules)
    for role, path in source.roles.items():
        copied += load_role(system.model, system.model.pretrained_roles, role, path)
        _copy_statistics(system, weights_file(path))
    system.freeze(source.freeze)
    log.info(
        "initialised %d of %d tensors, %d frozen",
        len(set(copied)),
        len(system.model.state_dict()),
        sum(not weight.requires_grad for weight in system.model.parameters()),
    )


def _copy_by_name(system: System, path: Path, modules: list[str]) -> list[str]:
    path = weights_file(path)
    given = read_weights(path)
    if modules:
        return transfer(system.model, given, {name: name for name in modules}, path)
    own = system.model.state_dict()
    given = current_names(given, own)
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


def _copy_statistics(system: System, path: Path) -> None:
    """Copy feature statistics from the earlier run; PyTorch checkpoints of other projects hold none."""
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
    if system.features.adopt is not None:
        with safe_open(path, framework="pt") as file:
            blueprint = json.loads((file.metadata() or {}).get("avseld", "{}"))
        (part,) = blueprint["features"]["options"]["parts"]
        system.features.adopt(part, given["standardize.mean"], given["standardize.deviation"])
        return
    if any(name not in given or given[name].shape != value.shape for name, value in own.items()):
        raise BadInput(
            f"{path}: was trained with other features; train the earlier step with the features of this one"
        )
    system.features.load_state_dict({name: given[name] for name in own})
