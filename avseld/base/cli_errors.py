"""Messages for options that a command does not have, lacks, or cannot take: in the words of its user."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from avseld.base.errors import BadInput

ALWAYS = ("--config", "--help", "--print_config", "-h")
"""options of every command"""

EXPECTED: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
    dict: "names with values, {a: 1}",
}


def option_types(function: Callable[..., Any], prefix: str = "") -> dict[str, Any]:
    """List the options of a function, `--data.batch_size` for a member of a dataclass argument, with their types."""
    types: dict[str, Any] = {}
    for name, annotation in get_type_hints(function).items():
        if name == "return":
            continue
        types[f"--{prefix}{name}"] = annotation
        union = get_origin(annotation) in (Union, UnionType)
        for member in get_args(annotation) if union else (annotation,):
            if is_dataclass(member):
                types |= option_types(member, f"{prefix}{name}.")  # type: ignore[arg-type]
    return types


def near_misses(word: str, known: Iterable[str]) -> str:
    """Return the known words that a word resembles, `a or b`; empty if there are none.

    Args:
        word: as typed.
        known: the words there are.
    """
    return " or ".join(difflib.get_close_matches(word, list(known), 2, 0.7))


def refuse_unknown(types: Mapping[str, Any], words: Iterable[str], help_command: str) -> None:
    """Refuse options that a command does not have.

    Args:
        types: its options with their types.
        words: as typed.
        help_command: lists the options.

    Raises:
        BadInput: the first unknown option, with those that it resembles.
    """
    for word in words:
        name = word.partition("=")[0]
        if name in ("--", "-") or not name.startswith("--") or name in ALWAYS:
            continue
        name = name.removesuffix("+")
        parents = ["--" + name[2 : at.start()] for at in re.finditer(r"\.", name) if at.start() > 2]
        inside = any("dict[" in str(types.get(parent, "")) for parent in parents)
        if name not in types and not inside and not name.endswith(".help"):
            meant = _meant(name, types)
            hint = f"did you mean {meant}?" if meant else f"{help_command} lists the options"
            raise BadInput(f"no option {name}; {hint}")


def _meant(name: str, types: Mapping[str, Any]) -> str:
    """Find the options that an unknown one may mean: the same last word elsewhere, or a similar spelling."""
    last = name.removeprefix("--").split(".")[-1]
    same = [known for known in types if known.removeprefix("--").split(".")[-1] == last]
    return " or ".join(same[:2]) or near_misses(name, types) or near_misses_of_last(last, types)


def near_misses_of_last(last: str, types: Mapping[str, Any]) -> str:
    """Return the options whose last words resemble one."""
    ends = {known.removeprefix("--").split(".")[-1]: known for known in types}
    return " or ".join(ends[end] for end in difflib.get_close_matches(last, list(ends), 2, 0.75))


def explain(message: str, types: Mapping[str, Any], positional: Iterable[str], help_command: str) -> str:
    """Write an error of the parser in the words of a command's user.

    Args:
        message: of the parser.
        types: options of the command with their types.
        positional: options that are written without their names.
        help_command: lists the options.

    Returns:
        One line: which option, what was given, what is expected.
    """
    text = " ".join(message.split())
    required = re.search(r'(?:[Kk]ey "([\w.]+)" is required|arguments are required: (.*)$)', text)
    if required is not None:
        names = [f"--{name.strip()}" for name in (required[1] or required[2]).split(",")]
        shown = [name[2:].upper() if name in positional else name for name in names]
        return f"{' and '.join(shown)} missing; {help_command} lists the options"
    if (empty := re.search(r"argument (--[\w.]+)\S*: expected one argument", text)) is not None:
        return f"{empty[1]}: has no value; expected {expected(types.get(empty[1], str))}"
    if (absent := re.search(r"File does not exist: '(.*?)'", text)) is not None:
        return f"--config {absent[1]}: not found; give a YAML file with options of the command"
    if text.startswith("Unexpected config"):
        return f"--config: no YAML file of options with their values; {help_command} lists the options"
    place = re.search(r'[Kk]ey "([\w.]+)"', text)
    given = re.search(r"(?:Got value|Given value): (.*?)(?: - Expected | Given value|$)", text)
    inner = re.search(r"NestedArg\(key='([\w.]+)', val='(.*?)'\)", text)
    name = f"--{place[1]}.{inner[1]}" if place and inner else f"--{place[1]}" if place else ""
    if name in types:
        value = inner[2] if inner else given[1].strip() if given else ""
        typed = name[2:].upper() if name in positional else name
        what = expected(types[name])
        return f"{typed} {value}".rstrip() + f": expected {what}; {help_command} describes the options"
    plain = re.sub(r"<class '([^>]*)'>", r"\1", text)
    return f"{plain}; {help_command} lists the options"


def expected(annotation: Any) -> str:
    """Describe the values that a type takes.

    Args:
        annotation: type of an option.
    """
    origin, members = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(expected(member) for member in members if member is not NoneType))
    if origin is Literal:
        return f"one of {', '.join(map(str, members))}"
    if origin in (list, tuple):
        return f"a list a,b with {expected(members[0])} each" if members else "a list a,b"
    if is_dataclass(annotation):
        return "names with values, " + ", ".join(get_type_hints(annotation))
    return EXPECTED.get(origin or annotation, str(getattr(annotation, "__name__", annotation)))
