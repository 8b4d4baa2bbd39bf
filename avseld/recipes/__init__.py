"""Recipes: one complete YAML file per published system or variant."""

from pathlib import Path

FOLDER = Path(__file__).parent


def recipe_path(name: str) -> str:
    """Return the path of a packaged recipe by its name; other strings are returned unchanged."""
    path = FOLDER / f"{name}.yaml"
    return str(path) if path.is_file() else name
