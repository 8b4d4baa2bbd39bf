"""Training from Python: a recipe, or its name with changes -> a run folder."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from avseld.base.errors import BadInput
from avseld.config import Recipe
from avseld.recipes.reading import recipe as read_recipe
from avseld.training.train import train as train_parts


def train(
    recipe: Recipe | str | Path, out: Path | str | None = None, resume: bool = False, **changes: Any
) -> Path:
    """Train the system of a recipe.

    Args:
        recipe: as `avseld.recipe` returns it, or its name.
        out: the run folder; must not exist unless resume; that of the recipe if None.
        resume: continue the run in `out` from its last checkpoint.
        changes: for a recipe by name, see `avseld.recipe`; for another, new values of its members.

    Returns:
        The run folder, for `avseld.load`.

    Raises:
        BadInput: whatever is wrong with the recipe, the files or the run folder; before anything is written.
    """
    if isinstance(recipe, Recipe):
        unknown = [name for name in changes if name not in {each.name for each in fields(Recipe)}]
        if unknown:
            raise BadInput(f"train: a recipe has no {unknown[0]}; it has {', '.join(vars(recipe))}")
        chosen = replace(recipe, **changes)
    else:
        chosen = read_recipe(recipe, **changes)
    folder = out or chosen.out
    if folder is None:
        raise BadInput("train: where shall the run be written? add out=RUN, a new folder")
    words = {each.name: getattr(chosen, each.name) for each in fields(Recipe)}
    train_parts(**words | {"out": Path(folder), "resume": resume})
    return Path(folder)
