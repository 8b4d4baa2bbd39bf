"""Coordinates, units and first frame of frame csv files, where their numbers alone do not say them."""

import numpy as np
import pytest

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import POLAR, Dialect, read_dcase, write_dcase
from avseld.io.events import Events
from avseld.io.frame_conventions import frame_conventions
from avseld.io.labels import read_labels


def written(path, *rows):
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def conventions(folder, **options):
    return frame_conventions(folder, sorted(folder.glob("*.csv")), **options)


def test_a_source_in_front_at_one_and_a_half_metres_is_no_vector(tmp_path):
    path = written(tmp_path / "a.csv", "0,1,0,0,0,1.5", "1,1,0,0,0,1.5")
    events, dialect = read_dcase(path, metres_per_unit=1.0)
    assert dialect.columns == POLAR[6] and events.elevation.tolist() == [0, 0]
    assert events.distance.tolist() == [1.5, 1.5]


def test_one_file_with_angles_says_that_those_of_its_folder_are_no_vectors(tmp_path, caplog):
    written(tmp_path / "a.csv", "0,1,0,0.5,0.25,1.1")
    assert conventions(tmp_path).coordinates == "polar"
    assert "--coordinates polar or cartesian" in caplog.text
    caplog.clear()
    written(tmp_path / "b.csv", "0,1,0,90,0,200")
    assert conventions(tmp_path).coordinates == "polar" and "may be" not in caplog.text
    written(tmp_path / "a.csv", "0,1,0,0.6,0.8,0")
    written(tmp_path / "b.csv", "0,1,0,1,0,0")  # an axis alone is a vector where the others are
    assert conventions(tmp_path).coordinates == "cartesian"


def test_who_names_the_unit_of_distances_says_that_the_sixth_column_is_one(tmp_path):
    written(tmp_path / "a.csv", "0,1,0,0.6,0.8,0.1")
    found = conventions(tmp_path, distance="m")
    assert (found.coordinates, found.metres_per_unit) == ("polar", 1.0)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["0,1,0,90,0,2"], "--distance m or cm"),
        ([f"{k},1,0,{k / 10 - 1.5},0.2" for k in range(30)], "--angles rad"),
        ([f"{k},1,0,{k},0" for k in range(30)], None),
    ],
)
def test_units_that_look_wrong_are_told_with_the_option(tmp_path, caplog, rows, says):
    written(tmp_path / "a.csv", *rows)
    conventions(tmp_path)
    assert says in caplog.text if says else not caplog.text


def test_radians_and_frames_from_one_are_read_and_written_back(tmp_path, caplog):
    rows = ["1,1,0,1.570796,0,100", "2,1,0,1.570796,0.1,100"]
    path = written(tmp_path / "a.csv", *rows)
    written(tmp_path / "b.csv", "1,1,0,90,0,100")
    conventions(tmp_path)
    assert "--first_frame 1" in caplog.text
    found = conventions(tmp_path, angles="rad", first_frame=1)
    options = {"degrees_per_unit": found.degrees_per_unit, "first_frame": found.first_frame}
    events = read_labels(path, **options)
    assert events.onset.tolist() == [0, 0.1] and events.azimuth == pytest.approx(90, abs=1e-4)
    write_dcase(tmp_path / "c.csv", *read_dcase(path, **options))
    assert (tmp_path / "c.csv").read_text().splitlines() == rows
    written(tmp_path / "a.csv", "0,1,0,1,0,100")
    with pytest.raises(BadInput, match="frame 0 is no index; frames count from 1"):
        read_labels(tmp_path / "a.csv", first_frame=1)


def test_an_unknown_distance_is_never_written_as_zero(tmp_path):
    rows = [[0.0, 0.1, 1, 0, 30, 0, np.nan], [0.1, 0.2, 1, 0, 30, 0, 1.5]]
    path = tmp_path / "a.csv"
    write_dcase(path, Events.from_rows(rows[:1]))
    assert path.read_text() == "0,1,0,30,0\n"
    write_dcase(path, Events.from_rows(rows))
    assert path.read_text() == "0,1,0,30,0,nan\n1,1,0,30,0,150\n"
    assert read_dcase(path)[0].distance == pytest.approx([np.nan, 1.5], nan_ok=True)
    path.write_text("0,1,0,30,0,\n1,1,0,30,0,150\n")
    assert read_dcase(path)[0].distance == pytest.approx([np.nan, 1.5], nan_ok=True)
    with pytest.raises(BadInput, match="without direction"):
        write_dcase(path, Events.from_rows([[0.0, 0.1, 1, 0, np.nan, np.nan, np.nan]]), Dialect(POLAR[5]))
