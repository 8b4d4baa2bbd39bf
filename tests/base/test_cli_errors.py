"""What is said about options that a command does not have, lacks, or cannot take."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from avseld.base.cli_errors import expected, explain, option_types, refuse_unknown
from avseld.base.errors import BadInput


@dataclass
class Members:
    """Several options."""

    prepared: Path
    batch_size: int = 1


def command(
    run: Path, data: Members | None = None, options: dict[str, Any] | None = None, n_steps: int = 1
) -> None:
    """Take options."""


TYPES = option_types(command)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--rum", "did you mean --run?"),
        ("--data.prepard", "did you mean --data.prepared?"),
        ("--batch_size", "did you mean --data.batch_size?"),
        ("--steps=3", "did you mean --n_steps?"),
        ("--zzz", "program go --help lists the options"),
    ],
)
def test_an_unknown_option_is_refused_with_those_it_resembles(word, meant):
    with pytest.raises(BadInput, match="no option") as error:
        refuse_unknown(TYPES, [word, "x"], "program go --help")
    assert str(error.value) == f"no option {word.partition('=')[0]}; {meant}"


def test_known_options_switches_members_of_tables_and_values_pass():
    words = [
        "--run=x",
        "--data.batch_size",
        "-3",
        "--options.any.thing",
        "1",
        "--config",
        "a",
        "--",
        "--data.help",
    ]
    refuse_unknown(TYPES, words, "program go --help")


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int | None, "a whole number"),
        (int | list[int], "a whole number or a list a,b with a whole number each"),
        (Literal["best", "last"], "one of best, last"),
        (dict[str, Any], "names with values, {a: 1}"),
        (Members, "names with values, prepared, batch_size"),
    ],
)
def test_types_are_described_in_words(annotation, words):
    assert expected(annotation) == words


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ('Parser key "n_steps": Expected a <class \'int\'>. Got value: abc',
         "--n_steps abc: expected a whole number; HELP describes the options"),
        ('Parser key "data": Does not validate against any of the Union subtypes\nSubtypes: [x]\nGiven value: 3',
         "--data 3: expected names with values, prepared, batch_size; HELP describes the options"),
        ('Parser key "n_steps": Does not validate - Expected a <class \'int\'> Given value: [1, \'a\'] - Expected a '
         "<class 'NoneType'> Given value type: <class 'list'> Given value: [1, 'a']",
         "--n_steps [1, 'a']: expected a whole number; HELP describes the options"),
        ("Parser key \"data\": Given value type: <class 'jsonargparse._util.NestedArg'> Given value: "
         "NestedArg(key='batch_size', val='many')",
         "--data.batch_size many: expected a whole number; HELP describes the options"),
        ('Parser key "run": Given value: 3', "RUN 3: expected a path; HELP describes the options"),
        ("Parser key \"config\": File does not exist: '/x/a.yaml'",
         "--config /x/a.yaml: not found; give a YAML file with options of the command"),
        ("Unexpected config: a b", "--config: no YAML file of options with their values; HELP lists the options"),
        ('Key "run" is required but not included in config object or its value is None.',
         "RUN missing; HELP lists the options"),
        ("argument --data.prepared: expected one argument", "--data.prepared: has no value; expected a path"),
        ("something <class 'int'> else", "something int else; HELP lists the options"),
    ],
)  # fmt: skip
def test_no_sentence_of_the_parser_reaches_the_user(message, says):
    assert explain(message, TYPES, ["--run"], "HELP") == says
