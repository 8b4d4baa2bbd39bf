"""A folder that appears whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avseld.base.errors import BadInput, CannotWrite
from avseld.base.files import NO_ROOM, PARTIAL, check_folder, make_folder, visible


@contextmanager
def writing_folder(folder: Path, mark: str) -> Iterator[Path]:
    """Write a folder: yield a temporary one that takes its place at the end of the block.

    If the block raises, the temporary folder is removed, with those that had to be made for it.

    Args:
        folder: new, empty, or one that was written so before.
        mark: file that one has that was written so before.

    Raises:
        BadInput: it holds something else.
        CannotWrite: it cannot be written.
    """
    check_folder(folder, "--out")
    if visible(folder) and not (folder / mark).is_file():
        raise BadInput(f"--out {folder}: holds something else; choose a new folder")
    made = make_folder(folder.parent, "--out")
    try:
        place = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=PARTIAL, dir=folder.parent))
    except OSError as error:
        raise CannotWrite(
            f"--out {folder}: cannot be made ({error.strerror}); name another folder"
        ) from error
    try:
        yield place
        place.chmod(0o777 & ~_mask())
        before = place.with_name(f"{place.name}.before")
        if folder.exists():
            folder.rename(before)
        place.rename(folder)
        shutil.rmtree(before, ignore_errors=True)
    except BaseException as error:
        shutil.rmtree(place, ignore_errors=True)
        for each in reversed(made):
            each.rmdir()
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise CannotWrite(
                f"--out {folder}: {error.strerror}; make room, or name another place"
            ) from error
        raise


def _mask() -> int:
    """Return the bits that new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
