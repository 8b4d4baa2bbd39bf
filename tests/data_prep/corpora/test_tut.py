"""Corpora with one csv row per event become prepared folders with the same events."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from raw_tree import state, write_sound

from avseld.base.errors import BadInput
from avseld.io.events import Events, read_events
from avseld.io.manifest import read_classes, read_manifest, write_manifest
from data_prep.corpora.tut import CLASSES, number_sources, tut

HEADER = "sound_event_recording,start_time,end_time,ele,azi,dist\n"


TRAIN_AND_TEST = ("train_0_desc_30_100", "test_7_desc_30_100")


def tut2018(raw, overlap=1, split=1, channels=4, sound="cough012.wav", names=TRAIN_AND_TEST):
    """Create one (overlap, split) of TUT Sound Events 2018, with recordings of 3 s instead of 30 s."""
    for seed, name in enumerate(names):
        write_sound(raw / f"wav_ov{overlap}_split{split}_30db" / f"{name}.wav", 3, channels, 44100, seed)
        labels = raw / f"desc_ov{overlap}_split{split}" / f"{name}.csv"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text(f"{HEADER}{sound},0.5,1.25,-20,170,1\n{sound},1.0,2.0,10,-90,2\n")
    return raw


def dcase2019(raw, names=("split1_ir0_ov1_1", "split2_ir3_ov2_17"), part="dev", formats=("foa", "mic")):
    for seed, name in enumerate(names):
        for format in formats:
            write_sound(raw / f"{format}_{part}" / f"{name}.wav", 3, 4, 48000, seed)
        labels = raw / f"metadata_{part}" / f"{name}.csv"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text(f"{HEADER}knock,0.25,1.5,-10,-10,2\nspeech,2.5,3.5,40,-180,1\n")
    return raw


@pytest.mark.parametrize(
    ("dataset", "channels", "format", "sound", "label", "n_classes"),
    [
        ("ansim", 4, "foa", "cough012.wav", 8, 11),
        ("resim", 4, "foa", "keysDrop001.wav", 4, 11),
        ("cansim", 8, "circular", "laughter100.wav", 10, 11),
        ("cresim", 8, "circular", "knock005.wav", 0, 11),
        ("real", 4, "foa", "100648-1-0-0.wav", 0, 8),
        ("real", 4, "foa", "7383-9-10-2.wav", 7, 8),
    ],
)
def test_datasets_of_2018_are_prepared_with_their_events(
    tmp_path, dataset, channels, format, sound, label, n_classes
):
    raw = tut2018(tmp_path / "raw", 2, 3, channels, sound)
    before = state(raw)
    assert tut(raw, tmp_path / "prepared", dataset, overlap=2, split=3) == 0
    assert state(raw) == before
    recordings = read_manifest(tmp_path / "prepared")
    assert [(r.name, r.fold, r.format, r.duration) for r in recordings] == [
        ("test_7_desc_30_100", "test", format, 3.0),
        ("train_0_desc_30_100", "train", format, 3.0),
    ]
    assert recordings[0].audio == raw / "wav_ov2_split3_30db" / "test_7_desc_30_100.wav"
    events = read_events(recordings[0].labels, n_classes)
    assert events.onset.tolist() == [0.5, 1.0] and events.offset.tolist() == [1.25, 2.0]
    assert events.label.tolist() == [label, label] and events.source.tolist() == [0, 1]
    assert events.azimuth.tolist() == [170, -90] and events.elevation.tolist() == [-20, 10]
    assert events.distance.tolist() == [1, 2] and len(read_classes(tmp_path / "prepared")) == n_classes


def test_only_the_requested_overlap_and_split_are_prepared(tmp_path):
    raw = tut2018(tut2018(tmp_path / "raw"), 3, 2, names=("train_5_desc_30_100",))
    tut(raw, tmp_path / "one", "ansim")
    tut(raw, tmp_path / "other", "ansim", overlap=3, split=2)
    assert len(read_manifest(tmp_path / "one")) == 2
    assert [r.name for r in read_manifest(tmp_path / "other")] == ["train_5_desc_30_100"]
    with pytest.raises(BadInput, match="wav_ov2_split1_30db: not found"):
        tut(raw, tmp_path / "none", "ansim", overlap=2)


@pytest.mark.parametrize("format", ["auto", "foa", "mic"])
def test_the_corpus_of_2019_is_prepared_with_its_events(tmp_path, format):
    raw = dcase2019(tmp_path / "raw")
    assert tut(raw, tmp_path / "prepared", format=format) == 0
    recordings = read_manifest(tmp_path / "prepared")
    assert [(r.name, r.fold, r.room) for r in recordings] == [
        ("split1_ir0_ov1_1", "split1", "ir0"),
        ("split2_ir3_ov2_17", "split2", "ir3"),
    ]
    assert recordings[0].audio.parent.name == ("mic_dev" if format == "mic" else "foa_dev")
    assert read_classes(tmp_path / "prepared") == list(CLASSES)
    events = read_events(recordings[1].labels)
    assert events.label.tolist() == [0, 5] and events.azimuth.tolist() == [-10, -180]
    assert events.offset.tolist() == [1.5, 3.0], "an event is cut at the end of the audio"


def test_published_label_files_are_read_exactly(shared, tmp_path):
    raw = tmp_path / "raw"
    source = shared("data/dcase2019_csv/test_files")
    (raw / "metadata_dev").mkdir(parents=True)
    for path in sorted(source.glob("*.csv")):
        shutil.copy(path, raw / "metadata_dev" / path.name)
        write_sound(raw / "foa_dev" / f"{path.stem}.wav", 60, 4, 48000)
    tut(raw, tmp_path / "prepared")
    events = read_events(tmp_path / "prepared" / "labels" / "split1_ir0_ov1_1.csv", 11)
    lines = (source / "split1_ir0_ov1_1.csv").read_text().splitlines()[1:]
    assert len(events) == len(lines) and events.onset[0] == pytest.approx(0.366452, abs=1e-6)
    assert [CLASSES[label] for label in events.label[:4]] == ["cough", "phone", "phone", "knock"]
    table = np.array([[float(word) for word in line.split(",")[1:]] for line in lines])
    table = table[np.argsort(table[:, 0], kind="stable")]
    columns = (events.onset, events.offset, events.elevation, events.azimuth, events.distance)
    assert np.allclose(np.stack(columns, 1), table, atol=1e-6)


def test_audio_is_resampled_into_the_prepared_folder_on_request(tmp_path):
    raw = dcase2019(tmp_path / "raw", formats=("foa",))
    before = state(raw)
    assert tut(raw, tmp_path / "prepared", sample_rate=32000, jobs=1) == 0
    assert state(raw) == before
    recordings = read_manifest(tmp_path / "prepared")
    for recording in recordings:
        assert recording.audio == tmp_path / "prepared" / "audio" / f"{recording.name}.wav"
        info = soundfile.info(str(recording.audio))
        assert (info.samplerate, info.channels, info.frames) == (32000, 4, 96000) and recording.duration == 3
    classes = read_classes(tmp_path / "prepared")
    write_manifest(tmp_path / "prepared", [replace(one, fold="mine") for one in recordings], classes)
    first = state(tmp_path / "prepared")
    tut(raw, tmp_path / "prepared", sample_rate=32000, jobs=1)
    assert {k: v[0] for k, v in state(tmp_path / "prepared").items()} == {k: v[0] for k, v in first.items()}


def test_an_evaluation_set_needs_no_labels(tmp_path):
    raw = dcase2019(tmp_path / "raw", names=("split0_1",), part="eval")
    shutil.rmtree(raw / "metadata_eval")
    with pytest.raises(BadInput, match=r"split0_1.csv: not found; .* --no-labels"):
        tut(raw, tmp_path / "prepared", "dcase2019_eval")
    assert not (tmp_path / "prepared").exists()
    tut(raw, tmp_path / "prepared", "dcase2019_eval", no_labels=True)
    (recording,) = read_manifest(tmp_path / "prepared")
    assert recording.labels is None and recording.fold == "split0"


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("drum,0,1,0,0,1", "csv:3: 'drum' is no sound of the classes knock"),
        ("knock,0,1,0,0", "csv:3: 5 columns instead of 6"),
        ("knock,0,one,0,0,1", "csv:3: 'one' is not a number"),
        ("knock,2,1,0,0,1", r"csv:3: from 2.0 to 1.0 s is no stretch"),
        ("knock,0,1,0,700,1", "csv:3: azimuth 700"),
        ("knock,3.5,4,0,0,1", r"csv:3: begins at 3.50 s, .* --beyond drop"),
    ],
)
def test_a_bad_row_is_refused_with_its_line_number_and_nothing_is_written(tmp_path, row, text):
    raw = dcase2019(tmp_path / "raw", names=("split1_ir0_ov1_1",), formats=("foa",))
    path = raw / "metadata_dev" / "split1_ir0_ov1_1.csv"
    path.write_text(f"{HEADER}knock,0,1,0,0,1\n{row}\n")
    with pytest.raises(BadInput, match=text) as refusal:
        tut(raw, tmp_path / "prepared")
    assert "\n" not in str(refusal.value) and not (tmp_path / "prepared").exists()


def test_events_after_the_end_of_the_audio_are_dropped_on_request(tmp_path):
    raw = dcase2019(tmp_path / "raw", names=("split1_ir0_ov1_1",), formats=("foa",))
    path = raw / "metadata_dev" / "split1_ir0_ov1_1.csv"
    path.write_text(f"{HEADER}knock,0,1,0,0,1\nknock,3.5,4,0,0,1\n\n")
    tut(raw, tmp_path / "prepared", beyond="drop")
    assert len(read_events(tmp_path / "prepared" / "labels" / path.name)) == 1


def test_a_folder_of_another_layout_is_refused(tmp_path):
    raw = dcase2019(tmp_path / "raw", formats=("foa",))
    for options, text in (
        ({"format": "mic"}, "mic_dev: not found"),
        ({"format": "circular"}, "this corpus has foa, mic"),
        ({"dataset": "ansim"}, "wav_ov1_split1_30db: not found"),
    ):
        with pytest.raises(BadInput, match=text):
            tut(raw, tmp_path / "prepared", **options)
    for place in (raw, raw / "foa_dev" / "prepared", raw / "metadata_dev"):
        with pytest.raises(BadInput, match="lies in the corpus itself"):
            tut(raw, place)
    write_sound(raw / "foa_dev" / "mix001.wav", 1, 4, 48000)
    with pytest.raises(BadInput, match=r"mix001.wav: the name does not say its fold"):
        tut(raw, tmp_path / "prepared")
    (raw / "foa_dev" / "mix001.wav").unlink()
    write_sound(raw / "foa_dev" / "split1_ir0_ov1_1.wav", 1, 4, 24000)
    with pytest.raises(BadInput, match="24000 Hz instead of 48000"):
        tut(raw, tmp_path / "prepared")


def test_simultaneous_sources_of_one_class_get_different_source_numbers():
    rows = [(2, 3, 0, 0, 0, 0, 1), (0, 1.5, 0, 0, 10, 0, 1), (1, 2.5, 0, 0, 20, 0, 1), (1.2, 4, 0, 0, 30, 0, 1),
            (1, 2, 1, 0, 40, 0, 1)]  # fmt: skip
    events = number_sources(Events.from_rows(rows))
    assert dict(zip(events.azimuth.tolist(), events.source.tolist(), strict=True)) == {
        10: 0, 20: 1, 30: 2, 0: 0, 40: 0
    }  # fmt: skip
    assert len(number_sources(Events.empty())) == 0
