"""Labels as Audacity, ELAN, Praat and Raven export them, in every encoding and way of writing times."""

import numpy as np
import pytest
from raw_tree import write_sound

from avseld.base.errors import BadInput
from avseld.io.events import read_events
from avseld.io.label_files import find_labels
from avseld.io.labels import read_labels
from data_prep.corpora.own import own

CLASSES = ("dog", "female speech", "bell")
LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 4
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "sounds"
        xmin = 0
        xmax = 4
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.25
            text = "Dog"
        intervals [3]:
            xmin = 1.25
            xmax = 2.5
            text = "Female Speech"
        intervals [4]:
            xmin = 2.5
            xmax = 4
            text = ""
    item [2]:
        class = "TextTier"
        name = "points"
        xmin = 0
        xmax = 4
        points: size = 1
        points [1]:
            number = 2
            mark = "click"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
4
<exists>
2
"IntervalTier"
"dog"
0
4
1
0.5
1.25
"he said ""wuff"" 3 times"
"IntervalTier"
"Female speech"
0
4
1
1.25
2.5
"x"
"""
ELAN = (
    "sounds\t\t00:00:00.500\t0.5\t00:00:01.250\t1.25\t00:00:00.750\t0.75\tdog\n"
    "sounds\t\t00:00:01.250\t1.25\t00:00:02.500\t2.5\t00:00:01.250\t1.25\tfemale speech\n"
)
ELAN_SECONDS = "dog\tme\t0.5\t1.25\t0.75\t\nfemale_speech\tme\t1.25\t2.5\t1.25\t\n"
ELAN_HEADER = (
    "Tier\tParticipant\tBegin Time - msec\tEnd Time - msec\tDuration - msec\tAnnotation\n"
    "sounds\t\t500\t1250\t750\tDog\nsounds\t\t1250\t2500\t1250\tFemale speech\n"
)
RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\n"
    "1\tWaveform 1\t1\t0.5\t1.25\t0\t12000\tdog\n1\tSpectrogram 1\t1\t0.5\t1.25\t0\t12000\tdog\n"
    "2\tSpectrogram 1\t1\t1.25\t2.5\t0\t12000\tFemale speech\n"
)
AUDACITY = "0,5\t1,25\tdog\n\\\t100\t200\n1,25\t2,5\tFemale speech\n"
CLOCK = "Start;End;Class\n0:00,5;0:01,25;dog\n00:00:01.25;0:02.5;female speech\n"
EXPORTS = {
    "a.TextGrid": LONG, "b.textgrid": SHORT, "c.txt": ELAN, "d.txt": ELAN_SECONDS, "e.txt": ELAN_HEADER,
    "f.Table.1.selections.txt": RAVEN, "g.txt": AUDACITY, "h.CSV": CLOCK,
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("name", EXPORTS)
def test_exports_of_annotation_tools_are_read_in_every_encoding(tmp_path, name, encoding):
    (tmp_path / name).write_text(EXPORTS[name], encoding=encoding, newline="\r\n")
    (file,) = find_labels(tmp_path, [name[0]]).values()
    labels = file.read(classes=CLASSES)
    events = labels.events
    np.testing.assert_allclose(events.onset, [0.5, 1.25])
    np.testing.assert_allclose(events.offset, [1.25, 2.5])
    assert events.label.tolist() == [0, 1] and np.isnan(events.azimuth).all()


def test_one_folder_may_hold_exports_of_every_tool(tmp_path):
    for name, text in EXPORTS.items():
        write_sound(tmp_path / "audio" / f"{name[0]}.wav", 4.0, 1, seed=ord(name[0]))
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / name).write_text(text)
    (tmp_path / "labels" / "._a.TextGrid").write_bytes(b"\0\5")
    (tmp_path / "labels" / "README.txt").write_text("Who\tlabelled\tthese?\n")
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES))
    own(
        tmp_path / "audio",
        tmp_path / "out",
        "mono",
        labels=tmp_path / "labels",
        classes=tmp_path / "classes.txt",
    )
    for name in EXPORTS:
        assert read_events(tmp_path / "out" / "labels" / f"{name[0]}.csv").label.tolist() == [0, 1]


def test_times_of_a_raven_table_of_many_files_count_from_the_start_of_each(tmp_path):
    (tmp_path / "all.txt").write_text(
        "Selection\tView\tBegin Time (s)\tEnd Time (s)\tBegin File\tFile Offset (s)\tAnnotation\n"
        "1\tSpectrogram 1\t0.5\t1.0\ta.wav\t0.5\tdog\n2\tSpectrogram 1\t60.5\t61.5\tb.wav\t0.5\tbell\n"
    )
    found = find_labels(tmp_path, ["a", "b"])
    events = found["b"].read(classes=CLASSES).events
    assert events.onset.tolist() == [0.5] and events.offset.tolist() == [1.5] and events.label.tolist() == [2]
    assert found["a"].read(classes=CLASSES).events.label.tolist() == [0]


def test_a_damaged_text_grid_is_named(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(LONG[: len(LONG) // 2])
    with pytest.raises(BadInput, match=r"a\.TextGrid: no whole TextGrid"):
        read_labels(path, classes=CLASSES)


def test_frame_csv_in_utf_16_is_read_as_in_utf_8(tmp_path):
    for encoding in ("utf-8", "utf-16"):
        (tmp_path / f"{encoding}.csv").write_text("0,1,0,30,10,150\n1,1,0,31,10,150\n", encoding=encoding)
    assert read_labels(tmp_path / "utf-8.csv") == read_labels(tmp_path / "utf-16.csv")
    assert len(read_labels(tmp_path / "utf-16.csv")) == 2
