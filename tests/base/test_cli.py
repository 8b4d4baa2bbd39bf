"""Spellings of command line arguments."""

import logging
import os
import signal
import sys
from dataclasses import dataclass, field

import pytest
from tqdm import tqdm

from avseld.base import logs
from avseld.base.cli import Command, run
from avseld.base.errors import Interrupted


@dataclass
class Nested:
    """Dataclass argument."""

    names: list[str] = field(default_factory=list)
    fast: bool = False
    batch_size: int = 1


def command(path: str = "-", data: Nested | None = None, sample_rate: int = 1, json: bool = False) -> None:
    print(path, sample_rate, json, data and (data.names, data.fast, data.batch_size))  # noqa: T201


def interrupted() -> None:
    raise Interrupted("stopped at step 3", signal.SIGTERM)


def terminated() -> None:
    bar = tqdm(total=2)
    os.kill(os.getpid(), signal.SIGTERM)
    bar.update()


def output(capsys, *words: str) -> str:
    run("program", "about", {"go": Command(__name__, "command", "help")}, ["go", *words])
    return capsys.readouterr().out.strip()


@pytest.fixture(autouse=True)
def this_module(monkeypatch):
    """Make this module importable, so that the command finds it, and leave no handler of signals."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("avseld.base.cli.import_module", lambda name: type("Module", (), dict(globals())))
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("words", [["--sample-rate", "5"], ["--sample_rate=5"], ["--sample-rate=5"]])
def test_options_may_be_written_with_hyphens(capsys, words):
    assert output(capsys, *words) == "- 5 False None"


@pytest.mark.parametrize("words", [["--json"], ["--json", "true"], ["--json=true"]])
def test_a_switch_may_stand_alone(capsys, words):
    assert output(capsys, *words, "--path", "x") == "x 1 True None"


def test_lists_need_no_brackets_and_switches_of_dataclasses_may_stand_alone(capsys):
    assert output(capsys, "--data.names", "a,b", "--data.fast", "--data.batch-size", "3") == (
        "- 1 False (['a', 'b'], True, 3)"
    )
    assert output(capsys, "--data.names", "[a]", "--data.names+", "b") == "- 1 False (['a', 'b'], False, 1)"


@pytest.mark.parametrize(
    ("function", "says"), [("interrupted", "stopped at step 3"), ("terminated", "terminated")]
)
def test_sigterm_gives_one_line_below_the_bar_and_status_143(capsys, function, says):
    with pytest.raises(SystemExit) as end:
        run("program", "about", {"go": Command(__name__, function, "help")}, ["go"])
    assert end.value.code == 143
    assert capsys.readouterr().err.split("\n")[-2:] == [f"program go: {says}", ""]


def test_messages_have_lines_of_their_own_while_a_bar_is_shown(capsys):
    handler = logs.AboveBars(sys.stderr)
    bar = tqdm(total=2, desc="steps")
    handler.emit(logging.makeLogRecord({"msg": "a message"}))
    bar.close()
    lines = capsys.readouterr().err.replace("\r", "\n").split("\n")
    assert "a message" in [line.strip() for line in lines]
