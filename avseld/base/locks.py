"""Folders that one program at a time writes into, or several that share a job."""

import errno
import inspect
import logging
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from avseld.base.errors import BadInput
from avseld.base.files import make_folder
from avseld.base.job_shards import read_shard
from avseld.base.processes import is_first_process

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

LOCK = ".lock"
"""file in a folder that is being written; it goes with the program that holds it"""

PREPARATION_WAIT_S = 5.0
"""how long the preparation of a folder waits for a command that changes its manifest, which takes less; another
preparation takes longer, and this one is refused"""

BUSY = (errno.EACCES, errno.EAGAIN)
PAUSE_S = 0.2


@contextmanager
def sole_writer(folder: Path | str, wait_s: float = 0.0, shared: bool = False) -> Iterator[None]:
    """Keep other programs from writing into a folder for the time of a block.

    The folder is made if it is missing, and removed again if nothing was written into it. The system gives the lock
    back when a program ends, however it ends.

    Args:
        folder: the folder.
        wait_s: seconds to wait for another program; infinity waits for its end.
        shared: let others in that share the folder, too: the shards of one job.

    Raises:
        BadInput: another program writes into it, or no folder can be made there.
    """
    folder = Path(folder)
    # flock, not a file made with O_EXCL: the system frees it when its holder dies, and network file systems pass it on
    # to their server (NFS as a lock of the whole file), which frees it when the machine of the holder is lost.
    file, made = _locked(folder, time.monotonic() + wait_s, shared)
    try:
        yield
    finally:
        if file is not None:
            if not shared or _is_last(file):
                (folder / LOCK).unlink(missing_ok=True)
            fcntl.flock(file, fcntl.LOCK_UN)  # a forked process may have the file open, too
            os.close(file)
        for each in reversed(made):
            with suppress(OSError):  # not empty
                each.rmdir()


def _is_last(file: int) -> bool:
    """Return whether nobody else shares a lock, which is exclusive then."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _locked(folder: Path, until: float, shared: bool) -> tuple[int | None, list[Path]]:
    """Lock a folder; return the descriptor of the lock file (None where there are no locks) and the folders made."""
    path, said = folder / LOCK, False
    while True:
        made = make_folder(folder)
        if fcntl is None:
            return None, made
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # the folder was removed meanwhile, by the program that had made it
            continue
        except OSError as error:
            raise BadInput(f"{folder}: cannot be written ({error.strerror}); name another folder") from error
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            holder = _read(file)
            os.close(file)
            if error.errno not in BUSY:  # a network file system without locks
                log.warning("%s: cannot be locked (%s); write into it once at a time", folder, error.strerror)
                path.unlink(missing_ok=True)
                return None, made
            if time.monotonic() >= until:
                raise BadInput(
                    f"{folder}: another program is writing into it ({holder}); wait for its end, or name another folder"
                ) from None
            if not said:
                log.info("%s: waiting for another program that is writing into it (%s)", folder, holder)
            said = True
            time.sleep(PAUSE_S)
            continue
        if _is_at(file, path):
            with suppress(OSError):  # the disk may be full, and the name is for messages only
                os.truncate(file, 0)
                os.pwrite(file, f"process {os.getpid()} on {platform.node()}".encode(), 0)
            return file, made
        os.close(file)  # the program that held it has removed it


def _read(file: int) -> str:
    return " ".join(os.pread(file, 200, 0).decode(errors="replace").split()) or "of unknown name"


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def writes_alone_into(
    argument: str, wait_s: float = 0.0
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Let a function run only while no other program writes into the folder that one of its arguments names.

    Of the processes of a training the first one alone writes; the others are not held up. Calls whose argument `shard`
    names a share of the job let those with other shares in.

    Args:
        argument: name of the argument, a folder or None.
        wait_s: as in `sole_writer`.
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        signature = inspect.signature(function)

        @wraps(function)
        def alone(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            given = signature.bind(*args, **kwargs).arguments
            folder, shared = given.get(argument), not read_shard(given.get("shard")).is_whole
            if folder is None or not (is_first_process() or shared):
                return function(*args, **kwargs)
            with sole_writer(folder, wait_s, shared):
                return function(*args, **kwargs)

        return alone

    return decorate
