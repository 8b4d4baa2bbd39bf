"""Paths given as text, atomic writing of files, and fingerprints to notice that a file has changed."""

import errno
import hashlib
import inspect
import os
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_type_hints

from avseld.base.archive import archive_of, is_file
from avseld.base.errors import BadInput, CannotWrite

EDGE_BYTES = 1 << 20
"""bytes at each end of a file that its fingerprint covers"""
SYSTEM_FOLDERS = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found")
"""folders that operating systems, archives and servers add"""


def require_file(path: Path, remedy: str = "check the path") -> None:
    """Refuse what is no file.

    Args:
        path: of the file.
        remedy: for a path where there is nothing.

    Raises:
        BadInput: nothing there, a folder, or a pipe or device (reading one may wait for ever); says which.
    """
    if archive_of(path) is not None and is_file(path):
        return
    mode = _mode_of(path, remedy)
    if not stat.S_ISREG(mode):
        raise BadInput(
            f"{path}: is {'a folder' if stat.S_ISDIR(mode) else 'a pipe or a device'}; give a file"
        )


def require_folder(path: Path, remedy: str = "check the path") -> None:
    """Refuse what is no folder.

    Args:
        path: of the folder.
        remedy: for a path where there is nothing.

    Raises:
        BadInput: nothing there, a file, or a pipe or device; says which.
    """
    mode = _mode_of(path, remedy)
    if not stat.S_ISDIR(mode):
        raise BadInput(
            f"{path}: is {'a file' if stat.S_ISREG(mode) else 'a pipe or a device'}; give a folder"
        )


def _mode_of(path: Path, remedy: str) -> int:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise BadInput(f"{path}: not found; {remedy}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadInput(f"{path}: cannot be read ({reason}); check the path") from None


PARTIAL = ".partial"
"""in the name of a file that is being written"""

PROBE_BYTES = 1 << 20
"""bytes that are written to find out whether a file may grow"""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""errors of a disk that takes no more"""


def make_folder(path: Path | str, option: str = "") -> list[Path]:
    """Make a folder, with those that it lies in, unless it is there.

    Args:
        path: the folder.
        option: that it was given with, for the message.

    Returns:
        The folders that were made, the outermost first.

    Raises:
        BadInput: there is a file of that name.
        CannotWrite: it may not be made.
    """
    check_folder(path, option)
    missing: list[Path] = []
    for each in (Path(path), *Path(path).parents):
        if each.exists():
            break
        missing.insert(0, each)
    made = []
    for each in missing:
        try:
            each.mkdir()
            made.append(each)
        except FileExistsError:  # made by another program meanwhile
            continue
        except OSError as error:
            raise CannotWrite(f"{path}: cannot be made ({error.strerror}); name another folder") from error
    return made


def check_folder(path: Path | str | None, option: str = "") -> None:
    """Refuse a file where a folder is to be written.

    Args:
        path: the folder, which need not exist; None for none.
        option: that it was given with, for the message.

    Raises:
        BadInput: it is a file, or would lie in one.
    """
    if path is None:
        return
    for each in (Path(path), *Path(path).parents):
        if os.path.lexists(each):
            if not each.is_dir():
                within = "" if each == Path(path) else f" in {each}, which"
                raise BadInput(f"{option} {path}:{within} is a file; name a folder".strip())
            return


@contextmanager
def replacing(path: Path | str, keep_same: bool = False) -> Iterator[Path]:
    """Write a file atomically: yield a temporary path that is renamed to `path` at the end of the block.

    If the block raises, the temporary file is removed. A reader never finds a
    half-written file, and an existing file stays as it is until the new one is complete (also on a full disk). The
    temporary name keeps the suffix, because encoders choose their format by it.

    Args:
        path: the file to write; its folder is created if it is missing.
        keep_same: leave an existing file of the same bytes, with its time, as it is; for small files.

    Raises:
        CannotWrite: the disk is full, or nothing may be written there.
        BadInput: a folder of that name is there, or the folder is a file.
    """
    path = Path(path)
    make_folder(path.parent)
    if path.is_dir():
        raise BadInput(f"{path}: is a folder; name a file")
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{PARTIAL}{path.suffix}")
    try:
        yield temporary
        if keep_same and path.is_file() and path.read_bytes() == temporary.read_bytes():
            return
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(_mode(path))
        temporary.replace(path)
    except Exception as error:
        if (reason := _why_not_written(error, temporary)) is not None:
            raise CannotWrite(f"{path}: cannot be written ({reason}){_remedy(path)}") from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _why_not_written(error: Exception, temporary: Path) -> str | None:
    """Return why a temporary file could not be written; None where the error is about something else."""
    if isinstance(error, BadInput):
        cause = error.__cause__
        full = isinstance(cause, OSError) and cause.errno in NO_ROOM
        return os.strerror(cause.errno).lower() if full else None  # type: ignore[union-attr, arg-type]
    if isinstance(error, OSError) and error.errno is not None:
        is_here = str(error.filename) in (str(temporary), str(temporary.parent))
        if error.errno in NO_ROOM or (is_here and error.errno not in (errno.ENOENT, errno.EEXIST)):
            return os.strerror(error.errno).lower()
    # Libraries hide the cause: safetensors raises an error of its own and removes the file, libsndfile says "System
    # error", torch an error of its zip file.
    for number in NO_ROOM:
        if os.strerror(number) in str(error):
            return os.strerror(number).lower()
    try:
        with temporary.open("ab") as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as full:
        return os.strerror(full.errno).lower() if full.errno in NO_ROOM else None
    return None


def _remedy(path: Path) -> str:
    kept = "; the file that was there is whole" if path.exists() else ""
    return f"{kept}; make room, or name another place"


def remove_partial(folder: Path, stems: Iterable[str] | None = None) -> None:
    """Remove what killed programs left half-written in a folder; only while no other program writes there.

    Args:
        folder: it alone, not those within.
        stems: names without suffix of the files that were to be written; any if None.
    """
    wanted = None if stems is None else set(stems)
    for path in folder.glob(f".*.????????{PARTIAL}*"):
        stem = path.name[1:].rpartition(PARTIAL)[0][:-9]  # a point and eight digits
        if (wanted is None or stem in wanted) and path.is_file():
            path.unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """Return the permissions of a file that is replaced, or of a new one: some libraries write for the owner only."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def visible(folder: Path) -> list[Path]:
    """List what lies in a folder, but for names that begin with a dot; nothing if there is no folder.

    Args:
        folder: it alone, not those within.
    """
    return sorted(path for path in folder.glob("*") if not path.name.startswith("."))


def visible_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the files below a folder that have one of some suffixes, in any case.

    Files and folders whose name begins with a dot are left out: half-written files of `replacing`, resource forks
    (._NAME) of macOS, checkpoints of notebooks. So are folders that systems add (`SYSTEM_FOLDERS`), and pipes.

    Args:
        folder: searched with its subfolders.
        suffixes: in lower case, with their dots.

    Returns:
        Sorted paths.
    """
    files = (path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    return sorted(
        path
        for path in files
        if path.is_file()
        and not any(part.startswith(".") or part in SYSTEM_FOLDERS for part in path.relative_to(folder).parts)
    )


def fingerprint(path: Path | str) -> str:
    """Hash the size, the first and the last MiB of a file: enough to notice another video without reading all of it.

    Returns:
        32 hexadecimal digits.

    Raises:
        BadInput: the file is missing or unreadable.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        digest = hashlib.sha256(str(size).encode())
        with path.open("rb") as file:
            digest.update(file.read(EDGE_BYTES))
            if size > EDGE_BYTES:
                file.seek(max(EDGE_BYTES, size - EDGE_BYTES))
                digest.update(file.read(EDGE_BYTES))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from error
    return digest.hexdigest()[:32]


def sha256(path: Path | str) -> str:
    """Compute the SHA-256 of a file, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(EDGE_BYTES):
            digest.update(block)
    return digest.hexdigest()


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def takes_paths(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let a function take text wherever it takes a `Path`, as the functions of commands do when called from Python.

    Args:
        function: with annotations; arguments of type Path, Path | None or list[Path] are converted.
    """

    @wraps(function)
    def converted(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        hints = get_type_hints(function)
        given = inspect.signature(function).bind(*args, **kwargs)
        for name, value in given.arguments.items():
            if "Path" in str(hints.get(name)):
                given.arguments[name] = _as_path(value)
        return function(*given.args, **given.kwargs)  # type: ignore[arg-type]

    return converted


def _as_path(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_as_path(each) for each in value]
    return Path(value) if isinstance(value, str) else value
