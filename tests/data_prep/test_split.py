"""Parts of a corpus: what was asked for and given, and sections within recordings."""

import numpy as np
import pytest
import soundfile
from raw_tree import state, write_sound, write_video

from avseld.base.errors import BadInput
from avseld.io.alignment import boxes_of
from avseld.io.boxes import Boxes, read_boxes, write_boxes
from avseld.io.events import read_events
from avseld.io.manifest import read_manifest
from data_prep.check.check import check
from data_prep.corpora.own import own
from data_prep.split import split


@pytest.fixture
def two(tmp_path):
    """Two recordings of 12 s with labels, and late videos of which boxes are known."""
    rows = ["file,onset,offset,class,azimuth"]
    for seed, name in enumerate(("a", "b")):
        write_sound(tmp_path / "audio" / f"{name}.wav", 12.0, seed=seed)
        write_video(tmp_path / "video" / f"{name}.mp4", 12 * 30, grey=60 + 40 * seed)
        rows += [f"{name},{start},{start + 0.5},knock,{10 * start}" for start in range(12)]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    prepared = tmp_path / "prepared"
    options = {"video": tmp_path / "video", "labels": tmp_path / "labels.csv", "video_offset": "0.7"}
    own(tmp_path / "audio", prepared, **options)
    for one in read_manifest(prepared):
        time = np.arange(120) / 10
        box = np.tile([0.0, 0.4, 0.1, 0.6], (120, 1, 1)) + np.linspace(0, 0.8, 120)[:, None, None] * [
            1,
            0,
            1,
            0,
        ]
        write_boxes(one.boxes, Boxes(time, box, np.ones((120, 1)), np.zeros((120, 1)), {"duration": 12.0}))
    return prepared


def test_parts_that_whole_recordings_cannot_give_are_said_and_sections_offered(two, caplog):
    with caplog.at_level("INFO"):
        split(two, "train=0.8,test=0.2")
    assert "train: 1 recordings, 0.2 min, 50 % (asked for 80 %)" in caplog.text
    assert "test: 1 recordings, 0.2 min, 50 % (asked for 20 %)" in caplog.text
    assert "whole recordings cannot be shared out better; --by time --out FOLDER splits within" in caplog.text
    with pytest.raises(BadInput, match=r"2 recordings cannot be shared out .* --by time --out FOLDER"):
        split(two, "train=0.6,validate=0.2,test=0.2")


def test_sections_of_every_recording_have_the_shares_and_gaps_that_were_asked_for(two, caplog, tmp_path):
    before, out = state(two), tmp_path / "sections"
    with caplog.at_level("INFO"):
        split(two, "train=0.8,test=0.2", by="time", out=out, gap=2.0, seed=1)
    assert state(two) == before
    assert (
        "train: 2 recordings, 0.3 min, 80 % (asked for 80 %)" in caplog.text and "WARNING" not in caplog.text
    )
    whole = {one.name: one for one in read_manifest(two)}
    made = {one.name: one for one in read_manifest(out)}
    assert {one.name: one.fold for one in made.values()} == {
        f"{name}_{part}": part for name in "ab" for part in ("train", "test")
    }
    for name in "ab":
        train, test = made[f"{name}_train"], made[f"{name}_test"]
        assert (train.duration, test.duration) == (pytest.approx(8, abs=0.11), pytest.approx(2, abs=0.11))
        starts = {}
        for one in (train, test):
            start = starts[one] = round(0.7 - one.video_offset, 6)
            sound, _ = soundfile.read(whole[name].audio, dtype="int16")
            first = round(start * 24000)
            section, _ = soundfile.read(one.audio, dtype="int16")
            assert np.array_equal(section, sound[first : first + len(section)])
            events = read_events(one.labels)
            assert len(events) and events.offset.max() <= one.duration + 1e-6
            began = events.onset > 0  # not cut by the start of the section
            onsets = events.onset[began] + start
            assert onsets == pytest.approx(onsets.round()) and events.azimuth[began] == pytest.approx(
                10 * onsets
            )
        first, second = sorted((train, test), key=starts.get)
        assert starts[first] == 0 and starts[second] - first.duration == pytest.approx(2, abs=0.11)
        assert starts[second] + second.duration == pytest.approx(12)
    begins = {one.fold for one in made.values() if one.video_offset == 0.7}
    assert begins == {"train", "test"}  # neither is always the end


def test_boxes_of_sections_are_those_seen_at_their_time(two, tmp_path):
    split(two, "train=0.5,test=0.5", by="time", out=tmp_path / "sections", gap=1.0)
    whole = {one.name: boxes_of(one) for one in read_manifest(two)}
    for one in read_manifest(tmp_path / "sections"):
        boxes, start = boxes_of(one), 0.7 - one.video_offset
        time = np.arange(1.0, one.duration - 1, 0.1)
        expected = whole[one.name[0]].box[whole[one.name[0]].at(time + start)]
        assert np.array_equal(boxes.box[boxes.at(time)], expected)
    assert len(list((tmp_path / "sections" / "boxes").iterdir())) == 2
    assert read_boxes(tmp_path / "sections" / "boxes" / "a.npz").time[0] == 0


def test_check_takes_sections_of_one_video_for_no_leak_but_the_whole_twice(two, tmp_path, capsys):
    out = tmp_path / "sections"
    split(two, "train=0.8,test=0.2", by="time", out=out)
    assert check(out) == 0
    assert "the same video" not in capsys.readouterr().out
    manifest = out / "manifest.csv"
    lines = manifest.read_text().splitlines()
    columns = lines[0].split(",")
    place = columns.index("video_offset")
    manifest.write_text("\n".join([lines[0], *(_with(line, place, "0") for line in lines[1:])]))
    assert check(out) == 1
    assert "the same video in different folds" in capsys.readouterr().out


def _with(line, place, value):
    cells = line.split(",")
    return ",".join([*cells[:place], value, *cells[place + 1 :]])


def test_another_seed_or_share_cuts_anew_where_lengths_are_equal(two, tmp_path):
    out = tmp_path / "sections"
    for seed in range(3):
        split(two, "train=0.5,test=0.5", by="time", out=out, gap=0.0, seed=seed)
        for one in read_manifest(out):
            sound, _ = soundfile.read(tmp_path / "audio" / f"{one.name[0]}.wav", dtype="int16")
            first = round((0.7 - one.video_offset) * 24000)
            assert np.array_equal(soundfile.read(one.audio, dtype="int16")[0], sound[first : first + 144000])


def test_sections_that_cannot_be_are_refused_before_anything_is_written(two, tmp_path):
    out = tmp_path / "sections"
    for words, options in {
        "too short for 2 sections": {"out": out, "gap": 11.0},
        "give seconds of 0 or more": {"out": out, "gap": -1.0},
        "--by time and --out FOLDER go together": {},
        "give a folder beside it": {"out": two / "sections"},
    }.items():
        with pytest.raises(BadInput, match=words):
            split(two, "train=0.8,test=0.2", by="time", **options)
    with pytest.raises(BadInput, match="go together"):
        split(two, "train=0.8,test=0.2", out=out)
    assert not out.exists()
