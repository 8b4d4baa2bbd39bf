"""Spellings of command line arguments."""

from dataclasses import dataclass, field

import pytest

from avseld.base.cli import Command, run


@dataclass
class Nested:
    """Dataclass argument."""

    names: list[str] = field(default_factory=list)
    fast: bool = False
    batch_size: int = 1


def command(path: str = "-", data: Nested | None = None, sample_rate: int = 1, json: bool = False) -> None:
    print(path, sample_rate, json, data and (data.names, data.fast, data.batch_size))  # noqa: T201


def output(capsys, *words: str) -> str:
    run("program", "about", {"go": Command(__name__, "command", "help")}, ["go", *words])
    return capsys.readouterr().out.strip()


@pytest.fixture(autouse=True)
def this_module(monkeypatch):
    """Make this module importable, so that the command finds it."""
    monkeypatch.setattr(
        "avseld.base.cli.import_module", lambda name: type("Module", (), {"command": command})
    )


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
