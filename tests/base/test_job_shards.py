"""Shares of a job: which files each takes, and what the environment of a job array says."""

import pytest

from avseld.base.errors import BadInput
from avseld.base.job_shards import Shard, read_shard


@pytest.mark.parametrize("count", [1, 2, 3, 7, 9])
def test_shards_together_take_every_file_once(count):
    items = list("abcdefg")
    taken = [item for number in range(1, count + 1) for item in Shard(number, count).of(items)]
    assert sorted(taken) == items
    sizes = [len(Shard(number, count).of(items)) for number in range(1, count + 1)]
    assert max(sizes) - min(sizes) <= 1


def test_a_shard_is_number_and_count_from_1():
    assert (
        read_shard(None) == Shard(1, 1)
        and read_shard("2/3") == Shard(2, 3)
        and read_shard(" 3/3 ") == Shard(3, 3)
    )
    for text in ("0/3", "4/3", "3", "1/0", "a/b", "-1/3", "1/3/3", "", "1/1000000", "1.0/3"):
        with pytest.raises(BadInput, match=r"--shard .*give I/N with I from 1 to N"):
            read_shard(text)


def array(monkeypatch, this, first, last, count):
    for name, value in zip(("ID", "MIN", "MAX", "COUNT"), (this, first, last, count), strict=True):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    return read_shard("auto")


def test_auto_counts_the_tasks_of_a_slurm_array_whatever_number_it_begins_with(monkeypatch):
    assert [array(monkeypatch, task, 0, 2, 3) for task in (0, 1, 2)] == [
        Shard(1, 3),
        Shard(2, 3),
        Shard(3, 3),
    ]
    assert [array(monkeypatch, task, 1, 3, 3) for task in (1, 2, 3)] == [
        Shard(1, 3),
        Shard(2, 3),
        Shard(3, 3),
    ]
    assert [array(monkeypatch, task, 10, 30, 3) for task in (10, 20, 30)] == [
        Shard(1, 3),
        Shard(2, 3),
        Shard(3, 3),
    ]
    assert array(monkeypatch, 5, 5, 5, 1) == Shard(1, 1)


def test_auto_is_refused_outside_an_array_and_where_shares_would_be_left_out(monkeypatch):
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID", raising=False)
    with pytest.raises(BadInput, match="SLURM_ARRAY_TASK_ID is not set"):
        read_shard("auto")
    for task in (1, 2, 5):
        with pytest.raises(BadInput, match="4 tasks of this array from 1 to 5 have gaps"):
            array(monkeypatch, task, 1, 5, 4)
    with pytest.raises(BadInput, match="gaps"):
        array(monkeypatch, 2, 2, 6, 3) and array(monkeypatch, 3, 2, 6, 3)
