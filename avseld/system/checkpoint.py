"""Weights, feature statistics and blueprint of a system in one safetensors file."""

from dataclasses import replace
from pathlib import Path

import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.base.files import replacing, require_file
from avseld.base.plugins import MissingPart, comes_from_elsewhere, origin
from avseld.io.run_weights import CHECKPOINTS, CONFIG, run_folder
from avseld.models.transfer import current_names
from avseld.system.blueprint import Blueprint, import_paths
from avseld.system.build import System

STATISTICS = "features."
"""prefix of the features' statistics (means, deviations) among the names of a weights file"""


def save_system(system: System, path: Path | str) -> None:
    """Write weights, feature statistics and blueprint; the file appears whole or not at all."""
    state = system.model.state_dict() | system.features.state_dict(prefix=STATISTICS)
    state = {name: value.detach().contiguous().cpu() for name, value in state.items()}
    blueprint = replace(system.blueprint, origins=_origins(system))
    write_weights(path, state, blueprint)


def write_weights(path: Path | str, state: dict[str, Tensor], blueprint: Blueprint) -> None:
    """Write tensors by name and the blueprint of their system; the file appears whole or not at all."""
    with replacing(path) as temporary:
        save_file(state, temporary, metadata={"avseld": blueprint.to_json()})


def read_weights(path: Path | str) -> tuple[dict[str, Tensor], Blueprint]:
    """Read what `write_weights` wrote; nothing in the file is executed.

    Returns:
        Tensors by name, and the blueprint of their system.

    Raises:
        BadInput: missing, damaged, or without a blueprint.
    """
    path = Path(path)
    require_file(path, "train first, or give the folder of a finished run")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("avseld")
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path}: no readable weights ({error}); copy the file again") from error
    if text is None:
        raise BadInput(f"{path}: weights without a blueprint; use a file written by avseld train")
    return state, _blueprint(text, path)


def _blueprint(text: str, path: Path) -> Blueprint:
    """Read the blueprint in a weights file.

    Raises:
        BadInput: the text is none; names the file.
    """
    try:
        return Blueprint.from_json(text)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise BadInput(
            f"{path}: its description of the system cannot be read ({reason}); copy the file again"
        ) from error


def _origins(system: System) -> tuple[str, ...]:
    """List the packages or folders of the parts that are not of this package."""
    inside = [role.target for role in system.model.role_systems.values() if role.target is not None]
    parts = [system.features, *system.model.modules(), system.target, *inside]
    return tuple(dict.fromkeys(origin(part) for part in parts if comes_from_elsewhere(part)))


def load_system(path: Path | str, legacy: bool | None = None) -> System:
    """Build a system from a file that `save_system` wrote; nothing in the file is executed.

    A part with an import path is imported only where `config.yaml` beside the weights, the run's own recipe, names it,
    too: weights from elsewhere import nothing.

    Args:
        path: a safetensors file.
        legacy: overrides the rounding rules of the blueprint.

    Returns:
        The system in evaluation, on the CPU.

    Raises:
        BadInput: missing, damaged, of another architecture than its blueprint, or with a part that is not installed
            or that the recipe beside it does not name.
    """
    path = Path(path)
    state, blueprint = read_weights(path)
    _check_import_paths(blueprint, path)
    try:
        system = System(blueprint if legacy is None else replace(blueprint, legacy=legacy))
    except MissingPart as error:
        if not blueprint.origins:
            raise
        where = ", ".join(blueprint.origins)
        raise BadInput(f"{path}: {error} (the run was trained with parts of {where})") from error
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    load_weights(system, state, path)
    return system.eval()


def _check_import_paths(blueprint: Blueprint, path: Path) -> None:
    """Refuse import paths that the recipe beside a weights file does not name."""
    wanted = blueprint.import_paths
    if not wanted:
        return
    recipe = (run_folder(path) if path.parent.name == CHECKPOINTS else path.parent) / CONFIG
    try:
        named = import_paths(yaml.safe_load(recipe.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        named = set()
    if unknown := sorted(wanted - named):
        raise BadInput(
            f"{path}: the weights name the part {unknown[0]}, which {recipe} does not; code is imported only where "
            "the run's own recipe names it: give the whole run folder"
        )


def classes_of_weights(path: Path) -> list[str] | None:
    """Read the class names of the run that a weights file is of; None for files of other projects.

    Args:
        path: any file of weights.

    Raises:
        BadInput: missing or damaged.
    """
    blueprint = blueprint_of_weights(path)
    return None if blueprint is None else blueprint.classes


def blueprint_of_weights(path: Path) -> Blueprint | None:
    """Read the description of the system that a weights file is of; None for files of other projects.

    Args:
        path: any file of weights.

    Raises:
        BadInput: missing, damaged, or it names code that the recipe beside it does not name.
    """
    if path.suffix != ".safetensors":
        return None
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("avseld")
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{path}: no readable weights ({error}); copy the file again") from error
    if not text:
        return None
    blueprint = _blueprint(text, path)
    _check_import_paths(blueprint, path)
    return blueprint


def load_weights(system: System, state: dict[str, Tensor], origin: Path | str) -> None:
    """Copy weights into the network and statistics, if there are any, into the features.

    Args:
        system: gets the weights.
        state: by name, statistics with the prefix `STATISTICS`.
        origin: where they come from, for the message.

    Raises:
        BadInput: names or shapes of another architecture; names the first that differs.
    """
    own = system.model.state_dict() | system.features.state_dict(prefix=STATISTICS)
    state = current_names(state, own)
    wrong = sorted(set(own) ^ set(state)) or [name for name in own if own[name].shape != state[name].shape]
    if wrong:
        model = system.blueprint.model
        raise BadInput(
            f"{origin}: weights of another architecture ('{wrong[0]}' differs); "
            f"they do not fit {model.name} {model.options}"
        )
    statistics = {name: value for name, value in state.items() if name.startswith(STATISTICS)}
    system.model.load_state_dict({name: value for name, value in state.items() if name not in statistics})
    system.features.load_state_dict(
        {name.removeprefix(STATISTICS): value for name, value in statistics.items()}
    )
