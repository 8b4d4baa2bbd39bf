"""The first screen of the README shows what its commands print."""

import re
from pathlib import Path

import pytest

from avseld.__main__ import main

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```bash\n(avseld predict example[^\n]*)\n```\n\n```text\n(.*?)```", README, flags=re.S)


def rows_of(text):
    """Return counts by class, column names, and the class of each row."""
    first, header, *rows = text.splitlines()
    counts = set(first.split("s: ")[1].split(", "))
    return counts, header.split(), [row.split()[2] for row in rows]


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_the_readme_shows_the_columns_and_the_classes_that_are_printed(
    command, output, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    main(command.split()[1:])
    printed = capsys.readouterr().out
    assert rows_of(printed)[1] == rows_of(output)[1]
    assert set(rows_of(printed)[2]) == set(rows_of(output)[2])


def test_the_readme_shows_two_commands_and_the_picture():
    assert len(SHOWN) == 2 and "docs/images/example.png" in README
