"""Prepared folders: one program at a time writes into one, and nothing that another has entered is lost."""

import itertools
import logging
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from raw_tree import write_sound

from avseld.base.errors import BadInput
from avseld.base.locks import sole_writer
from avseld.io.manifest import Recording, read_classes, read_manifest, write_manifest
from data_prep.corpora.dcase import dcase
from data_prep.corpora.own import own
from data_prep.corpora.prepared_folder import write_prepared
from data_prep.corpora.task4 import task4
from data_prep.corpora.tut import tut
from data_prep.media.cut import cut
from data_prep.split import split
from data_prep.synth.corpus import synth
from data_prep.synth.video.pictures import pictures
from detection.prepared_boxes import DetectionJob, _update_manifest


@pytest.fixture
def prepared(tmp_path):
    names = ("a", "b", "c", "d")
    recordings = [Recording(name, tmp_path / f"{name}.wav", "foa", duration=4.0) for name in names]
    write_manifest(tmp_path / "prepared", recordings, ["knock"])
    return tmp_path / "prepared"


def enter_boxes(prepared):
    before = {one.name: one for one in read_manifest(prepared)}
    target = prepared / "boxes" / "a.npz"
    target.parent.mkdir()
    target.touch()
    _update_manifest(prepared, [DetectionJob(before["a"], prepared / "a.mp4", target, "", None, {})])


@pytest.mark.parametrize("change", [lambda prepared: split(prepared, "x=0.5,y=0.5"), enter_boxes])
def test_a_command_that_changes_the_manifest_keeps_what_another_writes_meanwhile(prepared, change, caplog):
    worker = threading.Thread(target=change, args=[prepared])
    with caplog.at_level(logging.INFO), sole_writer(prepared):
        worker.start()
        while "waiting for another program" not in caplog.text:
            worker.join(0.01)
            assert worker.is_alive(), "did not wait"
        entered = [replace(one, room="hall") for one in read_manifest(prepared)]
        write_manifest(prepared, entered, read_classes(prepared))
    worker.join()
    after = read_manifest(prepared)
    assert {one.room for one in after} == {"hall"}
    assert {one.fold for one in after} == {"x", "y"} or after[0].boxes == prepared / "boxes" / "a.npz"


def test_half_written_files_of_a_killed_preparation_are_removed_by_the_next(prepared):
    left = [prepared / ".manifest.0123abcd.partial.csv", prepared / "labels" / ".a.0123abcd.partial.csv"]
    of_detection = prepared / "boxes" / ".a.0123abcd.partial.npz"  # which may be at work
    for path in (*left, of_detection):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    recordings = read_manifest(prepared)
    write_sound(recordings[0].audio)
    write_prepared(prepared, recordings, {}, ["knock"])
    assert not any(path.exists() for path in left) and of_detection.exists()


def test_boxes_that_are_entered_already_need_no_folder_that_can_be_written(prepared):
    enter_boxes(prepared)
    before = read_manifest(prepared)
    with sole_writer(prepared):
        _update_manifest(
            prepared, [DetectionJob(before[0], prepared / "a.mp4", before[0].boxes, "", None, {})]
        )


@pytest.mark.parametrize(
    "command",
    [
        lambda source, out: own(source, out),
        lambda source, out: dcase(source, out),
        lambda source, out: tut(source, out),
        lambda source, out: task4(source, out),
        lambda source, out: cut(source, out),
        lambda source, out: split(source, by="time", out=out),
        lambda source, out: synth(out),
        lambda source, out: pictures(out),
    ],
    ids=["own", "dcase", "tut", "task4", "cut", "split", "synth", "pictures"],
)
def test_two_commands_do_not_write_into_one_folder(tmp_path, monkeypatch, command):
    write_sound(tmp_path / "sounds" / "a.wav", 1.0)
    clock = SimpleNamespace(monotonic=itertools.count(0, 10).__next__, sleep=lambda seconds: None)
    with sole_writer(tmp_path / "out"):
        monkeypatch.setattr("avseld.base.locks.time", clock)
        with pytest.raises(BadInput, match="out: another program is writing into it"):
            command(tmp_path / "sounds", tmp_path / "out")
    assert not (tmp_path / "out").exists()
