"""Front-back confusions beside the scores of a year: of labels with a rear, mirrored to the front, and of both."""

import json

import pytest
from score_material import failure, run

from avseld.base.errors import BadInput
from avseld.evaluation.front_back import front_back_of
from avseld.io.events import Events
from avseld.io.unfolded import read_unfolded

HEADER = "frame,class,source,azimuth,distance,onscreen\n"
UNFOLDED = "frame,class,source,azimuth,elevation,distance,viewing_angle\n"


@pytest.fixture
def stereo(tmp_path):
    """Two stereo recordings: a sound in front and a sound behind, each predicted in front, 4 degrees off."""
    for folder in ("labels", "predictions"):
        (tmp_path / folder).mkdir()
    for name, azimuth in (("one", 20), ("two", 160)):
        label, guess = (HEADER + "".join(f"{f},2,0,{a},150,1\n" for f in range(9)) for a in (20, 24))
        (tmp_path / f"labels/{name}.csv").write_text(label)
        (tmp_path / f"predictions/{name}.csv").write_text(guess)
        rows = "".join(f"{f},2,0,{azimuth},0,150,300\n" for f in range(9))
        (tmp_path / f"labels/{name}.unfolded.csv").write_text(UNFOLDED + rows)
    return tmp_path


def cones_of(folder, capsys, *more):
    run(folder / "labels", folder / "predictions", "--challenge", 2025, "--front_back", "--json", *more)
    return json.loads(capsys.readouterr().out)


def test_stereo_is_scored_both_ways_where_unfolded_labels_lie_beside(stereo, capsys):
    scores = cones_of(stereo, capsys)
    found = scores["front_back"]
    assert scores["DOAE"] == pytest.approx(4)
    assert found["LE_folded"] == pytest.approx(4) and found["lateral_error"] == pytest.approx(4)
    assert found["LE_unfolded"] == pytest.approx((4 + 136) / 2)
    assert found["confusions"] == found["confusions_far"] == pytest.approx(0.5)
    assert found["polar_error"] == pytest.approx(90) and found["polar_error_folded"] == pytest.approx(0)
    low, high = found["interval"]["confusions"]
    assert low < 0 and high > 1  # two recordings say little
    assert found["pairs"] == 18 and found["unfolded"]


def test_labels_mirrored_to_the_front_alone_give_no_confusions(stereo, capsys):
    (stereo / "labels/two.unfolded.csv").unlink()
    run(stereo / "labels", stereo / "predictions", "--challenge", 2025, "--front_back", "--json")
    printed = capsys.readouterr()
    assert "1 of 2 recordings have no unfolded labels (two)" in printed.err
    found = json.loads(printed.out)["front_back"]
    assert found["LE_folded"] == pytest.approx(4) and not found["unfolded"] and "confusions" not in found


def test_the_table_of_a_year_stays_as_it_is_and_a_second_one_follows(stereo, capsys):
    run(stereo / "labels", stereo / "predictions", "--challenge", 2025)
    plain = capsys.readouterr().out
    run(stereo / "labels", stereo / "predictions", "--challenge", 2025, "--front_back")
    printed = capsys.readouterr().out
    assert printed.startswith(plain)
    line = next(line for line in printed[len(plain) :].splitlines() if line.startswith("all"))
    assert line.split() == ["all", "70.0°", "4.0°", "0.500", "0.500", "4.0°", "90.0°", "0.0°", "18"]


def test_labels_of_all_directions_are_scored_by_great_circles(tmp_path, capsys):
    for folder, azimuth in (("labels", 30), ("predictions", 150)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_text(f"0,1,0,{azimuth},0,100\n1,1,0,{azimuth},0,100\n")
    run(tmp_path / "labels", tmp_path / "predictions", "--challenge", 2023, "--front_back", "--json")
    found = json.loads(capsys.readouterr().out)["front_back"]
    assert found["LE_unfolded"] == pytest.approx(120) and found["LE_folded"] == pytest.approx(0, abs=1e-6)
    assert found["confusions"] == 1 and found["pairs"] == 2 and found["interval"] == {}


def test_mirrored_labels_of_stereo_recordings_are_known_by_the_format_in_other_years():
    events = Events.from_rows([(0, 0.1, 1, 0, 20, 0, 1.0)])
    sides = ({"a": events}, {"a": events}, {})
    assert not front_back_of(*sides, 13, 2023, stereo=True).unfolded
    assert front_back_of(*sides, 13, 2023).unfolded  # ambisonics: every sound may be in front
    behind = Events.from_rows([(0, 0.1, 1, 0, 120, 0, 1.0)])
    assert front_back_of({"a": behind}, {"a": events}, {}, 13, 2023, stereo=True).values["confusions"] == 1


def test_a_recording_without_prediction_has_no_pairs():
    events = Events.from_rows([(0, 0.1, 1, 0, 20, 0, 1.0)])
    found = front_back_of({"a": events, "b": events}, {"a": events}, {}, 13, 2023)
    assert found.pairs == 1 and found.values["LE_unfolded"] == pytest.approx(0)


def test_confusions_are_not_asked_for_where_there_are_no_classes(stereo, capsys):
    said = failure(capsys, stereo / "labels", stereo / "predictions", "--class_agnostic", "--front_back")
    assert "--front_back: means nothing with --class_agnostic" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame,class,source,azimuth\n0,1,0,3\n", "no column elevation"),
        (UNFOLDED + "0,13,0,3,4,100,0\n", ":2: class 13 is not an index below 13"),
        (UNFOLDED + "0.5,1,0,3,4,100,0\n", ":2: frame and class are whole numbers"),
    ],
)
def test_a_wrong_file_of_unfolded_labels_is_refused_with_its_line(tmp_path, text, message):
    (tmp_path / "a.unfolded.csv").write_text(text)
    with pytest.raises(BadInput, match=message):
        read_unfolded(tmp_path / "a.unfolded.csv", 13)
