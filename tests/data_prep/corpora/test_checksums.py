"""Published checksums: three forms of file, and one line for a file that differs."""

import hashlib
import json

import pytest

from avseld.base.errors import BadInput
from data_prep.corpora.checksums import read_checksums, verify

SOUND, LABELS = b"sound", b"labels"
PATHS = {"foa_dev/a.wav": SOUND, "metadata_dev/a.csv": LABELS}


def md5(content):
    return hashlib.md5(content).hexdigest()


def soundata():
    a, b = ([path, md5(content)] for path, content in PATHS.items())
    clips = {"foa_dev/a": {"audio": a, "events": b}, "foa_dev/b": {"audio": [None, None], "events": b}}
    return json.dumps({"version": "1.0", "clips": clips, "metadata": {}})


def zenodo():
    files = [{"key": path, "checksum": f"md5:{md5(content)}"} for path, content in PATHS.items()]
    return json.dumps({"id": 1, "metadata": {"title": "x"}, "files": files})


def lines():
    return "".join(f"{md5(content).upper()}  {path}\n" for path, content in PATHS.items())


@pytest.fixture
def raw(tmp_path):
    for path, content in PATHS.items():
        (tmp_path / "raw" / path).parent.mkdir(parents=True)
        (tmp_path / "raw" / path).write_bytes(content)
    return tmp_path / "raw"


@pytest.mark.parametrize("form", [soundata, zenodo, lines])
def test_each_form_names_the_same_files_and_all_agree(raw, tmp_path, form):
    (tmp_path / "sums").write_text(form())
    assert read_checksums(tmp_path / "sums") == {path: md5(content) for path, content in PATHS.items()}
    verify(raw, tmp_path / "sums")


@pytest.mark.parametrize("form", [soundata, zenodo, lines])
def test_a_file_that_differs_is_named_with_both_sums(raw, tmp_path, form):
    (tmp_path / "sums").write_text(form())
    (raw / "metadata_dev/a.csv").write_bytes(b"altered")
    with pytest.raises(
        BadInput, match=rf"a\.csv: its MD5 is {md5(b'altered')}, sums says {md5(LABELS)}; "
    ) as told:
        verify(raw, tmp_path / "sums")
    assert "\n" not in str(told.value)


def test_files_that_are_not_there_are_left_out_but_not_all_of_them(raw, tmp_path):
    (tmp_path / "sums").write_text(lines())
    (raw / "foa_dev/a.wav").unlink()
    verify(raw, tmp_path / "sums")
    (raw / "metadata_dev/a.csv").unlink()
    with pytest.raises(BadInput, match="none of its 2 files"):
        verify(raw, tmp_path / "sums")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no checksums"),
        ('{"clips": ', "no checksums"),
        (f"{'0' * 32}  ../secret\n", "leads out of the corpus"),
        (f"{'0' * 32}  /etc/passwd\n", "leads out of the corpus"),
        ('{"files": [{"key": "a.zip", "checksum": "sha256:12"}]}', "is no MD5"),
    ],
)
def test_unusable_checksums_are_refused(tmp_path, text, message):
    (tmp_path / "sums").write_text(text)
    with pytest.raises(BadInput, match=message):
        read_checksums(tmp_path / "sums")
