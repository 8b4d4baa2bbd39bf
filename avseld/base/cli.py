"""The command line of each package: a table of commands, whose options are the arguments of their functions."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from types import FrameType
from typing import Any

from avseld.base.cli_errors import explain, near_misses, option_types, refuse_unknown
from avseld.base.cli_help import help_text
from avseld.base.errors import BadInput, Interrupted
from avseld.base.files import NO_ROOM
from avseld.base.printable import PrintableStream, one_line
from avseld.base.processes import is_launched_process


@dataclass(frozen=True)
class Command:
    """The function of a command and how its arguments are read."""

    module: str
    """imported only when the command runs"""
    function: str
    """name in the module"""
    help: str
    """one line"""
    positional: bool = False
    """whether required arguments are written without their names"""
    prepare: Callable[[list[str]], list[str]] | None = None
    """rewrites the arguments before they are parsed"""
    usage: tuple[str, ...] = ()
    """what follows the command in the lines of usage; by default its required options"""
    values: Mapping[str, str] = field(default_factory=dict)
    """option -> what stands for its value in the help, where its type says too little"""
    config: str = "a YAML file with any of the options above"
    """help of --config"""


def run(program: str, about: str, commands: dict[str, Command], words: list[str] | None = None) -> None:
    """Run one command and turn errors into one line and an exit status: 2 for bad input, 1 for a failure.

    Only the module of the chosen command is imported, so that help is quick.

    Args:
        program: name of the console script.
        about: one line for the help.
        commands: name -> command.
        words: arguments without the program's name; those of `sys.argv` if None.
    """
    words = list(sys.argv[1:] if words is None else words)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if not words or words[0] in ("-h", "--help"):
        print(_overview(program, about, commands))  # noqa: T201 - this is the command line
        return
    command = commands.get(words[0])
    if command is None:
        near = near_misses(words[0], commands)
        meant = f"did you mean {near}? There" if near else "there"
        _stop(f"{program}: no command '{words[0]}'; {meant} are {', '.join(commands)}", 2)
        return
    _raise_at_sigterm()
    try:
        with redirect_stdout(PrintableStream(sys.stdout)):  # type: ignore[type-var]
            _call(program, words[0], command, words[1:])
    except BadInput as error:
        if debug:
            raise
        _stop(f"{program} {words[0]}: {error}", 2)
    except KeyboardInterrupt as stop:
        _stop(f"{program} {words[0]}: {str(stop) or 'interrupted'}", getattr(stop, "status", 130))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            place = f"{error.filename}: " if error.filename else ""
            reason = str(error.strerror).lower()
            _stop(f"{program} {words[0]}: {place}{reason}; make room, or name another place", 1)
        if isinstance(error, OSError) and error.filename is not None and error.strerror:
            named = f"{error.filename}: {error.strerror.lower()}"
            _stop(f"{program} {words[0]}: {named}; check the path, its permissions and the disk", 1)
        reason = str(error).replace("<class '", "").replace("'>", "").strip() or "no message"
        _stop(f"{program} {words[0]}: {type(error).__name__}: {reason} (--debug shows where)", 1)


def _call(program: str, name: str, command: Command, words: list[str]) -> None:
    """Parse the arguments of a command and call its function."""
    from argparse import ArgumentError

    from jsonargparse import ActionConfigFile, ArgumentParser

    from avseld.base.logs import to_terminal
    from avseld.base.options import check_options_of_command

    function: Callable[..., Any] = getattr(import_module(command.module), command.function)
    if "--help" in words or "-h" in words:
        shown = (command.usage, command.values, command.positional, command.config)
        print(help_text(f"{program} {name}", function, *shown))  # noqa: T201 - this is the command line
        sys.exit(0)
    if command.prepare:
        words = command.prepare(words)
    types = option_types(function)
    parser = ArgumentParser(prog=f"{program} {name}", exit_on_error=False)
    parser.add_argument("--config", action=ActionConfigFile)
    parser.add_function_arguments(
        function, as_positional=command.positional, fail_untyped=False, sub_configs=False
    )
    words = _normalized(types, words)
    refuse_unknown(types, words, f"{program} {name} --help")
    try:
        parsed = parser.parse_args(words)
    except ArgumentError as error:
        positional = types if command.positional else ()
        raise BadInput(explain(str(error), types, positional, f"{program} {name} --help")) from error
    ready = parser.instantiate(parsed)
    ready.pop("config", None)
    values = ready.as_dict() if hasattr(ready, "as_dict") else vars(ready)
    check_options_of_command(function, values)
    to_terminal()
    status = function(**values)
    if isinstance(status, int) and status:
        sys.exit(status)


def _normalized(types: dict[str, Any], words: list[str]) -> list[str]:
    """Accept `--sample-rate` for `--sample_rate`, a switch alone (`--json`), lists without brackets (`a,b`)."""
    normalized: list[str] = []
    for before, word, following in zip(["", *words], words, [*words[1:], ""], strict=False):
        name, equals, value = word.partition("=")
        if name.startswith("--") and name not in types:
            name = "--" + name[2:].replace("-", "_")
            word = name + equals + value if name.removesuffix("+") in types else word
        if _is_list(types, before, word):
            word = f"[{word}]"
        elif equals and _is_list(types, name, value):
            word = f"{name}=[{value}]"
        alone = following.lower() not in ("true", "false", "yes", "no")
        normalized.append(f"{word}=true" if types.get(word) in (bool, bool | None) and alone else word)
    return normalized


def _is_list(types: dict[str, Any], name: str, value: str) -> bool:
    """Return whether a value is a list without brackets; `0,1` is one where a number may stand, too."""
    kind = str(types.get(name.removesuffix("+"), ""))
    return "list[" in kind and not value.startswith("[") and ("," in value or not kind.startswith("int |"))


def _overview(program: str, about: str, commands: dict[str, Command]) -> str:
    """Write the help of a program."""
    width = max(map(len, commands))
    lines = [f"{program}: {about}", "", f"usage: {program} COMMAND [options]", ""]
    lines += [f"  {name:<{width}}  {command.help}" for name, command in commands.items()]
    lines += ["", f"{program} COMMAND --help shows a command's options; --debug shows where an error arose."]
    return "\n".join(lines)


def _raise_at_sigterm() -> None:
    """Let SIGTERM, by which a cluster ends a job, leave no half-written files: as Ctrl-C does."""
    if is_launched_process():
        # The process that has launched this one ends it; it may be waiting for this one to begin.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return
    process = os.getpid()

    def handle(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:  # a forked child, whose parent ends it
            os._exit(128 + number)
        raise Interrupted("terminated", number)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handle)


def _stop(message: str, status: int) -> None:
    """Print a message in one line, below the progress bar where there is one, and exit."""
    if "tqdm" in sys.modules:
        for bar in list(getattr(sys.modules["tqdm"].tqdm, "_instances", ())):
            bar.close()
    print(one_line(message), file=sys.stderr)  # noqa: T201 - this is the command line
    sys.exit(status)
