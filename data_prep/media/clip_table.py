"""What the clips of a folder are sections of, so that clips cut elsewhere before are not taken for those due now."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from avseld.base.files import replacing
from data_prep.jobs import FileJob

NAME = ".clips"
"""hidden and without suffix, so that it is not taken for labels"""
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
            noted = {row[0]: tuple(row[1:]) for row in csv.reader(file) if len(row) == len(COLUMNS)}
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
