"""Outputs into files that grow while the stream runs: DCASE csv, list of events, JSON lines; and the terminal."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from avseld.base.errors import BadInput, CannotWrite
from avseld.base.files import make_folder
from avseld.inference.event_list import COLUMNS, EventMerger, ListedEvent, list_line, table_head, table_row
from avseld.inference.output import rows_of
from avseld.io.labels import event_list_of
from avseld.streaming.messages import Message, Update, line
from avseld.system.build import System

CSV, JSON_LINES = ".csv", (".jsonl", ".ndjson")
"""endings of files"""


def open_growing(path: Path) -> TextIO:
    """Open a text file that others read while it grows; what a killed program leaves are whole lines.

    Args:
        path: is written anew.

    Raises:
        CannotWrite: says why.
    """
    make_folder(path.parent)
    try:
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise CannotWrite(f"{path}: cannot be written ({error.strerror}); name another place") from error


class CsvFile:
    """The rows of a stream as `avseld predict` writes them, NAME.csv, and its events, NAME.events.csv.

    Args:
        path: the csv.
        system: that runs.

    Raises:
        CannotWrite: it cannot be written.
    """

    lost = 0
    is_file = True

    def __init__(self, path: Path, system: System) -> None:
        self.name = str(path)
        self._format = rows_of(system)
        self._merger = EventMerger(system.blueprint.classes, system.target.planar)
        self._rows, self._list = open_growing(path), open_growing(event_list_of(path))
        self._rows.write(self._format.header)
        self._list.write(",".join(COLUMNS) + "\n")

    def update(self, update: Update) -> None:
        """Write the rows of an update, and the events that have ended."""
        self._rows.write(self._format.text(update.events))
        self._rows.flush()
        self._list.writelines(map(list_line, self._merger.add(update.events, update.until)))
        self._list.flush()

    def notice(self, message: Message) -> None:
        """Do nothing: a csv holds events."""

    def close(self) -> None:
        """Write the events that sound until the end."""
        self._list.writelines(map(list_line, self._merger.close()))
        self._rows.close()
        self._list.close()


class JsonLines:
    """Events, faults and the summary, one JSON object a line.

    Args:
        name: of the file.
        file: open for writing.
        is_file: whether it is a file rather than a pipe to another program.
    """

    lost = 0

    def __init__(self, name: str, file: TextIO, is_file: bool = True) -> None:
        self.name, self._file, self.is_file = name, file, is_file

    def update(self, update: Update) -> None:
        """Write a line for each event."""
        self._file.writelines(map(line, update.rows))
        self._file.flush()

    def notice(self, message: Message) -> None:
        """Write a line."""
        self._file.write(line(message))
        self._file.flush()

    def close(self) -> None:
        """Write what is left."""
        self._file.flush()
        if self._file is not sys.stdout:
            self._file.close()


class Table:
    """The events in words, each when it has ended, as `avseld predict` shows them.

    Args:
        system: that runs.
        file: the terminal.
    """

    name = "terminal"
    lost = 0
    is_file = False

    def __init__(self, system: System, file: TextIO) -> None:
        classes: Sequence[str] = system.blueprint.classes
        self._merger = EventMerger(classes, system.target.planar)
        self._file, self._width = file, max(len("class"), *map(len, classes))
        self._file.write(table_head(self._width))

    def update(self, update: Update) -> None:
        """Write the events that have ended."""
        self._write(self._merger.add(update.events, update.until))

    def notice(self, message: Message) -> None:
        """Do nothing: messages go to standard error."""

    def close(self) -> None:
        """Write the events that sound until the end."""
        self._write(self._merger.close())

    def _write(self, events: Sequence[ListedEvent]) -> None:
        self._file.writelines(table_row(event, self._width) for event in events)
        self._file.flush()


def file_sink(path: Path, system: System) -> CsvFile | JsonLines:
    """Choose the output of a file by its ending.

    Args:
        path: .csv or .jsonl.
        system: that runs.

    Raises:
        BadInput: another ending, or it cannot be written.
    """
    check_ending(path)
    if path.suffix.lower() == CSV:
        return CsvFile(path, system)
    return JsonLines(str(path), open_growing(path))


def check_ending(path: Path) -> None:
    """Refuse a file of another ending.

    Raises:
        BadInput: says which there are.
    """
    if path.suffix.lower() not in (CSV, *JSON_LINES):
        raise BadInput(f"--out {path}: name a .csv (DCASE rows) or a .jsonl (JSON lines)")
