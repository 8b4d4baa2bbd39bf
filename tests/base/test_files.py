import os

import pytest

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint, replacing, require_file, require_folder, visible_files


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
