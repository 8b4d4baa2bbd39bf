"""What the shards of a job leave for each other: each writes its own part, and whoever finds all of them joins them."""

import hashlib
import inspect
import json
import logging
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avseld.base.errors import BadInput
from avseld.base.files import make_folder, replacing
from avseld.base.job_shards import Shard
from avseld.base.locks import sole_writer

log = logging.getLogger(__name__)

FOLDER = ".parts"
"""hidden, in the folder of a job: a subfolder for each set of options and files, with a file for each part"""
HOW = ("shard", "jobs", "engine")
"""options that say who does the work, not what is made"""
SHOWN_PARTS = 3
"""missing parts that a message names"""


@dataclass(frozen=True)
class Parts:
    """Parts of one job, which may be made at the same time by programs on several machines.

    A part is a file of its own that is renamed into its place, so that no program changes what another has written:
    none is lost even where a file system has no locks. They stay for later runs of single shards, in a hidden folder.

    Args:
        folder: of the job.
        key: of its options and files, see `key_of`; parts of other keys are another job's.
    """

    folder: Path
    key: str

    def has(self, name: str) -> bool:
        """Return whether a part is there."""
        return self._path(name).is_file()

    @property
    def begun(self) -> bool:
        """Whether a program has begun this job."""
        return (self.folder / FOLDER / self.key).is_dir()

    def begin(self) -> None:
        """Let other programs know that this job has begun."""
        make_folder(self.folder / FOLDER / self.key)

    def put(self, name: str, text: str) -> None:
        """Write a part."""
        with replacing(self._path(name), keep_same=True) as temporary:
            temporary.write_text(text, encoding="utf-8")

    @contextmanager
    def joined(self, names: Sequence[str], made: str) -> Iterator[list[Path] | None]:
        """Yield the files of all parts in their order, or None as long as some are missing, which is logged.

        One program at a time is in the block.

        Args:
            names: of the parts.
            made: what is made of them, for the log.
        """
        with alone_in(self.folder):
            # A path that is looked up is asked for at the server of a network file system; a listing may be old.
            if missing := [name for name in names if not self.has(name)]:
                log.info(
                    "%s: %s is written when all %d parts are there; missing: %s",
                    self.folder, made, len(names),
                    ", ".join(missing[:SHOWN_PARTS]) + ", ..." * (len(missing) > SHOWN_PARTS),
                )  # fmt: skip
                yield None
                return
            yield [self._path(name) for name in names]
            for other in (self.folder / FOLDER).iterdir():
                if other.is_dir() and other.name != self.key:
                    shutil.rmtree(other, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self.folder / FOLDER / self.key / name


def alone_in(folder: Path) -> AbstractContextManager[None]:
    """Return a context in which no other program is that does a share of the same job, for what all of them write.

    Args:
        folder: of the job.
    """
    return sole_writer(folder / FOLDER, math.inf)


def part_name(shard: Shard) -> str:
    """Return the name of the part of a shard: 2-of-3."""
    return f"{shard.number}-of-{shard.count}"


def all_parts(shard: Shard) -> list[str]:
    """Return the names of the parts of a shard and of the others."""
    return [part_name(Shard(number, shard.count)) for number in range(1, shard.count + 1)]


def read_part(path: Path) -> Any:
    """Read a part that holds JSON.

    Raises:
        BadInput: it does not.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); remove it and run its shard again") from error


def key_of(function: Callable[..., Any], values: Mapping[str, Any], files: Sequence[str]) -> str:
    """Compute a key that two calls have in common if they do the same job.

    Args:
        function: of the command.
        values: of its arguments, by name; those that say who does the work do not count.
        files: names of all files of the job, in order.

    Returns:
        16 hexadecimal digits.
    """
    names = [name for name in inspect.signature(function).parameters if name not in HOW]
    given = [
        (name, str(value.absolute()) if isinstance(value := values[name], Path) else value) for name in names
    ]
    return hashlib.sha256(repr((given, list(files))).encode()).hexdigest()[:16]


def forget_parts(folder: Path) -> None:
    """Remove the parts of earlier runs in a folder that one program writes now as a whole.

    Raises:
        BadInput: they cannot be removed.
    """
    with suppress(FileNotFoundError):
        try:
            shutil.rmtree(folder / FOLDER)
        except NotADirectoryError as error:
            raise BadInput(f"{folder / FOLDER}: is a file; remove it") from error
