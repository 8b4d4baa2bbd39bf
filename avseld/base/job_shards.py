"""Shards: the share of a job that one of several programs does, such as a task of a SLURM job array."""

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from avseld.base.errors import BadInput

log = logging.getLogger(__name__)

AUTO = "auto"
"""value of --shard that takes number and count from the job array of SLURM"""
MOST_SHARDS = 100_000
"""more than any cluster takes in an array (MaxArraySize of SLURM is 1001 unless it is raised)"""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """One of several shares of a list of files, which together are the whole list.

    Args:
        number: of the share, counted from 1.
        count: of shares.
    """

    number: int = 1
    count: int = 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def is_whole(self) -> bool:
        """Whether there is no other share."""
        return self.count == 1

    def of(self, items: Sequence[Item], kind: str = "files") -> list[Item]:
        """Take the items of this share: in turn, so that neighbours, which are often alike, go to different shares.

        Args:
            items: the whole list, in an order that is the same for all shares.
            kind: what they are, for the log.
        """
        own = list(items[self.number - 1 :: self.count])
        if not self.is_whole:
            log.info("shard %s: %d of %d %s", self, len(own), len(items), kind)
        return own


def read_shard(text: str | None) -> Shard:
    """Parse the value of --shard.

    Args:
        text: I/N, I from 1 to N; `auto`, which takes I and N from the environment of a task of a SLURM job array,
            whatever number the array begins with; None for the whole.

    Raises:
        BadInput: something else; or `auto` outside an array, or in one with gaps, where shares would be left out.
    """
    if text is None:
        return Shard()
    if str(text).strip() == AUTO:
        return _shard_of_array()
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", str(text).strip())
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= count <= MOST_SHARDS:
        raise BadInput(
            f"--shard {text}: give I/N with I from 1 to N, such as 1/8, or auto in a SLURM job array"
        )
    return Shard(number, count)


def _shard_of_array() -> Shard:
    names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT")
    words = [os.environ.get(name, "") for name in names]
    if absent := [
        name for name, word in zip(names, words, strict=True) if not re.fullmatch(r"[0-9]{1,9}", word)
    ]:
        raise BadInput(
            f"--shard auto: {absent[0]} is not set, so this is no task of a SLURM job array; give --shard I/N"
        )
    this, first, last, count = map(int, words)
    # sbatch --array=0-30:10 counts in tens. Of --array=2,5 nobody would do the shares of 3 and 4.
    step = (last - first) // (count - 1) if count > 1 else 1
    if count < 1 or step < 1 or first + step * (count - 1) != last or (this - first) % step:
        raise BadInput(
            f"--shard auto: the {count} tasks of this array from {first} to {last} have gaps; give --shard I/N with "
            "the N of the whole array, or submit the whole array again, which does only what is missing"
        )
    return Shard((this - first) // step + 1, count)
