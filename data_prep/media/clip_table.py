"""Tables beside clips: of which sections they are, and where their videos start."""

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path

from avseld.base.files import replacing
from avseld.io.manifest import VIDEO_COLUMNS
from data_prep.jobs import FileJob

log = logging.getLogger(__name__)

NAME = ".clips"
"""hidden and without suffix, so that it is not taken for labels"""
PLACES = "videos.csv"
"""offset and yaw of the videos of clips"""
COLUMNS = ("clip", "source", "start", "stop")


def remove_other_sections(folder: Path, jobs: Sequence[FileJob]) -> None:
    """Remove existing clips that are another section of their recording than the one due, and note those due.

    A length does not show where a clip begins: the second clip begins at 10 s with a hop of 10 s, at 5 s with one of
    5 s.

    Args:
        folder: of the clips; gets or keeps the table `.clips`.
        jobs: clips that are due, their first two arguments start and stop in seconds.
    """
    path = folder / NAME
    noted: dict[str, tuple[str, ...]] = {}
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            noted = {row[0]: tuple(row[1:]) for row in list(csv.reader(file))[1:] if len(row) == len(COLUMNS)}
    for job in jobs:
        clip = job.target.relative_to(folder).as_posix()
        due = (str(job.source.absolute()), *(f"{time:.6f}" for time in job.arguments[:2]))
        if noted.get(clip) != due:
            job.target.unlink(missing_ok=True)
        noted[clip] = due
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [COLUMNS, *((clip, *noted[clip]) for clip in sorted(noted))]
    )
    if path.is_file() and path.read_text(encoding="utf-8") == text.getvalue():
        return
    with replacing(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def write_places(folder: Path, table: dict[str, tuple[float, float]]) -> Path | None:
    """Write offset and yaw of the videos of clips to `videos.csv`, if any is not 0; rows of other clips stay.

    Args:
        folder: of the clips.
        table: offset in seconds and yaw in degrees, by name of the video file.

    Returns:
        The file; None where none was written.
    """
    path = folder / PLACES
    rows: dict[str, tuple[str, ...]] = {}
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            rows = {row[0]: tuple(row[1:]) for row in list(csv.reader(file))[1:]}
    elif not any(offset or yaw for offset, yaw in table.values()):
        return None
    rows |= {clip: (f"{offset:.6g}", f"{yaw:.6g}") for clip, (offset, yaw) in table.items()}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([("file", *VIDEO_COLUMNS), *((clip, *rows[clip]) for clip in sorted(rows))])
    with replacing(path, keep_same=True) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
    return path
