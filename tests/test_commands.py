"""Command line: help, errors, aliases, exit status."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import avseld.__main__
import data_prep.__main__
import detection.__main__

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"avseld": avseld.__main__, "avseld-prep": data_prep.__main__, "avseld-detect": detection.__main__}
COMMANDS = [(room, command) for room, module in ROOMS.items() for command in module.COMMANDS]


def call(room: str, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", ROOMS[room].__package__, *words]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "100"})


@pytest.mark.parametrize("room", ROOMS)
def test_help_lists_every_command(room):
    done = call(room, "--help")
    assert done.returncode == 0 and all(f"  {command} " in done.stdout for command in ROOMS[room].COMMANDS)


def test_help_imports_no_heavy_packages():
    heavy = "print(sorted({'torch', 'numpy', 'jsonargparse'} & set(sys.modules)))"
    code = f"import sys, avseld.__main__ as m; m.main(['--help']); {heavy}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("room", "command"), COMMANDS, ids=lambda word: word)
def test_every_command_explains_its_options(room, command, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [room, command, "--help"])
    with pytest.raises(SystemExit) as end:
        ROOMS[room].main()
    assert end.value.code == 0
    text = capsys.readouterr().out
    usage, options = text.split("\n\n", 1)
    assert usage.startswith(f"usage: {room} {command} ") and re.search(r"^  --\w", options, flags=re.M)
    assert not re.findall(r"^  (--\w[\w.]*(?: \S+)?)(?: +\(default.*)?\n  (?=\S)", options, flags=re.M), (
        "no description"
    )
    of_the_parser = (
        "type:",
        "required",
        "<class",
        "null",
        "None",
        "Path to a configuration",
        "ITEM",
        "Optional[",
    )
    assert not [word for word in (*of_the_parser, "{true,false}", "=flags", "+ ") if word in text]


def test_the_help_of_train_names_what_it_needs_and_every_section(capsys):
    with pytest.raises(SystemExit):
        ROOMS["avseld"].main(["train", "--help"])
    text = capsys.readouterr().out
    assert text.startswith(
        "usage: avseld train --config RECIPE --data.prepared PREPARED --out RUN [options]\n"
        "       avseld train --resume RUN\n"
    )
    for line in (
        "  --steps N             batches",
        "  --resume RUN  ",
        "  --model NAME  ",
        "  --update.clip X  ",
        "  --data.chunk X  ",
    ):
        assert f"\n{line}" in text
    assert "  --validate_first      score the untrained" in text and "--data.resident" not in text


@pytest.mark.parametrize(
    ("room", "words", "says"),
    [
        ("avseld", ["trian"], "no command 'trian'; did you mean train? There are train"),
        ("avseld", ["predict", "--rum", "x"], "no option --rum; did you mean --run?"),
        (
            "avseld",
            ["train", "--data.prepared", "x", "--out", "y"],
            "--config RECIPE missing; avseld models lists",
        ),
        ("avseld", ["predict"], "nothing to predict; give sound files or videos, or --run"),
        ("avseld", ["evaluate", "--run", "/nowhere"], "/nowhere/config.yaml: not found"),
        ("avseld-prep", ["dcase", "--raw", "/nowhere", "--prepared", "/tmp/never"], "/nowhere"),
        ("avseld-detect", ["boxes", "--prepared", "/nowhere"], "/nowhere/manifest.csv: not found"),
    ],
)
def test_a_mistake_gives_one_line_and_status_2(room, words, says, capsys, monkeypatch):
    monkeypatch.setattr("avseld.base.logs.to_terminal", lambda: None)  # it would affect later tests
    with pytest.raises(SystemExit) as end:
        ROOMS[room].main(words)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line and line.startswith(room)


def test_the_exit_status_of_a_mistake_is_2():
    done = call("avseld", "evaluate", "--run", "/nowhere")
    assert done.returncode == 2 and done.stderr.startswith(
        "avseld evaluate: /nowhere/config.yaml: not found; "
    )


def test_an_old_name_of_a_command_works_and_is_reported_once(tmp_path):
    done = call("avseld-detect", "frames", "--prepared", str(tmp_path))
    said, refused = done.stderr.splitlines()
    assert said == "avseld-detect frames is the old name of avseld-detect embed"
    assert done.returncode == 2 and "manifest.csv: not found" in refused


def test_debug_prints_the_traceback():
    done = call("avseld", "evaluate", "--run", "/nowhere", "--debug")
    assert "Traceback" in done.stderr and done.returncode == 1


def test_the_commands_of_the_readme_exist():
    text = (ROOT / "README.md").read_text()
    called = re.findall(r"\b(avseld|avseld-prep|avseld-detect) ([a-z]+) ", text)
    assert len(called) > 10
    assert not [one for one in called if one not in COMMANDS]
    for name in set(re.findall(r"scripts/\w+\.sh", text)):
        assert (ROOT / name).is_file() and os.access(ROOT / name, os.X_OK), name
    for name in set(re.findall(r"\]\(([^)#:]+)\)", text)):
        assert (ROOT / name).exists(), name
