"""A recipe by its name, with changes, as Python objects: `recipe("av_foa", data="prepared", steps=2000)`."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from avseld.base.errors import BadInput
from avseld.base.yaml_text import load_yaml
from avseld.config import OLD_DATA_NAMES, Part, Recipe
from avseld.recipes import FOLDER, recipe_path

PARTS = ("features", "model", "target", "optimizer", "schedule")
"""arguments of a training that are a part: a name with options"""

SHORT = {"data": "prepared", "init_from": "weights"} | dict.fromkeys(PARTS, "name")
"""argument -> its member that a bare value stands for"""


def recipe(name: str | Path, **changes: Any) -> Recipe:
    """Read a recipe and change some of its values.

    Args:
        name: of a packaged recipe (`avseld models` lists them), a YAML file, or a run folder.
        changes: new values by name. `data="prepared"` is the prepared folder, `data={"batch_size": 8}` changes members,
            `model="fused"` is a part without options, `model={"options": {"width": 96}}` changes options of the
            recipe's part; a part of another name keeps none of its options. `validate_every` becomes at most `steps`.

    Returns:
        The recipe; `avseld.train` runs it.

    Raises:
        BadInput: an unknown recipe or name, a value of another type, or no prepared folder.
    """
    words = read_recipe(name)
    for key, value in changes.items():
        words[key] = with_change(key, words.get(key), value)
    if "steps" in changes and "validate_every" not in changes and isinstance(words["steps"], int):
        words["validate_every"] = min(words.get("validate_every", words["steps"]), words["steps"])
    if not (words.get("data") or {}).get("prepared"):
        raise BadInput(f"recipe {name}: which recordings? add data=PREPARED, the prepared folder")
    return recipe_of(words)


def recipe_of(words: Mapping[str, Any], needs_recordings: bool = True) -> Recipe:
    """Build a recipe from what YAML says.

    Args:
        words: as YAML has it.
        needs_recordings: whether it must name its prepared folder.

    Raises:
        BadInput: an unknown name, a value of another type, or something is missing.
    """
    if not needs_recordings:
        words = {**words, "data": {"prepared": "", **(words.get("data") or {})}}
    made: Recipe = _build(Recipe, words, "")
    return made


def read_recipe(name: str | Path) -> dict[str, Any]:
    """Read the YAML of a recipe, a file, a run, or a folder of runs of several seeds."""
    path = Path(recipe_path(str(name)))
    path = recipe_of_run(path) if path.is_dir() else path
    try:
        words = load_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError):
        known = sorted(each.stem for each in FOLDER.glob("*.yaml"))
        near = get_close_matches(str(name), known, 1)
        meant = f"did you mean {near[0]}?" if near else f"the recipes are {', '.join(known)}"
        raise BadInput(f"{name}: no recipe, file or run folder; {meant}") from None
    if not isinstance(words, dict):
        raise BadInput(f"{path}: no recipe; expected names and values such as steps: 1000")
    return words


def recipe_of_run(folder: Path) -> Path:
    """Return the file with the recipe of a run, which a folder of runs of several seeds has, too.

    Args:
        folder: of the run or the runs.
    """
    config, seeds = folder / "config.yaml", folder / "seeds.yaml"
    return seeds if seeds.is_file() and not config.is_file() else config


def with_change(key: str, before: Any, value: Any) -> Any:
    """Combine a value of the recipe with a change of it.

    Args:
        key: name in the recipe.
        before: its value, or None.
        value: the change: a bare name or path, some members, a dataclass.

    Returns:
        The new value, as YAML has it.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {name: member for name, member in asdict(value).items() if name not in OLD_DATA_NAMES}
    if key == "augment" and value is not None:
        value = value.split(",") if isinstance(value, str) else value
        return [with_change("features", None, each) for each in value]
    if key in SHORT and isinstance(value, str | Path):
        value = {SHORT[key]: value}
    if not isinstance(value, Mapping):
        return value
    before = before or {}
    if key in PARTS and value.get("name", before.get("name")) != before.get("name"):
        return dict(value)
    merged = {**before, **value}
    if key in PARTS and "options" in value:
        merged["options"] = {**before.get("options", {}), **value["options"]}
    return merged


def check_members(words: Mapping[str, Any]) -> None:
    """Check names and types of what a recipe says, complete or not.

    Args:
        words: as YAML has it.

    Raises:
        BadInput: a name that no recipe has, or a value of another type.
    """
    hints = get_type_hints(Recipe) | {"seed": int | list[int]}
    for name, value in words.items():
        _refuse_unknown(name, hints, name)
        kinds = [kind for kind in (get_args(hints[name]) or (hints[name],)) if is_dataclass(kind)]
        if kinds and kinds[0] is not Part and isinstance(value, Mapping):
            members = get_type_hints(kinds[0])
            for member, inner in value.items():
                _refuse_unknown(member, members, f"{name}.{member}")
                _value(members[member], inner, f"{name}.{member}")
        else:
            _value(hints[name], value, name)


def _refuse_unknown(name: str, known: Mapping[str, Any], place: str) -> None:
    if name not in known:
        near = get_close_matches(str(name), known, 1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise BadInput(f"{place}: no such name in a recipe; {meant}")


def _build(kind: type, words: Any, place: str) -> Any:
    """Build a dataclass from names and values, checking both."""
    if isinstance(words, kind):
        return words
    if not isinstance(words, Mapping):
        raise BadInput(f"{place}: expected names and values, not {words!r}")
    hints = get_type_hints(kind)
    made = {}
    for name, value in words.items():
        here = f"{place}.{name}" if place else str(name)
        _refuse_unknown(str(name), hints, here)
        made[name] = _value(hints[name], value, here)
    for each in fields(kind):
        if each.name not in made and each.default is MISSING and each.default_factory is MISSING:
            raise BadInput(f"{place + '.' if place else ''}{each.name}: is missing; give it")
    return kind(**made)


def _value(hint: Any, value: Any, place: str) -> Any:
    """Check a value against its type, and convert what YAML and Python write otherwise."""
    if is_dataclass(hint):
        return _build(hint, value, place)  # type: ignore[arg-type]
    origin, members = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _any_of(members, value, place)
    if origin is Literal and value not in members:
        raise BadInput(f"{place}: '{value}' is none of {', '.join(map(str, members))}")
    if origin is list and isinstance(value, list | tuple):
        return [_value(members[0], each, f"{place}[{number}]") for number, each in enumerate(value)]
    if origin is dict and isinstance(value, Mapping):
        return {key: _value(members[1], each, f"{place}.{key}") for key, each in value.items()}
    if hint is Any or origin is Literal:
        return value
    if hint is Path and isinstance(value, str | Path):
        return Path(value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    plain = isinstance(hint, type) and origin is None
    if not plain or not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise BadInput(f"{place}: {value!r} is no {getattr(origin or hint, '__name__', hint)}")
    return value


def _any_of(members: tuple[Any, ...], value: Any, place: str) -> Any:
    """Check a value against several types; the error is that of the first."""
    if value is None and NoneType in members:
        return None
    errors = []
    for member in members:
        if member is not NoneType:
            try:
                return _value(member, value, place)
            except BadInput as error:
                errors.append(error)
    raise errors[0]
