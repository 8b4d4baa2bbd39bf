"""Make many files, one from another: in parallel, with a progress bar, resumable; failures are listed at the end."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from avseld.base.engines import THREADS, Engine
from avseld.base.errors import BadInput
from avseld.base.files import remove_partial, replacing, visible_files
from avseld.io.suffixes import none_below

log = logging.getLogger(__name__)

Work = Callable[..., str]
"""reads the first path, writes the second (a temporary name) and returns a remark, empty if there is none; further
arguments are those of the job"""


@dataclass(frozen=True)
class FileJob:
    """One file to make from another."""

    source: Path
    target: Path
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """Result of a job: a remark if it succeeded, a reason if it failed."""

    remark: str = ""
    failure: str = ""


def pair(source: Path, target: Path, suffixes: tuple[str, ...]) -> list[FileJob]:
    """List the files to make: one below `target` for every source below `source`, at the same relative path.

    Args:
        source: a folder, or one file of any suffix.
        target: a folder; for one source file also a file with the first of the suffixes.
        suffixes: suffixes of sources, in lower case; targets get the first.

    Raises:
        BadInput: no source, the target lies inside the source or the other way round, or two sources share a
            target.
    """
    if not source.exists():
        raise BadInput(f"{source}: not found; check the path")
    whole, goal = source.resolve(), target.resolve()
    if source.is_file():
        if goal.suffix.lower() != suffixes[0]:
            goal, target = goal / f"{source.stem}{suffixes[0]}", target / f"{source.stem}{suffixes[0]}"
        if goal == whole:
            raise BadInput(f"{target}: is the source itself; give another target")
        return [FileJob(source, target)]
    if target.is_file():
        raise BadInput(f"{target}: is a file while {source} is a folder; give a folder")
    if goal == whole or goal in whole.parents or whole in goal.parents:
        raise BadInput(
            f"{target}: source and target lie inside each other ({source}); give a folder beside it"
        )
    jobs: dict[Path, FileJob] = {}
    for path in visible_files(source, suffixes):
        made = (target / path.relative_to(source)).with_suffix(suffixes[0])
        if made in jobs:
            raise BadInput(f"{path}: would become {made} like {jobs[made].source}; rename one of the two")
        jobs[made] = FileJob(path, made)
    if not jobs:
        raise BadInput(f"{source}: {none_below(source, suffixes)}; check the path")
    return list(jobs.values())


def work_through(
    jobs: list[FileJob],
    work: Work,
    up_to_date: Callable[[FileJob], bool],
    title: str,
    engine: Engine = THREADS,
    alone: bool = False,
) -> int:
    """Run the jobs that are not done yet; log the failures at the end.

    A target is written under a temporary name and renamed, so that an existing one is complete; it is kept if it is no
    older than its source and `up_to_date` agrees. Source files are only read.

    Args:
        jobs: files to make.
        work: makes one file; a function of a module, or a `partial` of one.
        up_to_date: whether an existing target is what would be made now.
        title: shown beside the progress bar and in the log.
        engine: does the work. Threads suffice: ffmpeg is a process of its own, and soxr releases Python's lock.
        alone: whether no other program makes these files now, so that what killed ones have left may be removed.

    Returns:
        The number of failures.
    """
    if alone:
        _remove_partial(jobs)
    due = [job for job in jobs if not (_newer(job) and up_to_date(job))]
    if len(due) < len(jobs):
        log.info("%s: %d of %d files are there already", title, len(jobs) - len(due), len(jobs))
    if not due:
        return 0
    failures = []
    with logging_redirect_tqdm([logging.getLogger("data_prep")]):
        for outcome in tqdm(_outcomes(due, work, engine), title, len(due), unit="file"):
            if outcome.remark:
                log.warning("%s", outcome.remark)
            if outcome.failure:
                failures.append(outcome.failure)
    log.info("%s: made %d files", title, len(due) - len(failures))
    if failures:
        log.error("%s: %d of %d files failed:", title, len(failures), len(due))
        for failure in sorted(failures):
            log.error("%s", failure)
    return len(failures)


def _outcomes(jobs: list[FileJob], work: Work, engine: Engine) -> Iterator[Outcome]:
    yield from engine.run(_attempt, [(job, work) for job in jobs])
    if engine.is_remote:  # a worker that was lost has left what it was writing; another has written the file
        _remove_partial(jobs)


def _remove_partial(jobs: list[FileJob]) -> None:
    """Remove what killed programs left half-written of the targets."""
    stems: dict[Path, set[str]] = {}
    for job in jobs:
        stems.setdefault(job.target.parent, set()).add(job.target.stem)
    for folder, own in stems.items():
        remove_partial(folder, own)


def _attempt(job: FileJob, work: Work) -> Outcome:
    try:
        with replacing(job.target) as temporary:
            remark = work(job.source, temporary, *job.arguments)
    except Exception as error:
        text = " ".join(str(error).split())
        return Outcome(failure=text if isinstance(error, BadInput) else f"{job.source}: {text}")
    return Outcome(remark=remark)


def _newer(job: FileJob) -> bool:
    return job.target.is_file() and job.target.stat().st_mtime >= job.source.stat().st_mtime
