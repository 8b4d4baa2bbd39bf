"""Sheets of events as people write them."""

import logging
from pathlib import Path

import numpy as np
import pytest

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.io.label_files import find_labels
from avseld.io.labels import label_format, read_label_rows, read_labels
from avseld.io.sheet_columns import column_named

CLASSES = ["female_speech", "Musical instrument", "knock"]
EXPECTED = Events.from_rows([[0.4, 2.1, 1, 0, 30, -5, 1.8], [3.0, 3.5, 2, 0, -90, 0, 2.0]])


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding, newline="")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "onset,offset,class,azimuth,elevation,distance\n0.4,2.1,Musical instrument,30,-5,1.8\n3,3.5,knock,-90,0,2\n",
        "Start (s);End (s);Class name;Azimuth;Elevation;Distance\r\n0,4;2,1;musical_instrument;30;-5;1,8\r\n"
        "3;3,5;KNOCK;-90;0;2\r\n;;;;;\r\n",
        "start\tduration\tlabel\tazi\tele\tdist_cm\n0.4\t1.7\t1\t30\t-5\t180\n3.0\t0.5\t2\t-90\t0\t200\n",
        'begin,end,event,azimuth,elevation,distance\n"0,4","2,1",musical instrument,30,-5,"1,8"\n3,3.5,2,-90,0,2\n',
        "onset_ms,offset_ms,class,azimuth_deg,elevation_deg,distance\n400,2100,1,30,-5,1.8\n3000,3500,2,-90,0,2\n",
        "sound_event_recording,start_time,end_time,ele,azi,dist\nMusical instrument,0.4,2.1,-5,30,1.8\n"
        "knock,3,3.5,0,-90,2\n",
        "onset,offset,class,source,azimuth,elevation,distance\n0.4,2.1,Musical instrument,0,30,-5,1.8\n"
        "3,3.5,knock,0,-90,0,2\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_spreadsheet_of_events_is_read_in_every_way_of_writing_it(
    tmp_path: Path, text: str, encoding: str
) -> None:
    found = read_labels(written(tmp_path / "a.csv", text, encoding), classes=CLASSES)
    for name in ("onset", "offset", "label", "source", "azimuth", "elevation", "distance"):
        np.testing.assert_allclose(getattr(found, name), getattr(EXPECTED, name), err_msg=name)


def test_audacity_labels_and_class_names_in_frames_are_read(tmp_path: Path) -> None:
    track = written(tmp_path / "a.txt", "0.400\t2.100\tknock\n\\\t100.0\t2000.0\n3.0\t3.5\tfemale speech\n")
    found = read_labels(track, classes=CLASSES)
    assert found.label.tolist() == [2, 0] and found.offset.tolist() == [2.1, 3.5]
    assert np.isnan(found.azimuth).all()
    frames = written(tmp_path / "b.csv", "frame,class,azimuth,elevation\n4,knock,30,-5\n")
    found = read_labels(frames, classes=CLASSES)
    assert found.onset == pytest.approx([0.4]) and found.label.tolist() == [2]
    semicolons = written(tmp_path / "c.csv", "3;1;0;90;10;150\n")
    assert read_labels(semicolons).distance.tolist() == [1.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("onset,offset,class,azimuth\n0.4,2.1,Musik,30\n", r"x\.csv:2: class 'Musik'.* is none of female_speech"),
        ("onset,offset,class,azimuth\n0.4,2.1,knok,30\n", r"did you mean knock\?"),
        ("onset,offset,class,azimuth\n0.4,2.1,3,30\n", r"x\.csv:2: class 3 is not an index below 3"),
        ("onset,offset,class,azimut\n0.4,2.1,knock,30\n", r"unknown column azimut; did you mean azimuth\?"),
        ("onset,class\n0.4,knock\n", r"no column onset and offset .*0\.4,2\.1,speech,30,-5.*4,1,0,30,-5,180.*<TAB>"),
        ("0.4,2.1,knock,30,-5\n", r"x\.csv:1: unknown columns .*0\.4,2\.1,speech,30,-5.*4,1,0,30,-5,180.*<TAB>"),
        ("onset,offset,class\n\n0.4,,knock\n", r"x\.csv:3: no onset or no offset"),
        ("onset,offset,class\n2.1,0.4,knock\n", r"x\.csv:2: from 2\.1 to 0\.4 s"),
        ("onset,offset,class\n-1,0.4,knock\n", r"x\.csv:2: from -1 to 0\.4 s"),
        ("onset,offset,class\n0:30,0:40,knock\n", r"x\.csv:2: '0:30' is not a number"),
        ("onset,offset,class,azimuth,elevation\n0,1,knock,30,95\n", r"x\.csv:2: azimuth 30, elevation 95"),
        ("start,onset,offset,class\n0,0,1,knock\n", r"two columns of onset"),
        ("onset,offset,class\n0,1,\n", r"x\.csv:2: no class"),
        ("file,onset,offset,class\na,0,1,2\n,0,1,2\n", r"x\.csv:3: no file"),
    ],
)  # fmt: skip
def test_a_bad_sheet_is_named_by_file_and_line_with_the_remedy(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        read_labels(written(tmp_path / "x.csv", text), classes=CLASSES)


def test_names_without_a_list_of_classes_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "onset,offset,class\n0,1,knock\n")
    with pytest.raises(BadInput, match="give it with --classes"):
        read_labels(path)


def test_a_class_whose_name_is_another_index_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "start,end,class\n0,1,1\n")
    with pytest.raises(BadInput, match="1 is the name of class 0 and an index"):
        read_labels(path, classes=["1", "2"])
    assert read_labels(path, classes=["0", "1"]).label.tolist() == [1]


def test_columns_without_a_use_are_named_and_left_out(tmp_path: Path, caplog) -> None:
    path = written(tmp_path / "x.csv", "start,end,class,comment\n0,1,knock,loud\n")
    with caplog.at_level(logging.WARNING):
        assert len(read_labels(path, classes=CLASSES)) == 1
    assert "columns that are not used: comment" in caplog.text


def test_distances_that_look_like_centimetres_are_noticed(tmp_path: Path, caplog) -> None:
    path = written(tmp_path / "x.csv", "start,end,class,distance\n0,1,knock,180\n")
    read_labels(path, classes=CLASSES)
    assert "name the column distance_cm" in caplog.text


def test_units_belong_to_their_columns() -> None:
    assert column_named("Start [ms]") == ("onset", 0.001) and column_named("distance_cm") == (
        "distance",
        0.01,
    )
    assert column_named("azimuth (m)") == (None, 1.0) and column_named("x") == ("x", 1.0)


def test_one_sheet_lists_many_recordings(tmp_path: Path) -> None:
    sheet = written(
        tmp_path / "all.csv",
        "file,start,end,class,azimuth\nin/Take 1.WAV,0,1,knock,30\ntake 2.wav,0,2,1,40\n"
        "Take 1,2,3,knock,50\nquiet,,,,\n",
    )
    files = find_labels(sheet, ["Take 1", "Take 2", "quiet"])
    found = {name: file.read(classes=CLASSES) for name, file in files.items()}
    assert found["Take 1"].events.azimuth.tolist() == [30, 50] and found["Take 1"].line(1) == 4
    assert found["Take 2"].events.azimuth.tolist() == [40] and len(found["quiet"].events) == 0
    with pytest.raises(BadInput, match="lists 3 recordings"):
        read_labels(sheet, classes=CLASSES)
    assert len(read_labels(sheet, classes=CLASSES, recording="Take 1")) == 2
    with pytest.raises(BadInput, match=r"no recording take 2; did you mean take 3\?"):
        find_labels(sheet, ["Take 1", "take 3", "quiet"])


def test_labels_lie_in_a_folder_in_any_mixture(tmp_path: Path, caplog) -> None:
    written(tmp_path / "a.csv", "3,1,0,90,10\n")
    written(tmp_path / "b.txt", "0\t1\tknock\n")
    written(tmp_path / "README.txt", "how they were made\n")
    written(tmp_path / "rest.tsv", "recording\tstart\tend\tclass\nc\t0\t1\tknock\n")
    written(tmp_path / "other.csv", "3,1,0,90,10\n")
    files = find_labels(tmp_path, ["a", "b", "c", "d"])
    assert {name: file.path.name for name, file in files.items()} == {
        "a": "a.csv", "b": "b.txt", "c": "rest.tsv",
    }  # fmt: skip
    assert "1 files have the name of no recording (other.csv)" in caplog.text
    written(tmp_path / "c.csv", "")
    with pytest.raises(BadInput, match=r"c.csv has labels of c too"):
        find_labels(tmp_path, ["a", "b", "c", "d"])


def test_a_single_file_is_that_of_the_only_recording(tmp_path: Path) -> None:
    path = written(tmp_path / "labels.csv", "3,1,0,90,10\n")
    assert find_labels(path, ["Take 1"])["Take 1"].path == path
    with pytest.raises(BadInput, match="add a column file"):
        find_labels(path, ["Take 1", "Take 2"])


def test_the_first_sheet_of_an_xlsx_is_read(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["Start", "End", "Class", "Azimuth"], [0.4, 2.1, "Knock", 30], [3, 4, 1, None]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    found = read_labels(tmp_path / "a.xlsx", classes=CLASSES)
    assert found.label.tolist() == [2, 1] and found.onset.tolist() == [0.4, 3]
    assert found.azimuth[0] == 30 and np.isnan(found.azimuth[1])
    with pytest.raises(BadInput, match="no readable xlsx"):
        read_labels(written(tmp_path / "b.xlsx", "no zip"), classes=CLASSES)


def test_an_xlsx_without_its_package_names_the_extra(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(BadInput, match=r"pip install 'avseld\[xlsx\]', or save the sheet as csv"):
        read_labels(written(tmp_path / "a.xlsx", ""))


def test_a_frame_csv_and_a_prepared_csv_keep_their_readers(tmp_path: Path) -> None:
    for text, kind in (
        ("", "frames"),
        ("0,1,2,30,10\n", "frames"),
        ("frame,class,source,azimuth,distance,onscreen\n0,1,0,30,10,1\n", "frames"),
        ("onset,offset,class,source,azimuth,elevation,distance\n0,1,2,0,30,10,\n", "prepared"),
        ("onset,offset,class,source,azimuth,elevation,distance\n0,1,knock,0,30,10,\n", "sheet"),
        ("onset,offset,class\n0,1,2\n", "sheet"),
    ):
        path = written(tmp_path / "a.csv", text)
        assert label_format(path) == kind, text
    assert read_label_rows(path).line(0) == 2
