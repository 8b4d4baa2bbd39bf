"""Paths given as text, atomic writing of files, and fingerprints to notice that a file has changed."""

import hashlib
import inspect
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_type_hints

from avseld.base.errors import BadInput

EDGE_BYTES = 1 << 20
"""bytes at each end of a file that its fingerprint covers"""


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Write a file atomically: yield a temporary path that is renamed to `path` at the end of the block.

    If the block raises, the temporary file is removed. A reader never finds a
    half-written file, and an existing file stays as it is until the new one is complete (also on a full disk). The
    temporary name keeps the suffix, because encoders choose their format by it.

    Args:
        path: the file to write; its folder is created if it is missing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.partial{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(_mode(path))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """Return the permissions of a file that is replaced, or of a new one: some libraries write for the owner only."""
    if path.exists():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def visible_files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """List the files below a folder that have one of some suffixes, in any case.

    Files and folders whose name begins with a dot are left out: half-written files of `replacing`, resource forks
    (._NAME) of macOS, checkpoints of notebooks.

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
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
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
