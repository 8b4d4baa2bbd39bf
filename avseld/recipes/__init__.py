"""Recipes: one complete YAML file per system variant."""

from pathlib import Path

FOLDER = Path(__file__).parent


def recipe_path(name: str) -> str:
    """Path of a packaged recipe by its name; any other word stays as it is."""
    path = FOLDER / f"{name}.yaml"
    return str(path) if path.is_file() else name
