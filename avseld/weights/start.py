"""Training that starts from weights named as `avseld weights` lists them: their files, and a recipe that fits them."""

import json
from dataclasses import asdict, replace
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.config import InitFrom
from avseld.io.run_weights import split_step, weights_of
from avseld.system.checkpoint import read_weights
from avseld.weights import find, shipped
from avseld.weights.hub import is_address

WEIGHTS_OPTIONS = ("--init_from", "--init-from", "--init_from.weights", "--init-from.weights")


def with_files(source: InitFrom) -> InitFrom:
    """Replace RUN@STEP, names of shipped weights, and addresses of the hub by the paths of their files.

    Args:
        source: weights and roles by name or path; what exists as a path is that.

    Raises:
        BadInput: neither a path nor the name of weights, or a step whose weights are not kept; lists them.
    """
    weights = None if source.weights is None else _file_of(source.weights)
    roles = {role: _file_of(path) for role, path in source.roles.items()}
    return replace(source, weights=weights, roles=roles)


def is_name(path: Path) -> bool:
    """Return whether a path is the name of shipped weights or an address of the hub, and no file or folder."""
    return not path.exists() and (is_address(path) or str(path) in shipped())


def _file_of(name: Path) -> Path:
    if name.exists():
        return name
    if split_step(name)[1] is not None:
        return weights_of(name)
    named = find(name)
    if named is None:
        raise BadInput(
            f"{name}: not found; give a run folder, a file of weights, or one of {', '.join(shipped())}"
        )
    return named


def fitting_recipe(words: list[str]) -> list[str]:
    """Put the recipe of shipped weights before the arguments of a training that names such weights and no recipe.

    Its features and its network are those of the weights, whatever options they were trained with.

    Args:
        words: arguments of `train`.

    Returns:
        The words; unchanged where a recipe or a run to resume is named, or no shipped weights.

    Raises:
        BadInput: weights, named without a recipe, that do not exist.
    """
    named, name = set(), None
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, equals, value = word.partition("=")
        named.add(option)
        if option in WEIGHTS_OPTIONS:
            name = value if equals else following
    if not name or {"--config", "--resume", "--help", "-h"} & named:
        return words
    card = shipped().get(name)
    if card is None:
        _file_of(Path(name))
        return words
    _, blueprint = read_weights(card.path)
    parts = {"features": blueprint.features, "model": blueprint.model}
    chosen = [f"--{part}={json.dumps(asdict(value))}" for part, value in parts.items()]
    video = [] if card.video else ["--data.video=blank"]
    return ["--config", card.recipe, *chosen, *video, *words]
