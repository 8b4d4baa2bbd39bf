"""What reaches a terminal: no control character of a file name or of a file."""

import io
import logging
import sys

import pytest

from avseld.base.cli import Command, run
from avseld.base.errors import BadInput
from avseld.base.logs import to_terminal
from avseld.base.printable import PrintableStream, has_control_characters, one_line, printable

EVIL = "a\x1b[2J\x1b]0;owned\x07\x9b1m\u202eb\r\ud800"


def failing() -> None:
    logging.getLogger("avseld.x").warning("%s: read", EVIL)
    print(EVIL)  # noqa: T201
    raise BadInput(f"{EVIL}\nsecond line; rename it")


def crashing() -> None:
    raise RuntimeError(EVIL)


@pytest.mark.parametrize("function", ["failing", "crashing"])
def test_no_control_character_reaches_the_terminal_and_an_error_is_one_line(capsys, monkeypatch, function):
    monkeypatch.setattr("avseld.base.cli.import_module", lambda name: sys.modules[__name__])
    with pytest.raises(SystemExit):
        run("program", "about", {"go": Command(__name__, function, "help")}, ["go"])
    shown = capsys.readouterr()
    for text in (shown.out, shown.err):
        assert printable(text, "\n") == text
    assert shown.err.splitlines()[-1].startswith("program go: ")
    assert r"\x1b[2J" in shown.err and len(shown.err.splitlines()) == (2 if function == "failing" else 1)


def test_control_characters_are_written_out_and_scripts_stay():
    assert printable("Küche 台所 क्\u200dष\xa0é 🎉") == "Küche 台所 क्\u200dष\xa0é 🎉"
    assert printable("\x1b[31m\u202e\ud800\x7f\n\t", "\n\t") == "\\x1b[31m\\u202e\\ud800\\x7f\n\t"
    assert one_line(" a\r\n  b\x07\n") == "a b\\x07"
    assert has_control_characters("a\nb") and has_control_characters("\ud800")
    assert not has_control_characters("क्\u200dष 1")


def test_a_message_of_the_log_is_one_line(capsys):
    to_terminal()
    logging.getLogger("data_prep").error("%s is\n no file", "x\x1b")
    assert capsys.readouterr().err == "error: x\\x1b is no file\n"


def test_a_wrapped_stream_keeps_lines_and_its_own_members():
    stream = PrintableStream(io.StringIO())
    stream.writelines(["a\tb\x1b\n", "c\n"])
    assert stream.getvalue() == "a\tb\\x1b\nc\n"
