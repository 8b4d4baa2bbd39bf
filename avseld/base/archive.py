"""Files that lie in tar archives, opened where they lie: `FOLDER/shard-0000.tar/take1.flac` names a member.

Nothing is unpacked, so that no name in an archive can reach outside of it. Members are found by the headers of the
archive, read once, or by a list of their places that was made before (`know`).
"""

import io
import os
import tarfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from avseld.base.errors import BadInput

SUFFIX = ".tar"
N_DIRECTORIES = 64
"""archives whose members are remembered"""
REMEDY = "copy it again from its origin, or write it anew with avseld-prep shards"


class Place(NamedTuple):
    """Where a member lies in its archive, in bytes."""

    start: int
    size: int


Directory = Mapping[str, Place]
"""name of a member -> its place"""

_directories: OrderedDict[Path, Directory] = OrderedDict()
_sources: list[Callable[[Path], Directory | None]] = []


def archive_of(path: Path | str) -> Path | None:
    """Return the archive in which a path lies, by its name alone; None for a path of the file system."""
    folder = Path(path).parent
    return folder if folder.suffix == SUFFIX else None


def is_file(path: Path | str) -> bool:
    """Tell whether a path names a file, or a member of an archive that is there."""
    archive = archive_of(path)
    if archive is None or not archive.is_file():
        return Path(path).is_file()
    return Path(path).name in directory(archive)


def open_file(path: Path | str) -> BinaryIO:
    """Open a file, or a member of an archive, to be read.

    Raises:
        BadInput: no such member, or an archive that ends before it.
        OSError: of a file that is no member.
    """
    archive = archive_of(path)
    if archive is None or not archive.is_file():
        return Path(path).open("rb")
    place = directory(archive).get(Path(path).name)
    if place is None:
        raise BadInput(f"{path}: not found in the archive; {REMEDY}")
    return io.BufferedReader(Member(archive, place))


def directory(archive: Path) -> Directory:
    """List the members of an archive: from a list that is known, else from its headers.

    Raises:
        BadInput: it is cut off or no tar archive.
    """
    if archive in _directories:
        _directories.move_to_end(archive)
        return _directories[archive]
    for source in _sources:
        if (known := source(archive)) is not None:
            break
    else:
        known = read_directory(archive)
    _directories[archive] = known
    while len(_directories) > N_DIRECTORIES:
        _directories.popitem(last=False)
    return known


def know(source: Callable[[Path], Directory | None]) -> None:
    """Ask a function for the members of archives before their headers are read.

    Args:
        source: returns the members of an archive, or None where it does not know them.
    """
    _sources.append(source)


def forget() -> None:
    """Read the members of every archive anew, after archives were written."""
    _directories.clear()


def read_directory(archive: Path) -> Directory:
    """Read the headers of an archive: the plain files in it; links, folders and devices are left out.

    Raises:
        BadInput: it is cut off or no tar archive.
    """
    found: dict[str, Place] = {}
    try:
        size = archive.stat().st_size
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                if not member.isreg():
                    continue
                if member.offset_data + member.size > size:
                    raise cut_off(archive, size, member.offset_data + member.size)
                found[member.name] = Place(member.offset_data, member.size)
            end = tar.offset
    except (tarfile.TarError, OSError) as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"{archive}: no whole tar archive ({reason}); {REMEDY}") from error
    if size < end:
        raise cut_off(archive, size, end)
    return found


def cut_off(archive: Path, size: int, wanted: int) -> BadInput:
    """Return the error of an archive that is too short.

    Args:
        archive: the file.
        size: bytes that are there.
        wanted: bytes that should be there.
    """
    return BadInput(f"{archive}: cut off: {size} bytes of {wanted} are there; {REMEDY}")


class Member(io.RawIOBase):
    """A member of an archive as a file of its own that is read and sought in.

    Args:
        archive: the file.
        place: where the member lies in it.
    """

    def __init__(self, archive: Path, place: Place) -> None:
        super().__init__()
        self.archive, self.place, self.at = archive, place, 0
        self.file = archive.open("rb", buffering=0)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be sought in."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a byte of the member; see `io.IOBase.seek`."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self.at, os.SEEK_END: self.place.size}[whence]
        if origin + offset < 0:
            raise ValueError(f"a place of {origin + offset} before the start")
        self.at = origin + offset
        return self.at

    def tell(self) -> int:
        """Return the byte of the member at which reading goes on."""
        return self.at

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        """Read into a buffer; see `io.RawIOBase.readinto`."""
        wanted = max(min(len(buffer), self.place.size - self.at), 0)
        self.file.seek(self.place.start + self.at)
        n = self.file.readinto(memoryview(buffer)[:wanted]) if wanted else 0
        if wanted and not n:
            raise cut_off(self.archive, os.fstat(self.file.fileno()).st_size, sum(self.place))
        self.at += n or 0
        return n or 0

    def close(self) -> None:
        """Close the archive."""
        if not self.closed:
            self.file.close()
        super().close()
