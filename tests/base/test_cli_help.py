"""Help of a command."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from avseld.base.cli_help import help_text, member_lines


@dataclass
class Part:
    """A part.

    Args:
        name: name of it.
        options: of it.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Windows:
    """Windows.

    Args:
        length: of a window, seconds.
        folds: folds to take.
        old: old name of folds.
    """

    length: float = 1.5
    folds: list[str] = field(default_factory=lambda: ["fold3", "fold4"])
    old: str | None = None


def command(
    prepared: Path,
    windows: Windows,
    network: Part,
    n: int = 0,
    by: Literal["room", "recording"] = "room",
    seed: int | list[int] = 0,
    ratio: float | None = None,
    events: bool | None = None,
    json: bool = False,
    boxes: bool = True,
    long_name_of_an_option: str = "",
) -> None:
    """Do one thing, with two lines
    of summary.

    Args:
        prepared: the prepared folder.
        windows: what is drawn.
        network: the network.
        n: number.
        by: how.
        seed: of all.
        ratio: 16-bit, 24-bit, ...
        events: also events.
        json: as JSON.
        boxes: take boxes.
        long_name_of_an_option: words.
    """


EXPECTED = """\
usage: program go --prepared PREPARED --network NAME [options]

Do one thing, with two lines of summary.

options:
  --prepared PREPARED   the prepared folder
  --n N                 number (default: 0)
  --by {room,recording} how (default: room)
  --seed N[,...]        of all (default: 0)
  --ratio X             16-bit, 24-bit, ...
  --events true|false   also events
  --json                as JSON
  --boxes false         take boxes (default: true)
  --long_name_of_an_option LONG_NAME_OF_AN_OPTION
                        words

parts of the system; --NAME.help lists names and options, --NAME.options.OPTION
VALUE sets one:
  --network NAME        the network

what is drawn:
  --windows.length X    of a window, seconds (default: 1.5)
  --windows.folds FOLDS[,...]
                        folds to take (default: fold3,fold4)

  --config FILE         a file
  --print_config        print the options as YAML and exit
  --debug               show where an error arose
  -h, --help            show this help and exit"""


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "82")


def test_help_shows_options_as_they_are_typed():
    assert help_text("program go", command, config="a file") == EXPECTED


def test_positional_arguments_and_words_given_for_values_stand_in_usage_and_list():
    text = help_text("program go", command, values={"prepared": "FOLDER"}, positional=True)
    assert text.startswith("usage: program go FOLDER NAME [options]\n")
    assert "\n  FOLDER                the prepared folder\n" in text
    text = help_text("program go", command, usage=("A B", "--x X"))
    assert text.startswith("usage: program go A B\n       program go --x X\n\n")


def test_long_descriptions_keep_hyphenated_words_and_the_width():
    lines = member_lines(Windows, "w.", 50)
    assert lines[0] == "  --w.length X          of a window, seconds"
    assert lines[1] == "                        (default: 1.5)"
    assert all(len(line) <= 50 for line in lines)
