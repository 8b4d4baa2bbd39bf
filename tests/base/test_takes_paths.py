"""Functions of commands take text in place of paths."""

import inspect
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import pytest

import avseld.__main__
import data_prep.__main__
import detection.__main__
from avseld.base.files import takes_paths

FUNCTIONS = [
    getattr(import_module(command.module), command.function)
    for program in (avseld.__main__, data_prep.__main__, detection.__main__)
    for command in program.COMMANDS.values()
]


@takes_paths
def echo(first: Path, name: str, second: Path | None = None, many: list[Path] | None = None) -> tuple:
    """Return the arguments."""
    return first, name, second, many


def test_text_becomes_a_path_where_a_path_is_expected():
    assert echo("a", "b") == (Path("a"), "b", None, None)
    assert echo(first="a", name="b", many=["c", Path("d")]) == (Path("a"), "b", None, [Path("c"), Path("d")])
    assert echo(Path("a"), "b", "c") == (Path("a"), "b", Path("c"), None)
    assert echo.__doc__ == "Return the arguments." and "first" in inspect.signature(echo).parameters


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: f"{each.__module__}.{each.__name__}")
def test_every_command_with_paths_takes_text(function):
    if any("Path" in str(hint) for hint in get_type_hints(function).values()):
        assert function.__wrapped__
