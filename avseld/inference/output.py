"""Prediction files in the format of the challenge years, written at once or while a recording is predicted."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import numpy as np

from avseld.base.files import replacing
from avseld.base.rates import LABEL_HOP
from avseld.inference.event_list import COLUMNS, EventMerger, ListedEvent, audacity_line, list_line
from avseld.io.clip_events import write_clip_events
from avseld.io.dcase_csv import CARTESIAN, POLAR, STEREO_2025, Dialect, dcase_lines
from avseld.io.events import COLUMNS as EVENT_COLUMNS
from avseld.io.events import Events, event_lines
from avseld.io.labels import event_list_of
from avseld.io.manifest import Recording
from avseld.system.build import System

WITHOUT_DISTANCE = Dialect(columns=POLAR[5])
WITH_DISTANCE = Dialect(columns=CARTESIAN[7], metres_per_unit=1.0)
"""predictions of 2024, in metres (`cls_data_generator.py` of partha2409/DCASE2024_seld_baseline)"""
PLANAR = Dialect(columns=STEREO_2025, header=True)
"""predictions of 2025, in centimetres (README of partha2409/DCASE2025_seld_baseline)"""


class PredictionRows:
    """Formats the rows of one prediction file: a DCASE frame CSV where that can hold them, else onsets and offsets.

    A frame CSV has frames of 100 ms and directions, in the format of the year: with distances as in 2024, planar as
    in 2025. The systems of 2019 have frames of 20 ms, and sound event detection has no directions.

    Args:
        system: the system that predicts.
    """

    def __init__(self, system: System) -> None:
        self._dialect: Dialect | None = PLANAR if system.target.planar else None
        self._frames = system.target.task == "seld" and system.label_hop == LABEL_HOP

    @property
    def header(self) -> str:
        """The first line; empty for a file without header."""
        if self._frames:
            return ",".join(PLANAR.columns) + "\n" if self._dialect is PLANAR else ""
        return ",".join(EVENT_COLUMNS) + "\n"

    def text(self, events: Events) -> str:
        """Format events as lines; the first ones of a recording decide whether its rows have distances.

        Args:
            events: predicted rows, of one recording as the calls before.
        """
        if not len(events):
            return ""
        if self._dialect is None:
            has_distance = bool(np.isfinite(events.distance).all())
            self._dialect = WITH_DISTANCE if has_distance else WITHOUT_DISTANCE
        lines = dcase_lines(events, self._dialect) if self._frames else event_lines(events)
        return "".join(f"{line}\n" for line in lines)


def write_prediction(path: Path, events: Events, system: System) -> None:
    """Write the prediction file of a recording; see `PredictionRows` for its format.

    Args:
        path: the file to write.
        events: predicted events of one recording.
        system: the system that predicted them.
    """
    rows = PredictionRows(system)
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
        self._rows, self._merger = PredictionRows(system), EventMerger(classes, system.target.planar)
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
