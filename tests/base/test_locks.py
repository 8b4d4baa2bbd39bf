"""Folders that one program at a time writes into."""

import errno
import logging
import os
import subprocess
import sys
import threading

import pytest

from avseld.base.errors import BadInput
from avseld.base.locks import LOCK, sole_writer, writes_alone_into


def test_a_folder_has_one_writer_at_a_time_and_no_lock_afterwards(tmp_path):
    with sole_writer(tmp_path):
        holder = f"another program is writing into it .process {os.getpid()} on "
        with pytest.raises(BadInput, match=holder), sole_writer(tmp_path):
            pass
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    with sole_writer(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_another_writer_is_waited_for_and_named(tmp_path, caplog):
    entered = threading.Event()

    def hold():
        with sole_writer(tmp_path):
            entered.set()
            while not [line for line in caplog.messages if "waiting" in line]:
                entered.wait(0.01)

    with caplog.at_level(logging.INFO, logger="avseld"):
        holder = threading.Thread(target=hold)
        holder.start()
        entered.wait()
        with sole_writer(tmp_path, 30):
            holder.join()
    (said,) = caplog.messages
    assert said.startswith(
        f"{tmp_path}: waiting for another program that is writing into it (process {os.getpid()} "
    )


def test_the_lock_of_a_killed_program_holds_nobody_up(tmp_path):
    script = (
        "import os, signal\nfrom avseld.base.locks import sole_writer\n"
        f"with sole_writer({str(tmp_path)!r}):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode < 0
    assert (tmp_path / LOCK).exists()
    with sole_writer(tmp_path):
        pass


def test_a_folder_that_was_made_for_nothing_is_removed_and_a_used_one_stays(tmp_path):
    with pytest.raises(ValueError, match="bad"), sole_writer(tmp_path / "a" / "b"):
        raise ValueError("bad")
    assert not (tmp_path / "a").exists()
    with sole_writer(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "file").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["file"]


def test_a_file_in_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "deep" / "er"):
        with pytest.raises(BadInput, match=r"file.*is a file; name a folder"), sole_writer(folder):
            pass


def test_a_file_system_without_locks_is_written_into_with_a_warning(tmp_path, monkeypatch, caplog):
    def unable(*words):
        raise OSError(errno.ENOSYS, "Function not implemented")

    with monkeypatch.context() as patched:
        patched.setattr("fcntl.flock", unable)
        with sole_writer(tmp_path):
            pass
    assert "cannot be locked (Function not implemented)" in caplog.text and not list(tmp_path.iterdir())


def test_of_the_processes_of_a_training_only_the_first_locks(tmp_path, monkeypatch):
    @writes_alone_into("out")
    def write(number, out=None):
        return number, (out / LOCK).exists() if out else None

    assert write(1, out=tmp_path) == (1, True) and write(2) == (2, None)
    monkeypatch.setenv("SLURM_PROCID", "1")
    with sole_writer(tmp_path):
        assert write(3, tmp_path) == (3, True)


def test_programs_that_share_a_folder_let_each_other_in_and_the_last_one_removes_the_lock(tmp_path):
    with sole_writer(tmp_path, shared=True):
        with (
            sole_writer(tmp_path, shared=True),
            pytest.raises(BadInput, match="another"),
            sole_writer(tmp_path),
        ):
            pass
        assert (tmp_path / LOCK).exists()
        with pytest.raises(BadInput, match="another"), sole_writer(tmp_path):
            pass
    assert not list(tmp_path.iterdir())
    with sole_writer(tmp_path), pytest.raises(BadInput, match="another"), sole_writer(tmp_path, shared=True):
        pass


def test_a_function_with_a_shard_shares_its_folder(tmp_path, monkeypatch):
    @writes_alone_into("out")
    def write(out, shard=None):
        return (out / LOCK).exists()

    monkeypatch.setenv("SLURM_PROCID", "1")  # shares that srun starts lock, too
    with sole_writer(tmp_path, shared=True):
        assert write(tmp_path, "1/2")
    with sole_writer(tmp_path), pytest.raises(BadInput, match="another"):
        write(tmp_path, shard="1/2")
