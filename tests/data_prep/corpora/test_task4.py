"""Weak, synthetic, unlabelled and validation clips become folds of a prepared folder."""

import logging

import numpy as np
import pytest
import soundfile
from raw_tree import state, write_sound

from avseld.base.errors import BadInput
from avseld.io.events import read_events
from avseld.io.manifest import read_classes, read_manifest
from data_prep.corpora.task4 import CLASSES, convert, read_metadata, task4

STRONG = "filename\tonset\toffset\tevent_label\n"


def corpus(raw, ending=".csv", rate=44100):
    """Create the folders of the corpus with clips of 1 to 2 s; one weakly labelled clip is missing."""
    train, validation = raw / "audio" / "train", raw / "audio" / "validation"
    write_sound(train / "weak" / "Yaa_10.000_20.000.wav", 2, 2, rate, 1)
    write_sound(train / "weak" / "Ybb_0.000_9.000.wav", 1, 1, rate, 2)
    write_sound(train / "synthetic" / "1000.wav", 2, 1, rate, 3)
    write_sound(train / "synthetic" / "1001.wav", 2, 1, rate, 4)
    write_sound(train / "unlabel_in_domain" / "Ycc_0.000_10.000.wav", 2, 1, rate, 5)
    write_sound(validation / "Ydd_0.000_10.000.wav", 2, 1, rate, 6)
    tables = {
        "train/weak": "filename\tevent_labels\n"
        "Yaa_10.000_20.000.wav\tSpeech,Dog\nYbb_0.000_9.000.wav\tFrying\nYgone_0.000_10.000.wav\tCat\n",
        "train/synthetic": f"{STRONG}1000.wav\t0.5\t1.25\tCat\n1000.wav\t0.25\t1.75\tBlender\n1001.wav\t\t\t\n",
        "train/unlabel_in_domain": "filename\nYcc_0.000_10.000.wav\n",
        "validation/validation": f"{STRONG}Ydd_0.000_10.000.wav\t0.125\t12.5\tSpeech\n",
        "validation/eval_dcase2018": f"{STRONG}Ydd_0.000_10.000.wav\t0.125\t1.5\tDog\n",
    }
    for name, text in tables.items():
        path = raw / "metadata" / f"{name}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return raw


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_every_part_becomes_a_fold_with_its_type_of_labels(tmp_path, ending, caplog):
    raw = corpus(tmp_path / "raw", ending)
    before = state(raw)
    with caplog.at_level(logging.WARNING):
        assert task4(raw, tmp_path / "prepared", jobs=1) == 0
    assert state(raw) == before
    assert "1 of 3 clips are not in" in caplog.text and "Ygone_0.000_10.000" in caplog.text
    recordings = {r.name: r for r in read_manifest(tmp_path / "prepared")}
    assert {name: r.fold for name, r in recordings.items()} == {
        "Yaa_10.000_20.000": "weak", "Ybb_0.000_9.000": "weak", "1000": "synthetic", "1001": "synthetic",
        "Ycc_0.000_10.000": "unlabelled", "Ydd_0.000_10.000": "validation",
    }  # fmt: skip
    assert all((r.format, r.duration) == ("mono", 10.0) for r in recordings.values())
    assert read_classes(tmp_path / "prepared") == list(CLASSES) and CLASSES[5] == "Frying"
    weak = read_events(recordings["Yaa_10.000_20.000"].labels, 10)
    assert weak.label.tolist() == [0, 1] and np.isnan(weak.onset).all() and np.isnan(weak.offset).all()
    strong = read_events(recordings["1000"].labels, 10)
    assert strong.label.tolist() == [6, 2] and strong.onset.tolist() == [0.25, 0.5]
    assert strong.offset.tolist() == [1.75, 1.25] and np.isnan(strong.azimuth).all()
    assert len(read_events(recordings["1001"].labels)) == 0 and recordings["Ycc_0.000_10.000"].labels is None
    assert read_events(recordings["Ydd_0.000_10.000"].labels).offset.tolist() == [10.0]


def test_the_other_validation_metadata_can_be_chosen(tmp_path):
    raw = corpus(tmp_path / "raw")
    task4(raw, tmp_path / "prepared", "validation", "eval_dcase2018", jobs=1)
    (recording,) = read_manifest(tmp_path / "prepared")
    assert read_events(recording.labels).label.tolist() == [1]


def test_clips_become_single_channel_and_ten_seconds_long(tmp_path):
    raw = corpus(tmp_path / "raw")
    task4(raw, tmp_path / "prepared", "weak,synthetic", jobs=1)
    for recording in read_manifest(tmp_path / "prepared"):
        assert recording.audio.parent == tmp_path / "prepared" / "audio"
        info = soundfile.info(str(recording.audio))
        assert (info.samplerate, info.channels, info.frames) == (32000, 1, 320000)
    sound, _ = soundfile.read(tmp_path / "prepared" / "audio" / "Ybb_0.000_9.000.wav")
    assert np.abs(sound[:32000]).max() > 0.001 and not sound[32010:].any(), "silent after the clip's own end"


def test_a_clip_is_the_mean_of_its_channels_and_keeps_its_pitch(tmp_path):
    t = np.arange(44100) / 44100
    left, right = 0.5 * np.sin(2 * np.pi * 1000 * t), np.zeros(44100)
    soundfile.write(tmp_path / "stereo.wav", np.stack([left, right], 1), 44100, subtype="PCM_16")
    assert convert(tmp_path / "stereo.wav", tmp_path / "mono.wav", 32000, 320000) == ""
    sound, rate = soundfile.read(tmp_path / "mono.wav")
    expected = 0.25 * np.sin(2 * np.pi * 1000 * np.arange(32000) / 32000)
    assert rate == 32000 and np.abs(sound[100:31900] - expected[100:31900]).max() < 1e-3
    soundfile.write(tmp_path / "long.wav", np.full(48000, 0.25), 32000, subtype="PCM_16")
    convert(tmp_path / "long.wav", tmp_path / "cut.wav", 32000, 32000)
    assert (soundfile.read(tmp_path / "cut.wav")[0] == 0.25).all()
    assert soundfile.info(str(tmp_path / "cut.wav")).frames == 32000


def test_a_second_run_skips_existing_clips_and_keeps_folds(tmp_path):
    raw = corpus(tmp_path / "raw")
    task4(raw, tmp_path / "prepared", "weak", jobs=1)
    manifest = tmp_path / "prepared" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",weak,", ",train,"))
    before = {name: time for name, (_, time) in state(tmp_path / "prepared" / "audio").items()}
    task4(raw, tmp_path / "prepared", "weak", jobs=1)
    assert {name: time for name, (_, time) in state(tmp_path / "prepared" / "audio").items()} == before
    assert {one.fold for one in read_manifest(tmp_path / "prepared")} == {"train"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "filename,event_labels\na.wav,Dog\n",
            "csv:1: expected filename, event_labels or .* separated by tabs",
        ),
        ("filename\tevent_labels\na.wav\tDog,Wolf\n", "csv:2: 'Wolf' is none of the classes Speech"),
        (f"{STRONG}a.wav\t0.5\t0.25\tDog\n", r"csv:2: from 0.5 to 0.25 s is no stretch"),
        (f"{STRONG}a.wav\tnoon\t0.25\tDog\n", "csv:2: 'noon' is not a number"),
        (f"{STRONG}a.wav\t0\t1\tDog\tx\n", "csv:2: 5 columns instead of 4"),
        (f"{STRONG}a.wav\t0\t1\t\n", "csv:2: '' is none of the classes"),
        ("", "csv:1: expected"),
    ],
)
def test_a_bad_row_is_refused_with_its_line_number(tmp_path, text, message):
    (tmp_path / "weak.csv").write_text(text)
    with pytest.raises(BadInput, match=message) as refusal:
        read_metadata(tmp_path / "weak.csv")
    assert "\n" not in str(refusal.value)


def test_rows_without_events_and_repeated_classes_are_accepted(tmp_path):
    (tmp_path / "weak.tsv").write_text("filename\tevent_labels\na.wav\tDog,Dog, Cat\nb.wav\t\nc.wav\n\n")
    events = read_metadata(tmp_path / "weak.tsv")
    assert {name: e.label.tolist() for name, e in events.items()} == {"a": [1, 2], "b": [], "c": []}
    (tmp_path / "strong.tsv").write_text(f"{STRONG}a.wav\tnan\tnan\tnan\nb.wav\t10.5\t11\tDog\n")
    assert [len(e) for e in read_metadata(tmp_path / "strong.tsv").values()] == [0, 0]


def test_another_folder_is_refused_and_nothing_is_written(tmp_path):
    raw = corpus(tmp_path / "raw")
    goal = tmp_path / "prepared"
    with pytest.raises(BadInput, match="--parts strong: choose of weak, synthetic, unlabelled, validation"):
        task4(raw, goal, "weak,strong")
    with pytest.raises(BadInput, match=r"test_dcase2018.tsv: not found, nor .csv"):
        task4(raw, goal, "validation", "test_dcase2018")
    with pytest.raises(BadInput, match="unpack the corpus there"):
        task4(tmp_path, goal)
    for place in (raw, raw / "audio", raw / "metadata" / "here"):
        with pytest.raises(BadInput, match="lies in the corpus itself"):
            task4(raw, place)
    write_sound(raw / "audio" / "validation" / "Yaa_10.000_20.000.wav", 1, 1, 44100)
    (raw / "metadata" / "validation" / "validation.csv").write_text(f"{STRONG}Yaa_10.000_20.000.wav\t\t\t\n")
    with pytest.raises(BadInput, match=r"validation.Yaa_10.000_20.000.wav: the name is taken by .*weak"):
        task4(raw, goal)
    assert not goal.exists()


def test_a_damaged_clip_is_a_failure_and_no_manifest_is_written(tmp_path, caplog):
    raw = corpus(tmp_path / "raw")
    path = raw / "audio" / "train" / "synthetic" / "1000.wav"
    soundfile.write(path, np.array([np.nan] * 100), 44100, subtype="FLOAT")
    assert task4(raw, tmp_path / "prepared", "synthetic", jobs=1) == 1
    assert "1000.wav: holds samples that are not finite" in caplog.text
    assert not (tmp_path / "prepared" / "manifest.csv").exists()
