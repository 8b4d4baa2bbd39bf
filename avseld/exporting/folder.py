"""A folder whose files appear together or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from avseld.base.errors import BadInput, CannotWrite
from avseld.base.files import NO_ROOM, PARTIAL, check_folder, make_folder, visible


@contextmanager
def writing_folder(folder: Path, marks: Sequence[str], others: Sequence[str] = ()) -> Iterator[Path]:
    """Write the files of a folder: yield a temporary one within it, from which they take their places at the end.

    If the block raises, nothing is left of them, nor of the folders that had to be made. What else lies in the folder
    stays.

    Args:
        folder: new, empty, or one that was written so before.
        marks: files that one has that was written so before; the first of them takes its place last.
        others: files that it may have; they are removed if they are not written again.

    Raises:
        BadInput: it holds something else.
        CannotWrite: it cannot be written.
    """
    check_folder(folder, "--out")
    if visible(folder) and not all((folder / mark).is_file() for mark in marks):
        raise BadInput(f"--out {folder}: holds something else; choose a new folder")
    made = make_folder(folder, "--out")
    place: Path | None = None
    try:
        place = Path(tempfile.mkdtemp(prefix=".export.", suffix=PARTIAL, dir=folder))
        yield place
        written = sorted(place.iterdir(), key=lambda path: path.name == marks[0])
        for path in written:
            path.replace(folder / path.name)
        for name in {*marks, *others} - {path.name for path in written}:
            (folder / name).unlink(missing_ok=True)
        place.rmdir()
    except BaseException as error:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):
            for each in reversed(made):
                each.rmdir()
        if isinstance(error, OSError) and (place is None or error.errno in NO_ROOM):
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            raise CannotWrite(f"--out {folder}: cannot be written ({reason}); name another folder") from error
        raise
