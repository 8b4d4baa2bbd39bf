"""Texts as spreadsheets save them are read, and what is no text is named."""

import pytest

from avseld.base.errors import BadInput
from avseld.io.manifest import Recording, read_class_list, read_manifest, write_manifest
from avseld.io.text import read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_manifest_and_a_list_of_classes_are_read_in_the_encodings_of_spreadsheets(tmp_path, encoding):
    write_manifest(tmp_path, [Recording("Küche", tmp_path / "a.wav", "foa")], ["Türe", "bell"])
    for name in ("manifest.csv", "classes.txt"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text, encoding=encoding)
    assert [recording.name for recording in read_manifest(tmp_path)] == ["Küche"]
    assert read_class_list(tmp_path / "classes.txt") == ["Türe", "bell"]


def test_what_is_no_text_is_named(tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("Tür".encode("latin-1"))
    with pytest.raises(BadInput, match=r"latin\.csv: cannot be read as text .*; save it as csv in UTF-8"):
        read_text(path)
    with pytest.raises(BadInput, match="not found"):
        read_text(tmp_path / "none.csv")
