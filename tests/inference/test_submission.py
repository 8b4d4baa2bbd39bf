"""Files of challenge years, read by the words of their rules."""

from types import SimpleNamespace

import numpy as np
import pytest

from avseld.base.errors import BadInput
from avseld.inference.submission import check_submission, write_submission
from avseld.io.events import Events, write_events
from avseld.metrics.submission import problems

NAN = np.nan


def read_by_the_rules_of_2019(path) -> list[tuple[int, int, int, int]]:
    """Read "frame number, active class index, azimuth, elevation", frames of 20 ms in 60 s, 11 classes, degrees."""
    rows = []
    for line in path.read_text().split("\n")[:-1]:
        frame, label, azimuth, elevation = (int(cell) for cell in line.split(","))
        assert 0 <= frame < 3000 and 0 <= label < 11
        assert -180 <= azimuth < 180 and -90 <= elevation <= 90
        rows.append((frame, label, azimuth, elevation))
    return rows


def test_label_frames_of_any_length_become_frames_of_20_ms_in_whole_degrees(tmp_path):
    events = Events.from_rows([
        (0.02, 0.04, 3, 0, 179.7, -39.5, NAN),
        (0.1, 0.2, 10, 0, -7.4, 12.6, NAN),
    ])  # fmt: skip
    write_submission(tmp_path / "a.csv", events, 2019)
    assert read_by_the_rules_of_2019(tmp_path / "a.csv") == [
        (1, 3, -180, -40), *((frame, 10, -7, 13) for frame in range(5, 10)),
    ]  # fmt: skip
    write_submission(tmp_path / "empty.csv", Events.empty(), 2019)
    assert (tmp_path / "empty.csv").read_text() == ""
    write_submission(tmp_path / "b.csv", events.select([1]), 2021)
    assert (tmp_path / "b.csv").read_text() == "1,10,0,-7.4,12.6\n"


def test_of_label_frames_of_20_ms_the_middle_ones_are_written_in_years_with_frames_of_100_ms(tmp_path):
    short = [(k / 50, (k + 1) / 50, 3, 0, float(k), 0, NAN) for k in range(1, 12) if k != 7]
    write_submission(tmp_path / "a.csv", Events.from_rows([*short, (0.22, 0.24, 4, 0, 9, 0, NAN)]), 2020)
    assert (tmp_path / "a.csv").read_text() == "0,3,0,2,0\n"
    write_submission(tmp_path / "b.csv", Events.from_rows(short), 2019)
    assert [row[0] for row in read_by_the_rules_of_2019(tmp_path / "b.csv")] == [
        1,
        2,
        3,
        4,
        5,
        6,
        8,
        9,
        10,
        11,
    ]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("1,3,40,10", ""),
        ("1,3,0,40,10", "5 columns"),
        ("1,3,40.5,10", "azimuth '40.5' is no whole number"),
        ("1,3,40,100", "elevation 100"),
    ],
)
def test_a_submission_of_2019_has_four_whole_numbers_a_row(tmp_path, row, says):
    write_events(tmp_path / "labels" / "a.csv", Events.from_rows([(0.0, 1.0, 3, 0, 40, 10, NAN)]))
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission" / "a.csv").write_text(f"0,3,40,10\n{row}\n")
    found = problems(tmp_path / "labels", tmp_path / "submission", 2019)
    assert len(found) == bool(says) and all("a.csv" in text and says in text for text in found), found
    with pytest.raises(BadInput, match="2018 was no challenge"):
        problems(tmp_path / "labels", tmp_path / "submission", 2018)


@pytest.mark.parametrize(
    ("year", "task", "planar", "distance", "says"),
    [
        (2019, "tagging", False, False, "no localized events"),
        (2019, "seld", True, False, "without elevation"),
        (2025, "seld", False, True, "elevations, too"),
        (2024, "seld", False, False, "asks for distances"),
        (2018, "seld", False, False, "choose one of 2019"),
    ],
)
def test_a_system_that_a_year_cannot_take_is_refused(year, task, planar, distance, says):
    target = SimpleNamespace(task=task, planar=planar, distance=distance)
    with pytest.raises(BadInput, match=says):
        check_submission(SimpleNamespace(target=target), year, ["a"])
