"""Shards of preparations: together they write the bytes of one run, in any order; a rerun writes nothing."""

import errno
import json
import logging
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from raw_tree import write_sound

from avseld.base.errors import BadInput
from avseld.base.files import PARTIAL
from avseld.base.locks import LOCK, sole_writer
from avseld.io.energy_maps import EnergyMap, write_energy_maps
from avseld.io.manifest import read_classes, read_manifest, write_manifest
from data_prep.corpora.dcase import dcase
from data_prep.corpora.own import own
from data_prep.corpora.realseld import realseld
from data_prep.corpora.soundata import soundata
from data_prep.corpora.stairs26 import stairs26
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
    "starss": dict(recordings=4, width=64, fps=5.0),
    "tut": dict(recordings=3, layout="dcase2019"),
    "task4": dict(recordings=5, layout="task4", test_share=0.5),
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    for name, options in CORPORA.items():
        synth(folder / name, **SCENES, **options)
    videos = sorted((folder / "starss" / "video_dev").rglob("*.mp4"))
    rows = [f"{path.name},{0.5 if path == videos[-1] else 0}" for path in videos]
    (folder / "offsets.csv").write_text("\n".join(["file,video_offset", *rows]) + "\n")
    write_stairs26(folder / "stairs26")
    write_realseld(folder / "realseld")
    return folder


def write_stairs26(folder):
    """Write three recordings of 32 channels with a map each, which the second one has twice."""
    square = np.array([(x, y, 0.5) for x in range(100, 103) for y in range(60, 63)])
    for number in (1, 2, 3):
        name = f"fold4_room8_mix00{number}"
        write_sound(folder / "eigen_dev" / "dev-test-tau" / f"{name}.wav", 0.5, channels=32)
        maps = [EnergyMap(number, 3, 0, (square,), 150.0)] * (2 if number == 2 else 1)
        write_energy_maps(folder / "labels_dev" / "dev-test-tau" / f"{name}_std.json", maps)


def write_realseld(folder):
    """Write a task of three recordings in two splits."""
    event = {"label": "knock", "start": 0, "end": 200, "direction": [30, 10]}
    splits = {"train": {"a.wav": [event], "b.wav": [event, event]}, "test": {"c.wav": []}}
    for split, files in splits.items():
        for file in files:
            write_sound(folder / "24000" / split / file, 0.5)
        (folder / f"{split}.json").write_text(json.dumps(files))
    (folder / "task_metadata.json").write_text(json.dumps({"splits": list(splits)}))
    (folder / "labelvocabulary.csv").write_text("idx,label\n0,knock\n")


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
    "own": lambda raw, out, **words: own(
        raw / "starss" / "foa_dev", out, "foa", raw / "starss" / "video_dev", raw / "starss" / "metadata_dev",
        sample_rate=16000, video_offset=str(raw / "offsets.csv"), **words),
    "tut": lambda raw, out, **words: tut(raw / "tut", out, sample_rate=16000, **words),
    "task4": lambda raw, out, **words: task4(raw / "task4", out, sample_rate=16000, seconds=4.0, **words),
    "stairs26": lambda raw, out, **words: stairs26(raw / "stairs26", out, **words),
    "soundata": lambda raw, out, **words: soundata(raw / "starss", out, name="starss2022", **words),
    "realseld": lambda raw, out, **words: realseld(raw / "realseld", out, **words),
    "resample": lambda raw, out, **words: resample(raw / "starss" / "foa_dev", out, 16000, **words),
    "binaural": lambda raw, out, **words: binaural(raw / "starss" / "foa_dev", out, **words),
    "cut": lambda raw, out, **words: cut(
        raw / "starss", out, 2.0, video_offset=str(raw / "offsets.csv"), **words),
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


@pytest.mark.parametrize("locks", [True, False], ids=["locks", "no locks"])
def test_shards_at_once_lose_no_row(raw, alone, tmp_path, monkeypatch, locks):
    def unable(*words):
        raise OSError(errno.ENOSYS, "Function not implemented")

    if not locks:  # as on some network file systems
        monkeypatch.setattr("fcntl.flock", unable)
    out, together, failed = tmp_path / "out", threading.Barrier(4), []

    def share(number):
        together.wait()
        try:
            assert COMMANDS["dcase"](raw, out, shard=f"{number}/4") == 0
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=share, args=[number]) for number in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and content(out) == alone("dcase")


def test_the_manifest_appears_when_all_shares_are_there_and_keeps_what_was_entered(raw, tmp_path, caplog):
    out = tmp_path / "out"
    with caplog.at_level(logging.INFO):
        assert COMMANDS["dcase"](raw, out, shard="2/3") == 0
    assert not (out / "manifest.csv").exists() and "next: " not in caplog.text
    assert "manifest.csv is written when all 3 parts are there; missing: 1-of-3, 3-of-3" in caplog.text
    with caplog.at_level(logging.INFO):
        for number in (1, 3):
            assert COMMANDS["dcase"](raw, out, shard=f"{number}/3") == 0
    assert caplog.text.count("next: ") == 1
    entered = [replace(one, fold="mine") for one in read_manifest(out)]
    write_manifest(out, entered, read_classes(out))
    assert COMMANDS["dcase"](raw, out, shard="2/3") == 0
    assert {one.fold for one in read_manifest(out)} == {"mine"}


def test_what_a_killed_shard_has_left_half_written_goes_with_the_next_run(raw, alone, tmp_path):
    out = tmp_path / "out"
    names = sorted(Path(name).stem for name in alone("tut") if name.endswith(".wav"))
    left = [out / "audio" / f".{name}.0123abcd{PARTIAL}.wav" for name in names[:2]]
    left[0].parent.mkdir(parents=True)
    for path in left:
        path.touch()
    assert COMMANDS["tut"](raw, out, shard="1/2") == 0
    assert [path.exists() for path in left] == [False, True]  # another shard may be writing the second
    assert COMMANDS["tut"](raw, out, shard="2/2") == 0
    assert content(out) == alone("tut")


def test_shares_of_other_options_are_not_joined(raw, tmp_path):
    out = tmp_path / "out"
    COMMANDS["dcase"](raw, out, shard="1/2")
    COMMANDS["dcase"](raw, out, shard="2/2", one_class="sound")
    assert not (out / "manifest.csv").exists()
    COMMANDS["dcase"](raw, out, shard="1/2", one_class="sound")
    assert read_classes(out) == ["sound"] and len(list((out / FOLDER).iterdir())) == 1
    COMMANDS["dcase"](raw, out)  # one program writes all, and forgets the parts
    assert len(read_classes(out)) == 13 and not (out / FOLDER).exists()


def test_a_share_without_recordings_counts(raw, tmp_path):
    for number in range(1, 7):
        assert COMMANDS["dcase"](raw, tmp_path / "out", shard=f"{number}/6") == 0
    assert len(read_manifest(tmp_path / "out")) == CORPORA["starss"]["recordings"]


def test_a_preparation_waits_for_no_shares_and_is_refused_beside_them(raw, tmp_path, monkeypatch):
    monkeypatch.setattr("avseld.base.locks.PAUSE_S", 0.0)
    with sole_writer(tmp_path / "out", shared=True):
        with pytest.raises(BadInput, match="another program is writing into it"):
            synth(tmp_path / "out", **SCENES, **CORPORA["starss"])
        synth(tmp_path / "out", **SCENES, **CORPORA["starss"], shard="4/4")
    assert not (tmp_path / "out" / LOCK).exists()
