"""Prediction files in the format of the challenge years, written at once or while a recording is predicted."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from avseld.base.files import replacing
from avseld.base.rates import LABEL_HOP
from avseld.inference.event_list import COLUMNS, EventMerger, ListedEvent, audacity_line, list_line
from avseld.io.clip_events import write_clip_events
from avseld.io.events import Events
from avseld.io.labels import event_list_of
from avseld.io.manifest import Recording
from avseld.io.predictions import PredictionRows
from avseld.system.build import System


def rows_of(system: System) -> PredictionRows:
    """Return what formats the predictions of a system."""
    target = system.target
    return PredictionRows(target.task == "seld" and system.label_hop == LABEL_HOP, target.planar)


def write_prediction(path: Path, events: Events, system: System) -> None:
    """Write the prediction file of a recording; see `avseld.io.predictions` for its format.

    Args:
        path: the file to write.
        events: predicted events of one recording.
        system: the system that predicted them.
    """
    rows = rows_of(system)
    with replacing(path) as temporary:
        temporary.write_text(rows.header + rows.text(events), encoding="utf-8", newline="")


def write_clip_file(
    folder: Path,
    predictions: Mapping[str, Events],
    system: System,
    classes: Sequence[str],
    recordings: Sequence[Recording],
) -> None:
    """Write the predictions of a system without directions into one file as well, as DCASE 2019 Task 4 takes them.

    It stands beside the folder, as FOLDER.tsv. Nothing is written for other systems.

    Args:
        folder: of the prediction files.
        predictions: events by recording.
        system: the system that predicted them.
        classes: names by class index.
        recordings: with the names of their sound files.
    """
    if system.target.task in ("sed", "tagging"):
        filenames = {recording.name: recording.audio.name for recording in recordings}
        write_clip_events(clip_file_of(folder), predictions, list(classes), filenames)


def clip_file_of(folder: Path) -> Path:
    """Return the file of all events beside a folder of predictions."""
    return folder.with_name(f"{folder.name}.tsv")


def audacity_of(prediction: Path) -> Path:
    """Return the path of the label track of Audacity beside a prediction, NAME.txt beside NAME.csv."""
    return prediction.with_suffix(".txt")


class PredictionFiles:
    """Writes the files of one recording while it is predicted, so that memory does not grow with its length.

    A context manager; the files appear at the end of the block, and not at all where the block raises.

    Args:
        path: the csv file; NAME.events.csv and NAME.txt lie beside it.
        system: the system that predicts.
        classes: names by class index.
        event_list: also write NAME.events.csv.
        audacity: also write NAME.txt, a label track of Audacity.
    """

    def __init__(
        self,
        path: Path,
        system: System,
        classes: Sequence[str],
        event_list: bool = True,
        audacity: bool = False,
    ) -> None:
        self.path = path
        self.list_path = event_list_of(path) if event_list else None
        self.audacity_path = audacity_of(path) if audacity else None
        self._rows, self._merger = rows_of(system), EventMerger(classes, system.target.planar)
        self._stack = ExitStack()

    def __enter__(self) -> "PredictionFiles":
        with ExitStack() as stack:
            self._csv = self._open(stack, self.path, self._rows.header)
            self._list = self._open(stack, self.list_path, ",".join(COLUMNS) + "\n")
            self._audacity = self._open(stack, self.audacity_path, "")
            self._stack = stack.pop_all()
        return self

    @staticmethod
    def _open(stack: ExitStack, path: Path | None, header: str) -> TextIO | None:
        if path is None:
            return None
        temporary = stack.enter_context(replacing(path))
        file = stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))
        file.write(header)
        return file

    def add(self, events: Events, until: float) -> list[ListedEvent]:
        """Write the next rows.

        Args:
            events: rows since those of the last call.
            until: second of the recording up to which it is predicted.

        Returns:
            The joined events that have ended.
        """
        if self._csv is not None:
            self._csv.write(self._rows.text(events))
        return self._write_list(self._merger.add(events, until))

    def finish(self) -> list[ListedEvent]:
        """Write the events that sound until the end of the recording, and return them."""
        return self._write_list(self._merger.close())

    def _write_list(self, ended: list[ListedEvent]) -> list[ListedEvent]:
        for file, line in ((self._list, list_line), (self._audacity, audacity_line)):
            if file is not None:
                file.writelines(map(line, ended))
        return ended

    def __exit__(self, *error: object) -> bool | None:
        return self._stack.__exit__(*error)  # type: ignore[arg-type]
