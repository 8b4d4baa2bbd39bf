"""Labels of long recordings, and those of their clips."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from avseld.base.files import visible_files
from avseld.base.rates import LABEL_HOP
from avseld.io.dcase_csv import Coordinates, Dialect, read_dcase, write_dcase
from avseld.io.events import Events, read_events, write_events
from avseld.io.frame_conventions import FrameConventions, frame_conventions
from avseld.io.label_files import RAVEN, TABLES, TRACKS, sheet_of_many
from avseld.io.labels import label_format
from avseld.io.sheets import read_sheet, sheet_events

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WholeLabels:
    """Labels of a recording before it is cut."""

    path: Path
    events: Events
    dialect: Dialect | None = None
    """of a frame csv; None for events with times"""
    names: tuple[str, ...] = ()
    """classes, where the file names them"""


def read_all_labels(
    source: Path, names: Collection[str], coordinates: Coordinates = "auto", first_frame: int = 0
) -> dict[str, list[WholeLabels]]:
    """Read the labels of all recordings below a folder.

    Args:
        source: the folder.
        names: of the recordings.
        coordinates: of six columns of frame csv files without header; auto decides it from all of them.
        first_frame: index of the frame that begins at 0 s.

    Returns:
        By name of the recording, one for every file that has labels of it.

    Raises:
        BadInput: a bad row; names file and line.
    """
    labels: dict[str, list[WholeLabels]] = {}
    paths = visible_files(source, (*TABLES, *TRACKS))
    own = [path for path in paths if path.stem in names and path.suffix.lower() in TABLES]
    frames = frame_conventions(source, own, coordinates, first_frame=first_frame, warn_of_units=False)
    for path in paths:
        sheet, name = sheet_of_many(path), RAVEN.sub("", path.stem)
        if sheet is not None:
            for listed in sheet.recordings():
                if listed in names:
                    found = sheet_events(sheet.of(listed), first_frame=first_frame)
                    labels.setdefault(listed, []).append(WholeLabels(path, found.events, names=found.names))
        elif name in names:
            labels.setdefault(name, []).append(_whole_labels(path, frames))
    return labels


def warn_of_late_events(labels: dict[str, list[WholeLabels]], durations: dict[str, float]) -> None:
    """Warn about events that last longer than the recording, by name of the recording; durations in seconds."""
    for name, files in labels.items():
        for found in files:
            end = durations[name]
            late = (
                found.events.offset > end + LABEL_HOP + 1e-6
            )  # the last label frame may end after the audio
            if late.any():
                log.warning(
                    "%s: %d events last until %.1f s, but %s ends at %.2f s; they are cut there, or left out",
                    found.path, late.sum(), found.events.offset[late].max(), name, end,
                )  # fmt: skip


def _whole_labels(path: Path, frames: FrameConventions) -> WholeLabels:
    kind = label_format(path)
    if kind == "frames":
        return WholeLabels(
            path, *read_dcase(path, coordinates=frames.coordinates, first_frame=frames.first_frame)
        )
    if kind == "prepared":
        return WholeLabels(path, read_events(path))
    found = sheet_events(read_sheet(path), first_frame=frames.first_frame)
    return WholeLabels(path, found.events, names=found.names)


def cut_labels(labels: WholeLabels, target: Path, start: float, stop: float) -> str:
    """Write the labels of a section, with times counted from its start.

    Rows of a frame csv stay rows of one in its dialect; events with times are cut at both ends, and are written with
    the names of their classes where the file has names.

    Args:
        labels: of the whole recording.
        target: the csv to write.
        start: seconds, on a label frame for frame csv.
        stop: seconds.
    """
    events = labels.events
    if labels.dialect is not None:
        kept = events.select((events.onset > start - 1e-6) & (events.onset < stop - 1e-6))
        shifted = replace(kept, onset=kept.onset - start, offset=kept.offset - start)
        write_dcase(target, shifted, labels.dialect)
    else:
        write_events(target, events.within(start, stop), labels.names)
    return ""
