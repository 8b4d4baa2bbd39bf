import itertools
from pathlib import Path

import numpy as np
import pytest

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import read_dcase, write_dcase
from avseld.io.events import Events, write_events
from avseld.io.labels import (
    coordinates_of,
    is_prepared_csv,
    line_of_row,
    read_labels,
    repeated_rows,
    warn_about_unit,
)
from avseld.io.manifest import read_class_list

EVENTS = Events.from_rows([[0.2, 0.3, 1, 0, 30, -10, 2.5], [0.3, 0.4, 0, 1, -90, 0, 1.0]])


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_prepared_csv_and_a_dcase_csv_of_the_same_events_read_alike(tmp_path: Path) -> None:
    write_events(tmp_path / "prepared.csv", EVENTS)
    write_dcase(tmp_path / "dcase.csv", EVENTS)
    assert is_prepared_csv(tmp_path / "prepared.csv") and not is_prepared_csv(tmp_path / "dcase.csv")
    first, second = read_labels(tmp_path / "prepared.csv"), read_labels(tmp_path / "dcase.csv")
    for name in ("onset", "offset", "label", "source", "azimuth", "elevation", "distance"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), err_msg=name)


@pytest.mark.parametrize("before", ["", "\ufeff", " "])
def test_a_byte_order_mark_or_a_blank_before_the_header_does_not_hide_a_prepared_csv(
    tmp_path: Path, before: str
) -> None:
    path = written(tmp_path / "a.csv", before + "onset,offset,class,source,azimuth,elevation,distance\n")
    assert is_prepared_csv(path) and len(read_labels(path)) == 0


def test_other_first_words_and_empty_files_are_dcase_csvs(tmp_path: Path) -> None:
    for text in ("", "0,1,2,30,10\n", "frame,class,source,azimuth,distance,onscreen\n", "onsets,1\n"):
        assert not is_prepared_csv(written(tmp_path / "a.csv", text)), text
    with pytest.raises(BadInput, match=r"nothing.csv: not found"):
        read_labels(tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("0,1,0,30,10\n1,1,0,30,10\n", [1, 2]),
        ("0,1,0,3e1,10\n\n1,1,0,30,10\n", [1, 3]),
        ("frame,class,source,azimuth,distance,onscreen\n\n0,1,0,30,10,1\n1,1,0,30,10,1\n", [3, 4]),
        ("onset,offset,class,source,azimuth,elevation,distance\n0,1,2,0,30,10,\n\n1,2,2,0,30,10,\n", [2, 4]),
    ],
)
def test_the_line_of_a_row_counts_headers_and_empty_lines(
    tmp_path: Path, text: str, lines: list[int]
) -> None:
    path = written(tmp_path / "a.csv", text)
    assert [line_of_row(path, row) for row in range(len(read_labels(path)))] == lines


def test_coordinates_are_decided_from_a_whole_file(tmp_path: Path) -> None:
    cartesian = written(tmp_path / "a.csv", "0,1,0,1,0,0\n1,1,0,0.6,0.8,0\n")
    polar = written(tmp_path / "b.csv", "0,1,0,1,0,0\n1,1,0,60,0,150\n")
    assert coordinates_of(cartesian)[0] == "cartesian" and coordinates_of(polar)[0] == "polar"
    assert coordinates_of(polar, 1.0)[2].distance.tolist() == [0, 150]
    planar = written(tmp_path / "e.csv", "frame,class,source,azimuth,distance,onscreen\n0,1,0,30,150,0\n")
    seven = written(tmp_path / "f.csv", "0,1,0,0.6,0.8,0,1.5\n")
    for path, otherwise in itertools.product((planar, seven), (0.01, 1.0)):
        assert coordinates_of(path, None, otherwise=otherwise)[2].distance == pytest.approx(1.5)
    write_events(tmp_path / "c.csv", EVENTS)
    broken = written(tmp_path / "d.csv", "0,1,0,x,0,0\n")
    assert [coordinates_of(path)[0] for path in (tmp_path / "c.csv", broken)] == ["auto", "auto"]


def test_a_repeated_row_is_found(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "0,1,0,30,10\n0,1,0,30,10\n0,1,1,30,10\n")
    assert repeated_rows(read_labels(path)).tolist() == [1]


def test_metres_read_as_centimetres_are_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path / "a.csv", "0,1,0,30,10,2\n")
    warn_about_unit(path, read_labels(path), 0.01)
    assert "read as cm" in caplog.text and "looks like m " in caplog.text
    caplog.clear()
    warn_about_unit(path, read_labels(path, metres_per_unit=1.0), 1.0)
    assert not caplog.text


def test_a_class_list_is_one_name_a_line(tmp_path: Path) -> None:
    assert read_class_list(written(tmp_path / "a.txt", "\ufeffcup \r\n\n spoon\n")) == ["cup", "spoon"]
    with pytest.raises(BadInput, match="no class in it"):
        read_class_list(written(tmp_path / "b.txt", " \n"))
    with pytest.raises(BadInput, match="not found"):
        read_class_list(tmp_path / "c.txt")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("0,1,0,30,5,0,100", "no unit vector; is a number written with a decimal comma"),
        ("0,1,0,30,0,-100", "negative"),
    ],
)
def test_odd_directions_and_distances_are_read_with_a_warning_that_names_the_line(
    tmp_path, caplog, row, says
):
    path = tmp_path / "a.csv"
    path.write_text(f"{row}\n")
    assert len(read_dcase(path)[0]) == 1
    assert f"{path}:1: " in caplog.text and says in caplog.text
    caplog.clear()
    path.write_text("0,1,0,0.6,0.8,0.0,100\n0,1,0,-0.3,0.2,0.1,0\n")
    read_dcase(path)
    assert not caplog.text
