"""Help of a command: its options as its user types them, read from the signature and docstring of its function."""

import inspect
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

INDENT = 24
"""column at which the description of an option begins"""

PARTS_TITLE = (
    "parts of the system; --NAME.help lists names and options, --NAME.options.OPTION VALUE sets one:"
)

COMMON = {
    "--print_config": "print the options as YAML and exit",
    "--debug": "show where an error arose",
    "-h, --help": "show this help and exit",
}
"""options of every command, after --config"""

WORDS = {"shard": "I/N|auto", "engine": "{threads,loky,dask:ADDRESS}"}
"""what stands for the values of options that have a form of their own"""


@dataclass(frozen=True)
class Option:
    """An option of a command."""

    name: str
    """without hyphens: data.batch_size"""
    annotation: Any
    """its type"""
    default: Any
    """`MISSING` if it is required"""
    about: str
    """its sentence in the docstring"""


def help_text(
    name: str,
    function: Callable[..., Any],
    usage: Sequence[str] = (),
    values: Mapping[str, str] | None = None,
    positional: bool = False,
    config: str = "",
) -> str:
    """Write the help of a command.

    Args:
        name: program and command, as typed.
        function: of the command; its arguments are the options, those that are dataclasses sections of them.
        usage: what follows the name in the lines of usage; by default the required options.
        values: what stands for the value of an option where its type says too little.
        positional: whether required arguments are written without their names.
        config: description of --config.

    Returns:
        Text as wide as the terminal.
    """
    values = values or {}
    sections: dict[str, list[Option]] = {"options:": [], PARTS_TITLE: []}
    for option in _shown(function):
        kind = _dataclass_in(option.annotation)
        if kind is None:
            sections["options:"].append(option)
        elif _is_part(kind):
            sections[PARTS_TITLE].append(option)
        else:
            sections[f"{option.about.rstrip('.')}:"] = list(_shown(kind, f"{option.name}."))
    width = max(40, shutil.get_terminal_size().columns - 2)
    lines = [f"{name} {words}" for words in usage or [_required_words(sections, values, positional)]]
    lines = [("       " if place else "usage: ") + line for place, line in enumerate(lines)]
    summary = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    lines += ["", *textwrap.wrap(summary, width)]
    for title, options in sections.items():
        if options:
            lines += ["", *textwrap.wrap(title, width)]
        for option in options:
            lines += option_lines(option, width, values.get(option.name), positional)
    lines += ["", *_entry("--config " + values.get("config", "FILE"), config, width)]
    lines += [line for typed, about in COMMON.items() for line in _entry(typed, about, width)]
    return "\n".join(lines)


def member_lines(kind: type, prefix: str, width: int) -> list[str]:
    """Describe the options that a dataclass holds.

    Args:
        kind: the dataclass.
        prefix: precedes their names: `update.`.
        width: columns.
    """
    return [line for option in _shown(kind, prefix) for line in option_lines(option, width)]


def option_lines(option: Option, width: int, value: str | None = None, positional: bool = False) -> list[str]:
    """Describe an option: how it is typed, what it is, its default.

    Args:
        option: the option.
        width: columns.
        value: what stands for its value, if not what its type says.
        positional: whether it is written without its name where it is required.
    """
    if value is None:
        value = value_word(option)
    typed = f"--{option.name} {value}".rstrip()
    if positional and option.default is MISSING:
        typed = value
    about = option.about if option.about.endswith("...") else option.about.rstrip(".")
    default = _default_word(option.default)
    return _entry(typed, f"{about} (default: {default})" if default else about, width)


def documented(part: Any) -> dict[str, str]:
    """Read the sentences of a docstring's `Args:`.

    Args:
        part: function or class.

    Returns:
        Sentence by name.
    """
    _, _, text = (inspect.getdoc(part) or "").partition("Args:\n")
    found = re.findall(r"^    (\w+)(?: \([^)]*\))?: (.*(?:\n {5,}.*)*)", text, flags=re.M)
    return {name: " ".join(sentence.split()) for name, sentence in found}


def value_word(option: Option) -> str:
    """Return what stands for the value of an option: N, {a,b}, RUN; nothing for a switch that may stand alone."""
    members = [member for member in _members(option.annotation) if member is not NoneType]
    if members == [bool]:
        if option.default is False:
            return ""
        return "false" if option.default is True else "true|false"
    lists = [member for member in members if get_origin(member) in (list, tuple)]
    single = [member for member in members if member not in lists]
    words = [_word(member, option.name) for member in single]
    if lists:
        word = words[0] if words else _word(get_args(lists[0])[0], option.name)
        return f"{word}[,...]"
    return "|".join(dict.fromkeys(words))


def _word(kind: Any, name: str) -> str:
    if name in WORDS:
        return WORDS[name]
    if get_origin(kind) is Literal:
        return "{" + ",".join(map(str, get_args(kind))) + "}"
    if _is_part(kind):
        return "NAME"
    if (get_origin(kind) or kind) is dict:
        return "{NAME: VALUE}"
    return {int: "N", float: "X"}.get(kind) or name.rpartition(".")[2].upper()


def _shown(function: Callable[..., Any], prefix: str = "") -> Iterator[Option]:
    """List the options that are no old names of others."""
    about, types = documented(function), get_type_hints(function)
    if is_dataclass(function):
        defaults = {
            each.name: each.default if each.default_factory is MISSING else each.default_factory()
            for each in fields(function)
        }
    else:
        defaults = {
            name: MISSING if each.default is each.empty else each.default
            for name, each in inspect.signature(function).parameters.items()
        }
    for name, default in defaults.items():
        sentence = about.get(name, "")
        if not sentence.startswith("old name of"):
            yield Option(prefix + name, types[name], default, sentence)


def _required_words(
    sections: Mapping[str, Sequence[Option]], values: Mapping[str, str], positional: bool
) -> str:
    """Write the required options as they are typed."""
    words = []
    for option in (option for options in sections.values() for option in options):
        if option.default is MISSING:
            value = values.get(option.name, value_word(option))
            words.append(value if positional else f"--{option.name} {value}")
    return " ".join([*words, "[options]"])


def _default_word(default: Any) -> str:
    """Write a default value as it is typed; nothing where it says nothing."""
    if default in (None, MISSING, False, "") or default in ([], {}):
        return "0" if default == 0 and not isinstance(default, bool) else ""
    if isinstance(default, list):
        return ",".join(map(str, default))
    if isinstance(default, bool):
        return "true"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _members(annotation: Any) -> tuple[Any, ...]:
    """List the types of a union, or the type alone."""
    union = get_origin(annotation) in (Union, UnionType)
    return get_args(annotation) if union else (annotation,)


def _dataclass_in(annotation: Any) -> type | None:
    """Find the dataclass in X, X | None and list[X] | None."""
    for member in _members(annotation):
        for kind in (member, *get_args(member)):
            if isinstance(kind, type) and is_dataclass(kind):
                return kind
    return None


def _is_part(kind: Any) -> bool:
    """Return whether a dataclass is a name with options, which `--NAME.help` lists."""
    return is_dataclass(kind) and [each.name for each in fields(kind)] == ["name", "options"]


def _entry(typed: str, about: str, width: int) -> list[str]:
    """Lay out an option and its description, below it if it is long."""
    lines = textwrap.wrap(about, max(20, width - INDENT), break_on_hyphens=False)
    first = f"  {typed}".ljust(INDENT)
    if lines and len(first) == INDENT and first.endswith(" "):
        return [first + lines[0], *(" " * INDENT + line for line in lines[1:])]
    return [first.rstrip(), *(" " * INDENT + line for line in lines)]
