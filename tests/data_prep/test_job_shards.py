"""Shards of preparations: together they write the bytes of one run, in any order; a rerun writes nothing."""

from pathlib import Path

import pytest

from data_prep.corpora.dcase import dcase
from data_prep.corpora.own import own
from data_prep.corpora.task4 import task4
from data_prep.corpora.tut import tut
from data_prep.media.binaural import binaural
from data_prep.media.cut import cut
from data_prep.media.resample import resample
from data_prep.parts import FOLDER
from data_prep.synth.corpus import synth
from data_prep.synth.video.pictures import pictures

SCENES = dict(seconds=4.0, train_rooms=2, test_rooms=1, preset="simple", jobs=1, engine="threads")
CORPORA = {
    "starss": dict(recordings=4, video="none"),
    "tut": dict(recordings=3, layout="dcase2019"),
    "task4": dict(recordings=5, layout="task4", test_share=0.5),
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    for name, options in CORPORA.items():
        synth(folder / name, **SCENES, **options)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Files below a folder but for the parts that shards leave each other."""
    files = (path for path in folder.rglob("*") if path.is_file() and FOLDER not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(files)}


def stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*") if path.is_file()
    }


COMMANDS = {
    "dcase": lambda raw, out, **words: dcase(raw / "starss", out, **words),
    "own": lambda raw, out, **words: own(raw / "starss" / "foa_dev", out, labels=raw / "starss" / "metadata_dev",
                                         sample_rate=16000, **words),
    "tut": lambda raw, out, **words: tut(raw / "tut", out, sample_rate=16000, **words),
    "task4": lambda raw, out, **words: task4(raw / "task4", out, sample_rate=16000, seconds=4.0, **words),
    "resample": lambda raw, out, **words: resample(raw / "starss" / "foa_dev", out, 16000, **words),
    "binaural": lambda raw, out, **words: binaural(raw / "starss" / "foa_dev", out, **words),
    "cut": lambda raw, out, **words: cut(raw / "starss", out, 2.0, **words),
    "starss": lambda raw, out, **words: synth(out, **SCENES, **CORPORA["starss"], **words),
    "finished": lambda raw, out, **words: synth(out, **SCENES, **CORPORA["task4"], **words),
    "pictures": lambda raw, out, **words: pictures(out, 4, 1, "simple", "180", 180, 0, **words, engine="threads"),
}  # fmt: skip


@pytest.fixture(scope="module")
def alone(raw, tmp_path_factory):
    """What one program writes, by command."""
    made = {"starss": raw / "starss", "finished": raw / "task4"}

    def write(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp("alone") / "out"
            assert not COMMANDS[name](raw, made[name])
        return content(made[name])

    return write


@pytest.mark.parametrize("name", COMMANDS)
def test_three_shards_write_the_bytes_of_one_run_and_a_rerun_writes_nothing(
    name, raw, alone, tmp_path, caplog
):
    out = tmp_path / "out"
    for number in (3, 1, 2):
        assert content(out) != alone(name)
        assert not COMMANDS[name](raw, out, shard=f"{number}/3")
    assert content(out).keys() == alone(name).keys()
    assert [path for path, data in content(out).items() if data != alone(name)[path]] == []
    before = stamps(out)
    for number in (1, 2, 3):
        assert not COMMANDS[name](raw, out, shard=f"{number}/3")
    assert stamps(out) == before
