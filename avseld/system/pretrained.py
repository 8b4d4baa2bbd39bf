"""Initialisation of a system with pretrained weights; training in several steps needs nothing more."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from avseld.base.errors import BadInput
from avseld.config import InitFrom
from avseld.models.transfer import current_names, load_role, read_weights, transfer, weights_file
from avseld.system.build import System
from avseld.system.checkpoint import STATISTICS, classes_of_weights
from avseld.system.checkpoint import read_weights as read_system_weights
from avseld.system.class_rows import ClassLayout, class_layouts, merge_classes

log = logging.getLogger(__name__)


@dataclass
class Taken:
    """Names of the network's tensors by where their values come from."""

    whole: list[str] = field(default_factory=list)
    """copied as they are"""
    rows: dict[str, int] = field(default_factory=dict)
    """copied for the classes that both lists have, with their number"""


def initialize_from(system: System, source: InitFrom) -> None:
    """Copy pretrained weights into a system and freeze the modules that are not to be trained.

    Without `modules`, every tensor that fits is copied; in tensors with a part for each class, such as the last layer,
    the parts of classes of the same name. What is new, taken and frozen is logged. With a role, the feature statistics
    of the earlier run are copied, too.

    Args:
        system: destination.
        source: where the weights are, which of them, and what is frozen.

    Raises:
        BadInput: no weights, none that fit, or a module or role that does not fit; names the first of it.
    """
    if source.weights is None and not source.roles and not source.freeze and not source.random:
        raise BadInput("init_from: names neither weights nor roles; give --init_from.weights RUN")
    taken = Taken()
    if source.weights is not None:
        taken = _copy_by_name(system, Path(source.weights), source.modules)
    for role, path in source.roles.items():
        _check_classes(system, role, weights_file(path))
        taken.whole += load_role(system.model, system.model.pretrained_roles, role, path)
        _copy_statistics(system, role, weights_file(path))
    system.freeze(source.freeze)
    _report(system, taken)


def refuse_random_modules(system: System, source: InitFrom | None) -> None:
    """Refuse a training on modules that would keep their random weights: it ends well and gives nothing.

    Args:
        system: before its initialisation.
        source: what it will be initialised from; None for nothing.

    Raises:
        BadInput: names the roles, and the recipes whose runs fill them.
    """
    if source is not None and (source.weights is not None or source.random):
        return
    given = source.roles if source is not None else {}
    if set(given) - set(system.model.pretrained_roles):
        return  # refused with the roles that there are, by the initialisation
    absent = {role: recipe for role, recipe in system.model.frozen_roles.items() if role not in given}
    if absent:
        taken = system.model.pretrained_roles  # what is no role is given by name, with the whole network
        options = " ".join(
            f"--init_from.roles.{role} RUN" if role in taken else "--init_from RUN" for role in absent
        )
        raise BadInput(
            f"init_from: {system.blueprint.model.name} does not train its {' and '.join(absent)}, which would stay "
            f"random; give {options} with runs of {', '.join(absent.values())}, or --init_from.random true"
        )


def _report(system: System, taken: Taken) -> None:
    """Log which tensors are taken, which are new and which are frozen."""
    names = list(system.model.state_dict())
    known = {*taken.whole, *taken.rows}
    new = [name for name in names if name not in known and not name.endswith("num_batches_tracked")]
    frozen = [name for name, weight in system.model.named_parameters() if not weight.requires_grad]
    log.info(
        "initialised %d of %d tensors, %d frozen; taken: %s; new: %s; frozen: %s",
        len(known),
        len(names),
        len(frozen),
        _by_module(list(dict.fromkeys(taken.whole))),
        _by_module(new),
        _by_module(frozen),
    )
    if taken.rows:
        log.info(
            "taken for %d of %d classes, by name: %s",
            max(taken.rows.values()),
            len(system.blueprint.classes),
            ", ".join(taken.rows),
        )


def _by_module(names: list[str]) -> str:
    """Write the number of tensors of each module, or the name of a single tensor."""
    modules: dict[str, list[str]] = {}
    for name in names:
        modules.setdefault(name.split(".")[0], []).append(name)
    words = [own[0] if len(own) == 1 else f"{module} ({len(own)})" for module, own in modules.items()]
    return ", ".join(words) or "none"


def _copy_by_name(system: System, path: Path, modules: list[str]) -> Taken:
    path = weights_file(path)
    given, classes = read_weights(path), classes_of_weights(path)
    own = system.model.state_dict()
    given = current_names(given, own)
    per_class: dict[str, ClassLayout] = {}
    if classes is not None and classes != system.blueprint.classes:
        per_class = class_layouts(system)
    if modules and not any(name.startswith(f"{module}.") for module in modules for name in per_class):
        return Taken(transfer(system.model, given, {name: name for name in modules}, path))
    taken, parts = Taken(), {}
    for name, value in given.items():
        if name not in own or (modules and not any(name.startswith(f"{module}.") for module in modules)):
            continue
        if name in per_class:
            merged = merge_classes(own[name], value, per_class[name], system.blueprint.classes, classes or [])
            if merged is not None:
                parts[name], taken.rows[name] = merged
        elif value.shape == own[name].shape:
            parts[name] = value
            taken.whole.append(name)
        elif modules:
            raise BadInput(
                f"{path}: '{name}' has shape {tuple(value.shape)}, the network's {tuple(own[name].shape)}; give "
                "weights of the same architecture"
            )
    if all(name.endswith("num_batches_tracked") for name in parts):
        raise BadInput(
            f"{path}: has no weights that fit {system.blueprint.model.name}; give another run, or import "
            "a published checkpoint with avseld weights import"
        )
    system.model.load_state_dict(own | parts)
    return taken


def _check_classes(system: System, role: str, path: Path) -> None:
    """Refuse an event detection of other classes: nothing later would show that its answers mean others."""
    if role not in system.model.pretrained_roles or not path.is_file():
        return  # refused when the weights are copied
    inside = system.model.role_systems.get(role)
    classes = classes_of_weights(path) if (inside.depends_on_classes if inside else role == "sed") else None
    own = list(system.blueprint.classes)
    if classes is not None and classes != own:
        raise BadInput(
            f"init_from.roles.{role}: {path} was trained on other classes ({_some(classes)}) than those here "
            f"({_some(own)}); train it on a corpus with this list of classes"
        )


def _some(classes: list[str]) -> str:
    return f"{len(classes)}: {', '.join(classes[:3])}{', ...' if len(classes) > 3 else ''}"


def _copy_statistics(system: System, role: str, path: Path) -> None:
    """Copy feature statistics from the earlier run; PyTorch checkpoints of other projects hold none."""
    if path.suffix != ".safetensors":
        return
    given: dict[str, Tensor] = {
        name.removeprefix(STATISTICS): value
        for name, value in read_weights(path).items()
        if name.startswith(STATISTICS)
    }
    inside = system.model.role_systems.get(role)
    features = system.features if inside is None else inside.features
    own = features.state_dict()
    if not given or not own:
        return
    if inside is None and system.features.adopt is not None:
        _, blueprint = read_system_weights(path)
        parts = blueprint.features.options.get("parts")
        names = ("standardize.mean", "standardize.deviation")
        if not isinstance(parts, list) or len(parts) != 1 or not given.keys() >= {*names}:
            raise BadInput(
                f"{path}: was trained with other features; give a run of the features of this training"
            )
        system.features.adopt(parts[0], *(given[name] for name in names))
        return
    if any(name not in given or given[name].shape != value.shape for name, value in own.items()):
        raise BadInput(
            f"{path}: was trained with other features; train the earlier step with the features of this one"
        )
    features.load_state_dict({name: given[name] for name in own})
