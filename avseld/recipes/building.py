"""The system that a recipe describes."""

from collections.abc import Sequence

from avseld.config import Recipe
from avseld.system.blueprint import Blueprint
from avseld.system.build import System


def build_system(recipe: Recipe, classes: Sequence[str]) -> System:
    """Build the system of a recipe, with random weights.

    Args:
        recipe: with the systems of its roles written into it (see `avseld.recipes.role_systems`).
        classes: class names.
    """
    data = recipe.data
    window = (data.format, data.chunk, recipe.legacy, data.inference_chunk)
    return System(Blueprint(recipe.features, recipe.model, recipe.target, list(classes), *window))
