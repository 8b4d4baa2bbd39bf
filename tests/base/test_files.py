import errno
import os
import resource
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file

from avseld.base.errors import BadInput, CannotWrite
from avseld.base.files import (
    check_folder,
    fingerprint,
    make_folder,
    remove_partial,
    replacing,
    require_file,
    require_folder,
    visible_files,
)


def test_a_failure_while_writing_keeps_the_old_file_only(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_a_file_may_be_read_by_whom_others_of_its_folder_may_be_read(tmp_path):
    (tmp_path / "usual").touch()
    with replacing(tmp_path / "new") as temporary:
        temporary.touch(mode=0o600)
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode
    (tmp_path / "new").chmod(0o640)
    with replacing(tmp_path / "new") as temporary:
        temporary.touch(mode=0o600)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_a_complete_file_replaces_the_old_one(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with replacing(path) as temporary:
        assert temporary.suffix == ".txt" and not path.exists()
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


@pytest.mark.parametrize("place", [0, 1 << 20, (3 << 20) - 1])
def test_fingerprints_depend_on_content_and_length(tmp_path, place):
    path = tmp_path / "file"
    content = bytearray(3 << 20)
    path.write_bytes(content)
    before = fingerprint(path)
    assert fingerprint(path) == before
    path.write_bytes(content + b"\0")
    assert fingerprint(path) != before
    content[place] = 1
    path.write_bytes(content)
    # The middle of a long file is not read, which keeps fingerprints fast.
    assert (fingerprint(path) == before) == (place == 1 << 20)


def test_hidden_files_and_folders_are_left_out(tmp_path):
    for name in ("b.csv", "sub/a.CSV", ".x.partial.csv", "._b.csv", ".ipynb_checkpoints/c.csv", "a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert visible_files(tmp_path, (".csv",)) == [tmp_path / "b.csv", tmp_path / "sub" / "a.CSV"]


def test_what_is_no_file_or_folder_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    require_file(tmp_path / "file")
    require_folder(tmp_path)
    for require, name, says in (
        (require_file, "", "is a folder; give a file"),
        (require_file, "pipe", "pipe: is a pipe or a device; give a file"),
        (require_file, "none", "none: not found; make it"),
        (require_file, "file/below", "below: not found; make it"),
        (require_file, "n" * 300, "cannot be read (File name too long); check the path"),
        (require_file, "a\0b", "cannot be read (embedded null byte); check the path"),
        (require_folder, "file", "file: is a file; give a folder"),
        (require_folder, "pipe", "pipe: is a pipe or a device; give a folder"),
        (require_folder, "none", "none: not found; make it"),
    ):
        with pytest.raises(BadInput) as error:
            require(tmp_path / name, "make it")
        assert str(error.value).endswith(says)


def test_pipes_hidden_files_and_folders_of_systems_are_not_listed(tmp_path):
    for name in ("a.csv", "B.CSV", "._a.csv", "__MACOSX/a.csv", ".x/c.csv", "d/e.csv", "d/@eaDir/e.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    os.mkfifo(tmp_path / "pipe.csv")
    found = [path.relative_to(tmp_path).as_posix() for path in visible_files(tmp_path, (".csv",))]
    assert found == ["B.CSV", "a.csv", "d/e.csv"]


@contextmanager
def no_more_than(size):
    """Let no file grow beyond a size, as on a disk that is full; Python ignores the signal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS = {
    "csv": lambda path: path.write_bytes(bytes(1 << 20)),
    "npz": lambda path: np.savez(path, a=np.zeros(1 << 18)),
    "wav": lambda path: soundfile.write(path, np.zeros(1 << 20), 24000),
    "ckpt": lambda path: torch.save({"a": torch.zeros(1 << 18)}, path),
    "safetensors": lambda path: save_file({"a": torch.zeros(1 << 18)}, path),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_full_disk_is_named_with_the_file_and_an_earlier_one_is_whole(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    for kept in ("", "; the file that was there is whole"):
        with no_more_than(100_000), pytest.raises(CannotWrite) as error, replacing(path) as temporary:
            WRITERS[suffix](temporary)
        assert (
            str(error.value)
            == f"{path}: cannot be written (file too large){kept}; make room, or name another place"
        )
        assert list(tmp_path.iterdir()) == ([path] if kept else [])
        path.write_text("whole")


def test_an_error_of_something_else_while_writing_is_that_error(tmp_path):
    for error in (
        ValueError("a value"),
        BadInput("a.wav: bad"),
        FileNotFoundError(errno.ENOENT, "none", "b.wav"),
    ):
        with pytest.raises(type(error)) as raised, replacing(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise error
        assert raised.value is error and not list(tmp_path.iterdir())


def test_a_file_where_a_folder_is_to_be_and_a_folder_where_a_file_is_to_be_are_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"^--out .*/file: is a file; name a folder$"):
        check_folder(tmp_path / "file", "--out")
    with (
        pytest.raises(BadInput, match=r"in .*/file, which is a file"),
        replacing(tmp_path / "file" / "a" / "b"),
    ):
        pass
    with pytest.raises(BadInput, match="is a folder; name a file"), replacing(tmp_path):
        pass
    check_folder(None)
    made = make_folder(tmp_path / "a" / "b")
    assert made == [tmp_path / "a", tmp_path / "a" / "b"] and made[1].is_dir() and make_folder(made[1]) == []


def test_half_written_files_of_some_names_are_removed(tmp_path):
    for name in (".a.0123abcd.partial.csv", ".b.0123abcd.partial.csv", ".a.csv", "a.csv"):
        (tmp_path / name).touch()
    remove_partial(tmp_path, ["a", "missing"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.csv", ".b.0123abcd.partial.csv", "a.csv"]
    remove_partial(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.csv", "a.csv"]
