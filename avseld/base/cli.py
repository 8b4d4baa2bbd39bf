"""One command line for three rooms: a table of verbs; the signature of each function becomes its options."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from avseld.base.errors import BadInput

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser


@dataclass(frozen=True)
class Verb:
    """Where a verb's function lives and how its words are read."""

    module: str
    function: str
    help: str
    positional: bool = False
    """whether required arguments are written without their names"""
    prepare: Callable[[list[str]], list[str]] | None = None
    """rewrites the words before they are parsed"""


def run(program: str, about: str, verbs: dict[str, Verb], words: list[str] | None = None) -> None:
    """Run one verb and turn errors into one line and an exit status: 2 for bad input, 1 for a failure.

    Only the module of the chosen verb is imported, so that help is quick.

    Args:
        program: name of the console script.
        about: one line for the help.
        verbs: the table.
        words: the command line without the program's name; `sys.argv` if None.
    """
    words = list(sys.argv[1:] if words is None else words)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if not words or words[0] in ("-h", "--help"):
        print(_overview(program, about, verbs))  # noqa: T201 - this is the command line
        return
    verb = verbs.get(words[0])
    if verb is None:
        _stop(f"{program}: no verb '{words[0]}'; there are {', '.join(verbs)}", 2)
        return
    try:
        _call(program, words[0], verb, words[1:])
    except BadInput as error:
        if debug:
            raise
        _stop(f"{program} {words[0]}: {error}", 2)
    except KeyboardInterrupt:
        _stop(f"{program} {words[0]}: interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        _stop(f"{program} {words[0]}: {type(error).__name__}: {_one_line(error)} (--debug shows where)", 1)


def _call(program: str, name: str, verb: Verb, words: list[str]) -> None:
    from argparse import ArgumentError

    from jsonargparse import ActionConfigFile, ArgumentParser

    from avseld.base.logs import to_terminal

    if verb.prepare:
        words = verb.prepare(words)
    function: Callable[..., Any] = getattr(import_module(verb.module), verb.function)
    parser = ArgumentParser(prog=f"{program} {name}", description=verb.help, exit_on_error=False)
    parser.add_argument("--config", action=ActionConfigFile, help="a YAML file with any of the options below")
    parser.add_function_arguments(
        function, as_positional=verb.positional, fail_untyped=False, sub_configs=False
    )
    try:
        parsed = parser.parse_args(_spelled(parser, words))
    except ArgumentError as error:
        raise BadInput(f"{_one_line(error)}; {program} {name} --help lists the options") from error
    ready = parser.instantiate(parsed)
    ready.pop("config", None)
    to_terminal()
    status = function(**ready.as_dict() if hasattr(ready, "as_dict") else vars(ready))
    if isinstance(status, int) and status:
        sys.exit(status)


def _spelled(parser: "ArgumentParser", words: list[str]) -> list[str]:
    """Accept `--sample-rate` for `--sample_rate`, a switch alone (`--json`), lists without brackets (`a,b`)."""
    options = parser._option_string_actions
    spelled: list[str] = []
    for before, word, following in zip(["", *words], words, [*words[1:], ""], strict=False):
        if "list[" in str(getattr(options.get(before), "_typehint", "")) and not word.startswith("["):
            word = f"[{word}]"
        name, equals, value = word.partition("=")
        if name.startswith("--") and name not in options:
            name = "--" + name[2:].replace("-", "_")
            word = name + equals + value if name in options else word
        switch = getattr(options.get(word), "_typehint", None) is bool
        alone = following.lower() not in ("true", "false", "yes", "no")
        spelled.append(f"{word}=true" if switch and alone else word)
    return spelled


def _overview(program: str, about: str, verbs: dict[str, Verb]) -> str:
    width = max(map(len, verbs))
    lines = [f"{program}: {about}", "", f"usage: {program} VERB [options]", ""]
    lines += [f"  {name:<{width}}  {verb.help}" for name, verb in verbs.items()]
    lines += ["", f"{program} VERB --help shows a verb's options; --debug shows where an error arose."]
    return "\n".join(lines)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).replace("<class '", "").replace("'>", "").split()) or "no message"


def _stop(message: str, status: int) -> None:
    print(message, file=sys.stderr)  # noqa: T201 - this is the command line
    sys.exit(status)
