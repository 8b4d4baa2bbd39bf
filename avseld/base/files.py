"""Files that are whole or absent, and a quick fingerprint that tells whether a file is still the same."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avseld.base.errors import BadInput

EDGE = 1 << 20


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends well, else remove it.

    The temporary name keeps the suffix, because encoders choose their format by it. A reader never sees a
    half-written file and an existing file stays whole until the new one is complete (also on a full disk).

    Args:
        path: the file to write; its folder is made if need be.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.partial{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def fingerprint(path: Path | str) -> str:
    """Hash the size, the first and the last MiB of a file: enough to notice another video, at no cost.

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
            digest.update(file.read(EDGE))
            if size > EDGE:
                file.seek(max(EDGE, size - EDGE))
                digest.update(file.read(EDGE))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from error
    return digest.hexdigest()[:32]
