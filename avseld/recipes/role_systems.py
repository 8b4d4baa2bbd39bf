"""Which systems an alignment network is made of: those of the runs or recipes that its roles name."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from avseld.base.errors import BadInput
from avseld.config import InitFrom, Part
from avseld.models.aligned import ROLES
from avseld.models.transfer import weights_file
from avseld.recipes.reading import read_recipe
from avseld.system.checkpoint import blueprint_of_weights

ALIGNMENT = "aligned_systems"
"""the network whose roles are systems"""


def with_role_systems(model: Part, source: InitFrom | None) -> Part:
    """Write the systems of an alignment network into its options, so that recipe and weights describe them whole.

    A role is the system of the run in `init_from.roles`; else that of the option, which may be the name of a recipe.

    Args:
        model: any network; another one than the alignment is returned as it is.
        source: pretrained weights.

    Raises:
        BadInput: weights without a description, an unknown recipe, or an alignment as part of another.
    """
    if model.name != ALIGNMENT:
        return model
    options = dict(model.options)
    for role in ROLES:
        path = (source.roles if source else {}).get(role)
        if path is not None and weights_file(path).exists():
            options[role] = _system_of_run(role, weights_file(path))
        elif isinstance(options.get(role), str):
            options[role] = _system_of_recipe(role, options[role])
        inside = options.get(role)
        if isinstance(inside, Mapping) and ALIGNMENT in (inside.get("model"), *_names(inside.get("model"))):
            raise BadInput(f"role {role}: is an alignment itself; give {ROLES[role]}")
    return replace(model, options=options)


def _names(part: Any) -> tuple[Any, ...]:
    return (part.get("name"),) if isinstance(part, Mapping) else ()


def _system_of_run(role: str, path: Path) -> dict[str, Any]:
    blueprint = blueprint_of_weights(path)
    if blueprint is None:
        raise BadInput(
            f"init_from.roles.{role}: {path} does not describe the system of its weights; give the folder of a run"
        )
    parts = {name: asdict(getattr(blueprint, name)) for name in ("features", "model", "target")}
    return parts | {"format": blueprint.format, "legacy": blueprint.legacy}


def _system_of_recipe(role: str, name: str) -> dict[str, Any]:
    try:
        words = read_recipe(name)
    except BadInput as error:
        raise BadInput(f"model.options.{role}: {error}") from None
    parts = {kind: words.get(kind) for kind in ("features", "model", "target")}
    return parts | {
        "format": (words.get("data") or {}).get("format"),
        "legacy": bool(words.get("legacy", False)),
    }
