"""Arguments of the command `train`: recipes by name, parts by their bare names, options of parts of parts.

They are rewritten to one recipe and the options that do not concern a part, which the command line then checks by
their types.
"""

import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from avseld.base.errors import BadInput
from avseld.base.yaml_text import load_yaml
from avseld.config import Data, Recipe
from avseld.io.run_config import CONFIG, read_config
from avseld.recipes.reading import (
    PARTS,
    SHORT,
    check_members,
    read_recipe,
    recipe_of_run,
    with_change,
)

GROUPS = (*PARTS, "augment", "data", "hardware", "init_from", "update")
"""arguments that hold several options; `--schedule.help` describes one"""


def training_arguments(words: list[str]) -> list[str]:
    """Rewrite arguments of `train`; those on the command line precede the recipe, wherever they stand.

    * `--config NAME` is a packaged recipe, a YAML file or a run folder; a later one changes an earlier one.
    * `--resume RUN` stands for that run's own recipe and folder.
    * `--schedule cosine`, `--augment rotate,mix` are parts without options, `--init_from RUN` are weights. A part of
      another name keeps none of the recipe's options.
    * `--model.options.encoder.name vit` reaches parts of parts.
    * `--schedule.help` lists names and options, and exits.

    Args:
        words: as typed.

    Returns:
        Words for the parser: `--config` with the recipe as JSON, and the other options.

    Raises:
        BadInput: an unknown recipe, or a value of a part that is no YAML.
    """
    typed = _options(words)
    for name, value in typed:
        if name.endswith(".help") and name.removesuffix(".help").split(".")[0] in GROUPS:
            _describe(name.removesuffix(".help"), value)
    recipe: dict[str, Any] = {}
    rest: list[str] = []
    changes: list[tuple[str, str]] = []
    for name, value in typed:
        place = name.split(".")[0].removesuffix("+")
        if name == "config" and value is not None:
            for key, member in read_recipe(value).items():
                recipe[key] = with_change(key, recipe.get(key), member)
        elif name == "resume" and value not in (None, "true", "false"):
            if not recipe_of_run(Path(str(value))).is_file():
                raise BadInput(f"--resume {value}: holds no run to resume; give the folder of a run")
            if (Path(str(value)) / CONFIG).is_file():
                read_config(Path(str(value)))  # says what is wrong with it
            recipe |= read_recipe(str(value))
            rest += ["--out", str(value), "--resume=true"]
        elif value is not None and (place in (*PARTS, "augment") or name in SHORT):
            changes.append((name, value))
        else:
            rest += [f"--{name}" if value is None else f"--{name}={value}"] if name else [str(value)]
    _refuse_short_options(recipe, [name for name, _ in typed])
    for name, value in sorted(changes, key=_order):
        _change(recipe, name, value)
    check_members(recipe)
    return [*(["--config", json.dumps(recipe)] if recipe else []), *rest]


def recipe_words(words: list[str], option: str = "--recipe", own: Collection[str] = ()) -> list[str]:
    """Gather what a command says of a recipe, its name and changes of it as `train` takes them, in one option.

    Args:
        words: as typed: `--config av_foa --features.options.hop 480 --out DIR`.
        option: takes the recipe as JSON; it may be typed in place of --config, too.
        own: options of the command that are names in a recipe, too.

    Returns:
        Words for the parser: the option with the complete recipe, and the other options.

    Raises:
        BadInput: an unknown recipe, or an unknown name or a wrong value in it.
    """
    known = (set(vars(Recipe)["__annotations__"]) | {"config"}) - {"out", *own}
    ours: list[str] = []
    rest: list[str] = []
    for name, value in _options(words):
        name = "config" if f"--{name}" == option else name
        typed = [f"--{name}" if value is None else f"--{name}={value}"] if name else [str(value)]
        (ours if name.split(".")[0].removesuffix("+") in known else rest).extend(typed)
    if not ours:
        return rest
    arguments = training_arguments(ours)
    recipe = json.loads(arguments.pop(1)) if arguments[:1] == ["--config"] else {}
    for name, text in _options([word for word in arguments if word != "--config"]):
        first, *inner = name.split(".")
        is_list = first == "data" and get_origin(get_type_hints(Data).get(inner[0] if inner else "")) is list
        bare = is_list and not (text or "").startswith("[")
        given = (text or "").split(",") if bare else load_yaml(text or "true", f"--{name}")
        changed = _changed_inside(recipe.get(first), inner, given) if inner else given
        recipe[first] = with_change(first, recipe.get(first), changed)
    check_members(recipe)
    return [f"{option}={json.dumps(recipe)}", *rest]


def _options(words: list[str]) -> list[tuple[str, str | None]]:
    """Split words into options with their values, None for a switch; a word without an option has no name."""
    options: list[tuple[str, str | None]] = []
    is_open = False
    for word in words:
        if word.startswith("--") and word != "--":
            name, equals, value = word[2:].partition("=")
            options.append((name.replace("-", "_"), value if equals else None))
            is_open = not equals
        elif is_open:
            options[-1], is_open = (options[-1][0], word), False
        else:
            options.append(("", word))
    return options


def _refuse_short_options(recipe: Mapping[str, Any], names: list[str]) -> None:
    """Refuse `--lr` and `--optimizer.lr`, and say how the option of a part is written.

    Raises:
        BadInput: names the option.
    """
    options = {
        option: f"--{part}.options.{option}"
        for part in PARTS
        for option in (recipe.get(part) or {}).get("options") or {}
    }
    for name in names:
        first, _, inner = name.partition(".")
        if first in PARTS and inner and inner.split(".")[0] not in ("name", "options"):
            raise BadInput(f"no option --{name}; did you mean --{first}.options.{inner}?")
        if not inner and name in options and name not in vars(Recipe)["__annotations__"]:
            raise BadInput(f"no option --{name}; did you mean {options[name]}?")


def _order(change: tuple[str, str]) -> tuple[int, bool]:
    """Sort changes from the outside in, names first: a name drops options, but none of those typed beside it."""
    keys = change[0].split(".")
    return len(keys), keys[-1] != "name"


def _change(recipe: dict[str, Any], name: str, text: str) -> None:
    """Change a part of a recipe by an option of the command line.

    Args:
        recipe: is changed.
        name: schedule, schedule.name, model.options.encoder.name, augment, augment+, init_from.
        text: value, YAML.
    """
    first, *inner = name.split(".")
    if first in ("augment", "augment+"):
        value = load_yaml(text, f"--{name}") if text.strip()[:1] in "[{" else text.split(",")
        value = [value] if isinstance(value, Mapping) else value
        if value in (["null"], ["none"], []):
            value = None
        before = recipe.get("augment") or [] if first.endswith("+") else []
        recipe["augment"] = [*before, *(with_change("augment", None, value) or [])] or None
    elif first in ("init_from", "data"):
        value = load_yaml(text, f"--{name}") if text.strip().startswith("{") else text
        recipe[first] = None if value == "null" else with_change(first, recipe.get(first), value)
    elif not inner:
        value = load_yaml(text, f"--{name}")
        recipe[first] = with_change(first, recipe.get(first), value)
    else:
        recipe[first] = _changed_inside(recipe.get(first), inner, load_yaml(text, f"--{name}"))


def _changed_inside(part: Any, path: list[str], value: Any) -> Any:
    """Change a value inside a part; a name that stands for a part without options becomes one.

    Args:
        part: a name, or {name: ..., options: {...}}, or the options of one.
        path: keys, from the outside.
        value: the new value.
    """
    if not isinstance(part, Mapping):
        part = {"name": part} if isinstance(part, str) and path[0] in ("name", "options") else {}
    key, *inner = path
    if inner:
        return {**part, key: _changed_inside(part.get(key), inner, value)}
    if key == "name" and part.get("name", value) != value:
        return {"name": value}
    return {**part, key: value}


def _describe(place: str, name: str | None) -> None:
    """Print the names that may stand at a place, with their options, and exit."""
    from importlib import import_module

    # Not imported above: it loads torch and everything that has options.
    describe = import_module("avseld.training.choices").describe
    sys.stdout.write(describe(place, name) + "\n")
    sys.exit(0)
