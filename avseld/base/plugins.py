"""Parts by name: from a table of this package, from an installed package, or by import path.

A name in a recipe is looked up in the table of its kind, then among the entry points of its group: `avseld.models`,
`avseld.features`, `avseld.targets`, `avseld.augmentations`, `avseld.audio_encoders`, `avseld.temporal_models`,
`avseld.metrics`. With a colon it is an import path, `package.module:Class`.
"""

import inspect
import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from avseld.base.errors import BadInput

IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
DOTTED_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")

OWN_PACKAGES = ("avseld", "torch", "torchvision")
"""packages whose classes need no search when a run is loaded elsewhere"""


class MissingPart(BadInput):
    """A part that is neither in its table nor in an installed package."""


def is_import_path(name: object) -> bool:
    """Return whether a name is an import path, `package.module:Class`."""
    return isinstance(name, str) and IMPORT_PATH.fullmatch(name) is not None


def find_part(what: str, name: str, table: Mapping[str, Any], group: str, callables: bool = False) -> Any:
    """Find the class of a part.

    Args:
        what: what is named, for messages: features.name, encoder.
        name: a key of the table, an entry point, or an import path.
        table: classes of this package by name; they precede entry points of the same name.
        group: group of entry points.
        callables: also accept a function.

    Returns:
        The class.

    Raises:
        MissingPart: an unknown name, or a package or class that is not there.
        BadInput: a package that cannot be imported, two packages that offer the name, or something else than a class.
    """
    if name in table:
        return table[name]
    if is_import_path(name):
        found = _imported(what, name)
    else:
        offered = list(entry_points(group=group))
        chosen = [point for point in offered if point.name == name]
        if not chosen:
            raise MissingPart(f"{what}: '{name}' is none of {_listed(table, offered)}{_hint(name)}")
        if len({point.value for point in chosen}) > 1:
            values = " and ".join(point.value for point in chosen)
            raise BadInput(f"{what}: '{name}' is offered by {values}; write one of them in its place")
        found = _loaded(what, chosen[0])
    if not inspect.isclass(found) and not (callables and callable(found)):
        wanted = "function" if callables else "class"
        raise BadInput(f"{what}: {name} is no {wanted} but a {type(found).__name__}; name a {wanted}")
    return found


def _listed(table: Mapping[str, Any], offered: list[EntryPoint]) -> str:
    return ", ".join(dict.fromkeys([*table, *(point.name for point in offered)])) or "the installed ones"


def _hint(name: str) -> str:
    if not DOTTED_PATH.fullmatch(name):
        return ""
    module, _, member = name.rpartition(".")
    return f"; a class of your own is written package.module:Class, here {module}:{member}"


def _loaded(what: str, point: EntryPoint) -> Any:
    return _member(what, point.name, *point.value.split(":", 1))


def _imported(what: str, name: str) -> Any:
    """Import a class by its path; modules of the working folder are found, too, as with `python -m`."""
    module, member = name.split(":")
    top = module.split(".")[0]
    if top not in sys.modules and find_spec(top) is None:
        folder = Path.cwd()
        if not (folder / top).is_dir() and not (folder / f"{top}.py").is_file():
            raise MissingPart(
                f"{what}: {name}: there is no package '{top}'; install it, or put its folder on PYTHONPATH"
            )
        sys.path.append(str(folder))  # last, so that it hides no installed package
    return _member(what, name, module, member)


def _member(what: str, name: str, module: str, member: str) -> Any:
    """Return a member of a module."""
    try:
        imported = import_module(module)
    except BadInput:
        raise
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name
        why = f"there is no module '{missing}'" if missing else f"{type(error).__name__}: {error}"
        kind = MissingPart if missing else BadInput
        raise kind(f"{what}: {name}: {module} cannot be imported ({' '.join(why.split())})") from error
    try:
        return getattr(imported, member)
    except AttributeError:
        there = [key for key, value in vars(imported).items() if getattr(value, "__module__", "") == module]
        raise MissingPart(
            f"{what}: {name}: {module} has no '{member}'; it has {', '.join(there) or 'none'}"
        ) from None


def comes_from_elsewhere(part: object) -> bool:
    """Return whether a function, a class or that of an instance is of another package than this one and torch."""
    return _package(part) not in OWN_PACKAGES


def origin(part: object) -> str:
    """Describe where the class of a part was found: its distribution with version, or its folder.

    Args:
        part: an instance.
    """
    package = _package(part)
    distributions = _distributions(tuple(sys.path)).get(package, [])
    if distributions:
        return f"{distributions[0]} {version(distributions[0])}"
    module = sys.modules.get(package)
    places = [*getattr(module, "__path__", []), getattr(module, "__file__", None)]
    if package == "__main__" or places[0] is None:
        return f"a script or notebook ({type(part).__name__})"
    return f"{package} in {Path(places[0]).absolute().parent}"


def _package(part: object) -> str:
    found = part if inspect.isclass(part) or inspect.isroutine(part) else type(part)
    return found.__module__.split(".")[0]


@cache
def _distributions(search_path: tuple[str, ...]) -> Mapping[str, list[str]]:
    """List the distributions of each package; slow, so kept for a search path."""
    return packages_distributions()
