"""Shards: the recordings of a corpus in tar archives, some hundred in each, in the layout of WebDataset.

A folder of shards is a prepared folder whose files lie in archives. `manifest.csv` and `classes.txt` are those of every
prepared folder; a recording lies in one archive as members next to each other that share the name before the first dot:
KEY.flac (16 bits), KEY.csv (labels), KEY.boxes.npz and KEY.frames.npz (embeddings), the last three where there are any.
`shards.csv` and `members.csv` say how large the archives are and where the members lie, so that none is opened to learn
it.
"""

import csv
import io
import os
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from avseld.base.archive import SUFFIX, Directory, Member, Place, cut_off, forget, know, read_directory
from avseld.base.errors import BadInput
from avseld.base.files import replacing
from avseld.io.text import read_text

SHARDS, MEMBERS = "shards.csv", "members.csv"
KINDS = {"audio": "flac", "labels": "csv", "boxes": "boxes.npz", "embeddings": "frames.npz"}
"""field of a recording -> what follows KEY and a dot in the name of its member, in the order of the members"""
SHARD_COLUMNS = ("shard", "bytes", "recordings", "hours")
PLACE_COLUMNS = tuple(f"{kind}_{what}" for kind in KINDS for what in ("start", "bytes"))
MEMBER_COLUMNS = ("shard", "key", "sample_rate", "channels", "samples", *PLACE_COLUMNS)
ABSENT = -1
"""start of a member that a recording has not"""
REMEDY = "run avseld-prep shards again, which writes what is missing"


@dataclass(frozen=True, eq=False)
class ShardIndex:
    """Where every recording of a folder of shards lies, known without opening an archive."""

    folder: Path
    names: tuple[str, ...]
    """of the archives"""
    n_bytes: np.ndarray
    """(archive,) sizes of the archives"""
    shard: np.ndarray
    """(recording,) number of the archive, rising"""
    key: np.ndarray
    """(recording,) key in UTF-8"""
    sample_rate: np.ndarray
    """(recording,) Hz"""
    channels: np.ndarray
    """(recording,)"""
    samples: np.ndarray
    """(recording,) length"""
    start: np.ndarray
    """(recording, kind) first byte of each member in the order of `KINDS`, -1 where there is none"""
    size: np.ndarray
    """(recording, kind) bytes"""

    def __len__(self) -> int:
        return len(self.shard)

    def archive(self, number: int) -> Path:
        """Return the path of an archive."""
        return self.folder / self.names[number]

    def member(self, row: int, kind: str) -> Path | None:
        """Return the path of a member of a recording; None where it has none.

        Args:
            row: number of the recording.
            kind: audio, labels, boxes or embeddings.
        """
        if self.start[row, list(KINDS).index(kind)] == ABSENT:
            return None
        return self.archive(self.shard[row]) / f"{self.key[row].decode()}.{KINDS[kind]}"

    def directory(self, number: int) -> Directory:
        """List the members of an archive with their places.

        Raises:
            BadInput: the archive has another size than the index says.
        """
        archive = self.archive(number)
        size, wanted = archive.stat().st_size, int(self.n_bytes[number])
        if size < wanted:
            raise cut_off(archive, size, wanted)
        if size > wanted:
            raise BadInput(f"{archive}: {size} bytes, {self.folder / SHARDS} says {wanted}; {REMEDY}")
        first, last = np.searchsorted(self.shard, [number, number + 1])
        return {
            f"{self.key[row].decode()}.{suffix}": Place(int(self.start[row, kind]), int(self.size[row, kind]))
            for row in range(first, last)
            for kind, suffix in enumerate(KINDS.values())
            if self.start[row, kind] != ABSENT
        }


def has_shards(folder: Path | str) -> bool:
    """Tell whether a prepared folder holds its recordings in shards."""
    return (Path(folder) / SHARDS).is_file()


def write_shard(path: Path, recordings: Iterable[tuple[str, Mapping[str, bytes]]]) -> None:
    """Write recordings to an archive, the same bytes for the same recordings.

    Args:
        path: the archive.
        recordings: key, and content of the members by kind (audio, labels, boxes, embeddings), one by one.
    """
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for key, content in recordings:
            for kind, suffix in KINDS.items():
                if kind in content:
                    member = tarfile.TarInfo(f"{key}.{suffix}")
                    member.size = len(content[kind])
                    tar.addfile(member, io.BytesIO(content[kind]))


def write_index(folder: Path, names: Sequence[str]) -> ShardIndex:
    """Write shards.csv and members.csv from the headers of the archives.

    Args:
        folder: of the archives.
        names: of the archives.

    Raises:
        BadInput: an archive is missing, cut off or holds no recordings.
    """
    forget()
    shards, members = [], []
    for name in names:
        archive = folder / name
        found = _recordings_of(archive)
        seconds = sum(row[4] / row[2] for row in found)
        shards.append((name, archive.stat().st_size, len(found), f"{seconds / 3600:.6f}"))
        members += found
    for path, columns, rows in (
        (folder / MEMBERS, MEMBER_COLUMNS, members),
        (folder / SHARDS, SHARD_COLUMNS, shards),
    ):
        with (
            replacing(path) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            csv.writer(file, lineterminator="\n").writerows([columns, *rows])
    forget_index()
    return read_index(folder)


def _recordings_of(archive: Path) -> list[tuple[Any, ...]]:
    """List the rows of members.csv of an archive."""
    keys: dict[str, dict[str, Place]] = {}
    for name, place in read_directory(archive).items():
        key, _, suffix = name.partition(".")
        keys.setdefault(key, {})[suffix] = place
    rows = []
    for key, found in keys.items():
        if "flac" not in found:
            raise BadInput(f"{archive}: {key} has no {key}.flac; {REMEDY}")
        with Member(archive, found["flac"]) as file:
            header = soundfile.info(file)
        places = [found.get(suffix, Place(ABSENT, 0)) for suffix in KINDS.values()]
        places_of_row = [number for place in places for number in place]
        rows.append((archive.name, key, header.samplerate, header.channels, header.frames, *places_of_row))
    return rows


def read_index(folder: Path | str) -> ShardIndex:
    """Read shards.csv and members.csv; they are kept, so that the next call returns at once.

    Raises:
        BadInput: missing, or with a row that means nothing; names file and line.
    """
    return _read_index(Path(os.path.normpath(Path(folder).absolute())))


@lru_cache(maxsize=1)
def _read_index(folder: Path) -> ShardIndex:
    shards = _rows(folder / SHARDS, SHARD_COLUMNS)
    names: dict[str, int] = {}
    sizes = []
    for line, row in enumerate(shards, start=2):
        if "/" in row[0] or "\\" in row[0] or not row[0].endswith(SUFFIX) or row[0] in names:
            raise BadInput(f"{folder / SHARDS}:{line}: '{row[0]}' is no archive of this folder; {REMEDY}")
        names[row[0]] = len(names)
        sizes.append(_whole(row[1], folder / SHARDS, line))
    shard, keys, cells = [], [], []
    rows = _rows(folder / MEMBERS, MEMBER_COLUMNS)
    for line, row in enumerate(rows, start=2):
        if row[0] not in names:
            raise BadInput(f"{folder / MEMBERS}:{line}: {SHARDS} does not list '{row[0]}'; {REMEDY}")
        shard.append(names[row[0]])
        keys.append(row[1].encode())
        cells += row[2:]
    order = np.argsort(np.array(shard, np.int32), kind="stable")
    table = _table(cells, rows, folder / MEMBERS).reshape(-1, len(MEMBER_COLUMNS) - 2)[order]
    return ShardIndex(
        folder,
        names=tuple(names),
        n_bytes=np.array(sizes, np.int64),
        shard=np.array(shard, np.int32)[order],
        key=np.array(keys, np.bytes_)[order],
        sample_rate=table[:, 0],
        channels=table[:, 1],
        samples=table[:, 2],
        start=table[:, 3::2],
        size=table[:, 4::2],
    )


def _rows(path: Path, columns: Sequence[str]) -> list[list[str]]:
    rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    if not rows or tuple(rows[0]) != tuple(columns):
        raise BadInput(f"{path}:1: expected the header {','.join(columns)}; {REMEDY}")
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(columns):
            raise BadInput(f"{path}:{line}: {len(row)} columns instead of {len(columns)}; {REMEDY}")
    return rows[1:]


def _table(cells: list[str], rows: list[list[str]], path: Path) -> np.ndarray:
    """Convert all cells at once, as there are millions; one by one to name the line of a wrong one."""
    try:
        table = np.array(list(map(int, cells)), np.int64)
        if ((table >= ABSENT) & (table < 2**62)).all():
            return table
    except (ValueError, OverflowError):
        pass
    return np.array(
        [_whole(cell, path, line) for line, row in enumerate(rows, start=2) for cell in row[2:]], np.int64
    )


def _whole(cell: str, path: Path, line: int) -> int:
    try:
        number = int(cell)
    except ValueError:
        number = ABSENT - 1
    if not ABSENT <= number < 2**62:
        raise BadInput(f"{path}:{line}: '{cell}' is no number of bytes or samples; {REMEDY}")
    return number


def forget_index() -> None:
    """Read the index anew, after archives were written."""
    _read_index.cache_clear()
    forget()


def _known(archive: Path) -> Directory | None:
    """List the members of an archive as the index of its folder does; None without an index, or where it lacks it."""
    if not has_shards(archive.parent):
        return None
    index = read_index(archive.parent)
    return index.directory(index.names.index(archive.name)) if archive.name in index.names else None


know(_known)
