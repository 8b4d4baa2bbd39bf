"""Text for a terminal: control characters of file names and contents are written out, not obeyed."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, TextIO

JOINERS = "\u200c\u200d"
"""invisible letters of names in Persian, Hindi and other scripts"""


def printable(text: str, kept: str = "") -> str:
    r"""Write out the characters that a terminal obeys or does not show: \x1b for an escape, \u202e for a turn.

    Args:
        text: any text.
        kept: control characters that stay.
    """
    if text.isprintable():
        return text
    return "".join(letter if _is_shown(letter) or letter in kept else _written(letter) for letter in text)


def one_line(text: str) -> str:
    """Join the lines of a message by spaces, and write out other control characters."""
    return printable(re.sub(r"\s*[\r\n]\s*", " ", text.strip()))


def has_control_characters(text: str) -> bool:
    """Return whether a name holds control characters, ends of lines or bytes that are no text."""
    return any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)


def _is_shown(letter: str) -> bool:
    return letter.isprintable() or letter in JOINERS or unicodedata.category(letter) == "Zs"


def _written(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")


class PrintableStream:
    """Writes text to a stream, control characters but line ends and tabs written out.

    Args:
        stream: everything else is its.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text."""
        return self.stream.write(printable(text, "\n\t"))

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
