"""A task of RealSELD, in the layout of the HEAR benchmark, becomes a prepared folder."""

import json

import pytest
from raw_tree import write_sound

from avseld.base.errors import BadInput
from avseld.io.events import read_events
from avseld.io.manifest import read_classes, read_manifest
from data_prep.corpora.realseld import realseld


def event(label="knock", start=100, end=300, direction=(30, 10), **more):
    return {"label": label, "start": start, "end": end, "direction": list(direction), **more}


SPLITS = {
    "train": {"a.wav": [event(), event(start=200, end=400, direction=(-90, 0)), event("speech", 0, 900)]},
    "test": {"b.wav": [event("speech", f, f + 100, (f / 10, 0), source_idx=7) for f in (0, 100)]},
}


def write_task(raw, splits=SPLITS, rates=(24000,), **about):
    """Write a task of two recordings of half a second, with two classes."""
    raw.mkdir()
    about = {"task_name": "tau2019", "splits": list(splits), "embedding_type": "event", **about}
    (raw / "task_metadata.json").write_text(json.dumps(about))
    (raw / "labelvocabulary.csv").write_text("idx,label\n1,speech\n0,knock\n")
    for split, files in splits.items():
        (raw / f"{split}.json").write_text(json.dumps(files))
        for rate in rates:
            for file in files:
                write_sound(raw / str(rate) / split / file, 0.5, rate=rate)
    return raw


def test_splits_become_folds_and_milliseconds_seconds(tmp_path):
    raw = write_task(tmp_path / "tau2019-v1.0.0-full", source_dynamics="static")
    assert realseld(raw, tmp_path / "prepared") == 0
    recordings = {one.name: one for one in read_manifest(tmp_path / "prepared")}
    assert {name: one.fold for name, one in recordings.items()} == {"a": "train", "b": "test"}
    assert recordings["a"].audio == raw / "24000" / "train" / "a.wav" and recordings["a"].duration == 0.5
    assert read_classes(tmp_path / "prepared") == ["knock", "speech"]
    events = read_events(recordings["a"].labels)
    assert sorted(zip(events.onset, events.offset, events.label, events.azimuth, strict=True)) == [
        (0.0, 0.5, 1, 30.0),  # cut at the end of the sound
        (0.1, 0.3, 0, 30.0),
        (0.2, 0.4, 0, -90.0),
    ]


def test_simultaneous_sounds_of_a_class_are_numbered_and_given_numbers_stay(tmp_path):
    realseld(write_task(tmp_path / "raw"), tmp_path / "prepared")
    one, other = (read_events(each.labels) for each in read_manifest(tmp_path / "prepared"))
    assert sorted(one.source[one.label == 0].tolist()) == [0, 1]
    assert other.source.tolist() == [7, 7] and other.azimuth.tolist() == [0, 10]


def test_the_sound_is_that_of_the_rate_that_is_asked_for(tmp_path):
    raw = write_task(tmp_path / "raw", rates=(16000, 32000))
    with pytest.raises(
        BadInput, match=r"folders with the sound are 16000, 32000; choose one with --sample_rate"
    ):
        realseld(raw, tmp_path / "prepared")
    with pytest.raises(BadInput, match=r"no folder 48000 .*one of 16000, 32000"):
        realseld(raw, tmp_path / "prepared", sample_rate=48000)
    realseld(raw, tmp_path / "prepared", sample_rate=32000)
    assert read_manifest(tmp_path / "prepared")[0].audio.parts[-3] == "32000"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "bell"}, r"train\.json: a\.wav: event 1: 'bell' is not in labelvocabulary\.csv"),
        ({"direction": [1, 0, 0]}, r"event 1: direction \[1, 0, 0\]; azimuth and elevation"),
        ({"direction": [400, 0]}, r"azimuth 400, elevation 0 is no direction"),
        ({"start": "soon"}, r"event 1: a time or angle is no number"),
        ({"start": 300, "end": 100}, r"event 1: from 300 to 100 ms is no stretch"),
        ({"start": 600, "end": 700}, r"event 1 begins at 0\.60 s, the sound ends at 0\.50 s"),
    ],
)
def test_an_event_that_cannot_be_used_is_named(tmp_path, change, message):
    raw = write_task(tmp_path / "raw", {"train": {"a.wav": [event() | change]}})
    with pytest.raises(BadInput, match=message):
        realseld(raw, tmp_path / "prepared")
    assert not (tmp_path / "prepared" / "manifest.csv").exists()


def test_a_task_without_directions_or_in_time_is_refused(tmp_path):
    plain = {"label": "knock", "start": 0, "end": 100}
    with pytest.raises(BadInput, match="is it a task with directions"):
        realseld(write_task(tmp_path / "one", {"train": {"a.wav": [plain]}}), tmp_path / "prepared")
    with pytest.raises(BadInput, match="a task with events in time is needed"):
        realseld(write_task(tmp_path / "two", embedding_type="scene"), tmp_path / "prepared")


def test_a_name_that_leads_out_of_the_task_is_refused(tmp_path):
    raw = write_task(tmp_path / "raw")
    (raw / "train.json").write_text(json.dumps({"../../b.wav": []}))
    with pytest.raises(BadInput, match=r"'\.\./\.\./b\.wav' is no plain name"):
        realseld(raw, tmp_path / "prepared")


def test_sound_of_one_channel_is_refused_with_the_reason(tmp_path):
    raw = write_task(tmp_path / "raw")
    write_sound(raw / "24000" / "train" / "a.wav", 0.5, channels=1)
    with pytest.raises(BadInput, match=r"1 channels instead of 4 for foa; .*`datasets` library averages"):
        realseld(raw, tmp_path / "prepared")
