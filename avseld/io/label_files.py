"""The labels of many recordings: a file each in a folder, or one sheet with a column that names the recording."""

import difflib
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.base.files import require_folder, visible_files
from avseld.base.rates import LABEL_HOP
from avseld.io.dcase_csv import Coordinates
from avseld.io.labels import Labels, label_format, labels_of_sheet, read_label_rows
from avseld.io.manifest import VIDEO_COLUMNS
from avseld.io.sheets import Sheet, read_sheet

log = logging.getLogger(__name__)

TABLES = (".csv", ".tsv", ".xlsx")
"""suffixes of the files that are taken for labels"""
TRACKS = (".txt", ".textgrid")
"""suffixes of exports of annotation tools; other texts have .txt too, so that only one named as a recording is read"""
RAVEN = re.compile(r"\.Table\.\d+\.selections$", re.IGNORECASE)
"""what Raven adds to the name of a recording"""


@dataclass(frozen=True)
class LabelFile:
    """Where the labels of one recording are.

    Args:
        path: the file.
        recording: name of the recording.
        sheet: rows of the file, where it lists several recordings.
    """

    path: Path
    recording: str
    sheet: Sheet | None = None

    def read(
        self,
        n_classes: int | None = None,
        coordinates: Coordinates = "auto",
        metres_per_unit: float = 0.01,
        hop: float = LABEL_HOP,
        classes: Sequence[str] | None = None,
        degrees_per_unit: float = 1.0,
        first_frame: int = 0,
        sheet_metres_per_unit: float = 1.0,
    ) -> Labels:
        """Read the events; arguments and errors as for `avseld.io.labels.read_labels`."""
        if self.sheet is not None:
            return labels_of_sheet(
                self.sheet, n_classes, classes, self.recording, first_frame, sheet_metres_per_unit
            )
        return read_label_rows(
            self.path,
            n_classes,
            coordinates,
            metres_per_unit,
            hop,
            classes,
            self.recording,
            degrees_per_unit,
            first_frame,
            sheet_metres_per_unit,
        )


def find_labels(place: Path, names: Collection[str]) -> dict[str, LabelFile]:
    """Find the labels of recordings.

    Args:
        place: a file, or a folder that is searched with its subfolders: NAME.csv, .tsv, .xlsx, .txt (Audacity, ELAN,
            Raven) or .TextGrid of each recording, or sheets with a column `file`.
        names: of the recordings.

    Returns:
        By name of the recording; recordings without labels are absent.

    Raises:
        BadInput: nothing there, two files of one recording, or a file that names no recording.
    """
    if place.is_file():
        return _in_file(place, names)
    require_folder(place, "give a folder of csv files, or one sheet with a column file")
    found: dict[str, LabelFile] = {}
    strays = []
    for path in visible_files(place, (*TABLES, *TRACKS)):
        name = _name_of(RAVEN.sub("", path.stem), names)
        sheet = sheet_of_many(path)
        if sheet is not None:
            added: Mapping[str, LabelFile] = _in_sheet(sheet, names)
        elif name is not None:
            added = {name: LabelFile(path, name)}
        else:
            strays += [path.name] if path.suffix.lower() in TABLES and not _is_of_videos(path) else []
            continue
        for each, file in added.items():
            if each in found:
                raise BadInput(
                    f"{path}: {found[each].path} has labels of {each} too; rename or remove one of the two"
                )
            found[each] = file
    if strays:
        log.warning(
            "%s: %d files have the name of no recording (%s); left out", place, len(strays), _some(strays)
        )
    return found


def _is_of_videos(path: Path) -> bool:
    """Return whether a csv lists offset or yaw of videos, as `avseld-prep cut` writes one beside labels of clips."""
    with path.open("rb") as file:
        header = file.readline(1000).decode("utf-8", errors="replace")
    return any(column in header for column in VIDEO_COLUMNS)


def sheet_of_many(path: Path) -> Sheet | None:
    """Read a sheet that names the recording of each row; None for another file, also one that is no table of events."""
    try:
        sheet = read_sheet(path) if label_format(path) == "sheet" else None
    except BadInput:
        return None  # named when it is read as the labels of a recording
    return sheet if sheet is not None and "file" in sheet.columns else None


def _in_file(path: Path, names: Collection[str]) -> dict[str, LabelFile]:
    if label_format(path) == "sheet" and "file" in (sheet := read_sheet(path)).columns:
        return _in_sheet(sheet, names)
    name = next(iter(names)) if len(names) == 1 else _name_of(path.stem, names)
    if name is None:
        raise BadInput(
            f"{path}: does not say which recording its rows belong to; add a column file with the names of the "
            "recordings, or give a folder of files named like them"
        )
    return {name: LabelFile(path, name)}


def _in_sheet(sheet: Sheet, names: Collection[str]) -> dict[str, LabelFile]:
    found: dict[str, LabelFile] = {}
    others = []
    for listed in sheet.recordings():
        name = _name_of(listed, names)
        if name is None:
            others.append(listed)
        elif name in found:
            raise BadInput(f"{sheet.path}: {listed} and {found[name].recording} are one recording; write one")
        else:
            found[name] = LabelFile(sheet.path, listed, sheet)
    for other in others:
        if near := difflib.get_close_matches(other, [name for name in names if name not in found], 1, 0.8):
            raise BadInput(f"{sheet.path}: no recording {other}; did you mean {near[0]}?")
    if others:
        log.warning(
            "%s: %d recordings in the column file are not there (%s); their rows are left out",
            sheet.path,
            len(others),
            _some(others),
        )
    return found


def _name_of(name: str, names: Collection[str]) -> str | None:
    """Find a name among those of recordings, exactly or but for capitals."""
    if name in names:
        return name
    alike = [each for each in names if each.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
