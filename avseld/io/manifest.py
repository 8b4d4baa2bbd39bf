"""The list of recordings (manifest.csv) and of classes (classes.txt) of a prepared folder."""

import csv
import io
import logging
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path

from avseld.base.archive import archive_of
from avseld.base.errors import BadInput
from avseld.base.files import replacing, require_file
from avseld.base.printable import has_control_characters, printable
from avseld.io.embeddings import FOLDER as EMBEDDINGS_FOLDER
from avseld.io.formats import FORMATS
from avseld.io.shards import KINDS
from avseld.io.text import read_text

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recording:
    """One audio file with its video, boxes and labels; paths are absolute in memory and relative in the file."""

    name: str
    audio: Path
    format: str
    video: Path | None = None
    boxes: Path | None = None
    labels: Path | None = None
    fold: str = ""
    room: str = ""
    duration: float = 0.0
    """seconds"""
    video_offset: float = 0.0
    """second of the recording at which its video starts; negative where the video starts first"""
    video_yaw: float = 0.0
    """azimuth of the middle of the picture in the directions of the labels, degrees, positive to the left"""
    prompt: str = ""
    """description in words: what sounds from where"""
    maps: Path | None = None
    """energy maps of the labels (`avseld.io.energy_maps`)"""
    embeddings: Path | None = field(default=None, compare=False, metadata={"column": False})
    """visual embeddings of the video, where they were computed: always frames/NAME.npz, so not a column of the file"""


VIDEO_COLUMNS = ("video_offset", "video_yaw")
OPTIONAL_COLUMNS = (*VIDEO_COLUMNS, "prompt", "maps")
"""columns that are written only where a recording has them"""
VIDEO_LIMITS = {"video_offset": 86_400.0, "video_yaw": 360.0}
"""largest magnitudes of them: a day, a turn"""
ALL_COLUMNS = tuple(each.name for each in fields(Recording) if each.metadata.get("column", True))
COLUMNS = tuple(name for name in ALL_COLUMNS if name not in OPTIONAL_COLUMNS)
MAX_ROOMS = 20
"""rooms that a message lists"""
PATH_COLUMNS = ("audio", "video", "boxes", "labels", "maps")


def write_manifest(prepared: Path | str, recordings: Iterable[Recording], classes: Sequence[str]) -> None:
    """Write manifest.csv and classes.txt of a prepared folder; files that say the same already stay as they are."""
    prepared = Path(prepared).absolute()
    write_class_list(prepared / "classes.txt", classes)
    with replacing(prepared / "manifest.csv", keep_same=True) as temporary:
        temporary.write_text(manifest_text(prepared, recordings), encoding="utf-8")


def manifest_text(prepared: Path, recordings: Iterable[Recording]) -> str:
    """Write the rows of recordings as a manifest, with paths relative to the absolute path of the prepared folder."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    recordings = list(recordings)
    columns = tuple(
        name
        for name in ALL_COLUMNS
        if name not in OPTIONAL_COLUMNS or any(getattr(recording, name) for recording in recordings)
    )
    writer.writerow(columns)
    for recording in recordings:
        writer.writerow([_cell(getattr(recording, column), prepared) for column in columns])
    return text.getvalue()


def read_manifest(prepared: Path | str) -> list[Recording]:
    """Read manifest.csv of a prepared folder.

    Raises:
        BadInput: missing, another header, a repeated name, or an unknown format; names file and line.
    """
    prepared = Path(prepared).absolute()
    return read_manifest_file(prepared / "manifest.csv", prepared)


def read_manifest_file(path: Path, prepared: Path) -> list[Recording]:
    """Read a file of the form of manifest.csv.

    Args:
        path: the file.
        prepared: absolute path of the folder that the paths in it start from.

    Raises:
        BadInput: as `read_manifest`.
    """
    require_file(path, "make the prepared folder with avseld-prep")
    try:
        rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    except csv.Error as error:
        raise BadInput(f"{path}: no readable csv ({error}); make it anew with avseld-prep") from error
    columns = tuple(rows[0]) if rows else ()
    if columns[: len(COLUMNS)] != COLUMNS or not set(columns[len(COLUMNS) :]) <= set(OPTIONAL_COLUMNS):
        raise BadInput(
            f"{path}:1: expected the header {','.join(COLUMNS)}, perhaps with {','.join(OPTIONAL_COLUMNS)}; make it "
            "anew with avseld-prep"
        )
    recordings: dict[str, Recording] = {}
    for line, row in enumerate(rows[1:], start=2):
        recording = _recording(row, columns, path, line, prepared)
        if recording.name in recordings:
            raise BadInput(f"{path}:{line}: {recording.name} is listed twice; remove one row")
        recordings[recording.name] = recording
    return list(recordings.values())


def read_classes(prepared: Path | str) -> list[str]:
    """Read classes.txt of a prepared folder.

    Returns:
        Class names; the place in the list is the index.

    Raises:
        BadInput: the file is missing or empty.
    """
    path = Path(prepared) / "classes.txt"
    require_file(path, "make the prepared folder with avseld-prep")
    return read_class_list(path)


def read_class_list(path: Path) -> list[str]:
    """Read class names from a text file with one name a line; empty lines are skipped.

    Raises:
        BadInput: the file is missing, not text, or without a name; or a name stands twice.
    """
    lines = read_text(path, "give a text file with the name of a class in each line").splitlines()
    classes = [name.strip() for name in lines if name.strip()]
    check_class_names(classes, path)
    return classes


def check_class_names(classes: Sequence[str], path: Path) -> None:
    """Refuse a list of classes that cannot be told apart.

    Args:
        classes: names.
        path: of their file, for the message.

    Raises:
        BadInput: no name, one with control characters, or one that stands twice.
    """
    if not classes:
        raise BadInput(f"{path}: no class in it; write one name a line")
    if strange := [name for name in classes if has_control_characters(name)]:
        raise BadInput(
            f"{path}: control characters in the class {printable(strange[0])}; write it without them"
        )
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise BadInput(f"{path}: the class {twice} stands twice; write each class on one line")


def write_class_list(path: Path, classes: Sequence[str]) -> None:
    """Write class names, one a line."""
    with replacing(path, keep_same=True) as temporary:
        temporary.write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")


def classes_of_predictions(folder: Path) -> Path:
    """Return the file that lists the classes of a folder of predictions.

    It stands beside the folder, which holds nothing but csv files, as the official scorers expect.
    """
    return folder.with_name(f"{folder.name}.classes.txt")


def check_classes_of_predictions(folder: Path, classes: Sequence[str], origin: object) -> None:
    """Refuse predictions whose class indices are those of another list.

    Args:
        folder: of predictions; without a list beside it, nothing is checked.
        classes: that the predictions are read with.
        origin: where `classes` come from, for the message.

    Raises:
        BadInput: the lists differ.
    """
    path = classes_of_predictions(folder)
    if classes and path.is_file() and read_class_list(path) != list(classes):
        raise BadInput(
            f"{folder}: predicted for other classes ({path}) than those of {origin}; predict again with --prepared"
        )


def of_format(prepared: Path, format: str, taker: object, remedy: str = "") -> list[Recording]:
    """List the recordings of a prepared folder in a channel format.

    Args:
        prepared: the folder.
        format: name of the channel format.
        taker: what takes this format alone, for the message.
        remedy: what else to do, for the message.

    Raises:
        BadInput: there are none.
    """
    listed = read_manifest(prepared)
    recordings = [recording for recording in listed if recording.format == format]
    if not recordings:
        there = ", ".join(sorted({recording.format for recording in listed})) or "none"
        raise BadInput(
            f"{prepared}: no recordings of format {format}, which {taker} takes; there are {there}{remedy}"
        )
    return recordings


def matches(recording: Recording, token: str) -> bool:
    """Return whether a token names a recording, its fold (`fold3`) or its room of the fold (`fold3_room7`)."""
    return token in (recording.fold, f"{recording.fold}_{recording.room}", recording.name)


def pick(recordings: Sequence[Recording], tokens: Sequence[str], option: str = "") -> list[Recording]:
    """Select the recordings of folds, rooms (`fold3_room7`) or names, in the manifest's order.

    Args:
        recordings: to select from.
        tokens: folds, rooms or names; `all` for all recordings, unless a fold has this name.
        option: that the tokens were given with, for the message.

    Raises:
        BadInput: a token names nothing; says what there is.
    """
    known = set()
    for recording in recordings:
        known |= {recording.fold, f"{recording.fold}_{recording.room}", recording.name}
    if "all" in tokens and "all" not in known:
        return list(recordings)
    for token in tokens:
        if token not in known:
            where = f"{option}: " if option else ""
            raise BadInput(
                f"{where}'{token}' names no fold, room or recording; {what_there_is(recordings, token)}"
            )
    return [recording for recording in recordings if any(matches(recording, token) for token in tokens)]


def with_labels(recordings: Sequence[Recording], prepared: Path) -> list[Recording]:
    """Select the recordings that have labels, to be scored or trained on; logs how many have none.

    Args:
        recordings: of a manifest.
        prepared: its folder, for messages.

    Raises:
        BadInput: none has labels.
    """
    labelled = [recording for recording in recordings if recording.labels]
    if recordings and not labelled:
        names = f"{recordings[0].name}, ..." if len(recordings) > 1 else recordings[0].name
        raise BadInput(
            f"{prepared}: no labels, so no reference: none of {len(recordings)} recordings has any ({names}); "
            f"avseld predict --run RUN --prepared {prepared} predicts them, or prepare them with their labels"
        )
    if missing := len(recordings) - len(labelled):
        log.warning("%s: %d of %d recordings have no labels; left out", prepared, missing, len(recordings))
    return labelled


def what_there_is(recordings: Sequence[Recording], token: str = "") -> str:
    """Write which folds and rooms a manifest has.

    Args:
        recordings: of the manifest.
        token: a wrong name, to which the nearest one is suggested.
    """
    folds = sorted({recording.fold for recording in recordings if recording.fold})
    rooms = sorted({f"{one.fold}_{one.room}" for one in recordings if one.fold and one.room})
    if not recordings:
        return "there are no recordings"
    if not folds:
        return (
            f"the manifest has no folds, but {len(recordings)} recordings ({recordings[0].name}, ...); all takes them "
            "all, avseld-prep split makes folds"
        )
    near = get_close_matches(token, [*folds, *rooms, *(one.name for one in recordings)], 1)
    more = f", ... ({len(rooms)})" if len(rooms) > MAX_ROOMS else ""
    words = f"the folds are {', '.join(folds)}"
    words += f", the rooms {', '.join(rooms[:MAX_ROOMS])}{more}" if rooms else ""
    return words + (f"; did you mean {near[0]}?" if near else "")


def disjoint(parts: dict[str, list[Recording]], allow_overlap: bool = False) -> None:
    """Refuse a recording that is in two parts.

    Args:
        parts: recordings by name of the part, such as train and test.
        allow_overlap: accept it.

    Raises:
        BadInput: two parts share recordings; names them.
    """
    seen: dict[str, str] = {}
    for part, recordings in parts.items():
        for recording in recordings:
            other = seen.setdefault(recording.name, part)
            if other != part and not allow_overlap:
                raise BadInput(
                    f"{recording.name} is both in {other} and in {part}; choose other folds, or set allow_overlap "
                    "to reproduce a paper that does so"
                )


def _cell(value: object, prepared: Path) -> str:
    if isinstance(value, Path):
        return Path(os.path.relpath(value.absolute(), prepared)).as_posix()
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return "" if value is None else str(value)


def _recording(row: list[str], columns: tuple[str, ...], path: Path, line: int, prepared: Path) -> Recording:
    if len(row) != len(columns):
        raise BadInput(f"{path}:{line}: {len(row)} columns instead of {len(columns)}; correct the row")
    cells = dict(zip(columns, row, strict=True))
    if cells["format"] not in FORMATS:
        raise BadInput(
            f"{path}:{line}: format '{cells['format']}' is none of {', '.join(FORMATS)}; correct it"
        )
    if not cells["name"] or not cells["audio"] or "/" in cells["name"] or "\\" in cells["name"]:
        raise BadInput(f"{path}:{line}: a recording needs a plain name and an audio file; correct the row")
    if has_control_characters(cells["name"]):
        raise BadInput(f"{path}:{line}: control characters in the name {printable(cells['name'])}; rename it")
    duration, offset, yaw = (_number(cells, name, path, line) for name in ("duration", *VIDEO_COLUMNS))
    if duration < 0:
        raise BadInput(f"{path}:{line}: duration {duration:g} is below 0; give the seconds of the audio")
    for name, value in zip(VIDEO_COLUMNS, (offset, yaw), strict=True):
        if abs(value) > VIDEO_LIMITS[name]:
            raise BadInput(f"{path}:{line}: {name} {value:g} is beyond {VIDEO_LIMITS[name]:g}; correct it")
    paths = {
        key: Path(os.path.normpath(prepared / cells[key])) if cells.get(key) else None for key in PATH_COLUMNS
    }
    return Recording(
        name=cells["name"],
        format=cells["format"],
        fold=cells["fold"],
        room=cells["room"],
        duration=duration,
        video_offset=offset,
        video_yaw=yaw,
        prompt=cells.get("prompt", ""),
        embeddings=_embeddings(prepared, cells["name"], paths["audio"]),
        **paths,  # type: ignore[arg-type]
    )


def _embeddings(prepared: Path, name: str, audio: Path | None) -> Path:
    if audio is not None and archive_of(audio) is not None:
        return audio.with_suffix(f".{KINDS['embeddings']}")
    return prepared / EMBEDDINGS_FOLDER / f"{name}.npz"


def _number(cells: dict[str, str], name: str, path: Path, line: int) -> float:
    try:
        value = float(cells.get(name) or 0)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"{path}:{line}: {name} '{cells[name]}' is not a number; correct it")
    return value
