"""What the official scorers score is scored: odd rows are told; units of columns; options of a year."""

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
from score_material import LABELS, failure, run

from avseld.io.dcase_csv import CARTESIAN, STEREO_2025, Dialect, read_dcase, write_dcase
from avseld.io.manifest import Recording, write_manifest
from avseld.metrics import score


@pytest.mark.parametrize("year", [2020, 2021, 2022, 2023, 2024])
@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("3,13,0,0,0,100", "1 rows (and 1 of 1 other files) have a class"),
        ("3,-1,0,0,0,100", "have a class that is none of the list"),
        ("-2,1,0,0,0,100", "have a frame below 0 and do not count"),
        ("100000,1,0,0,0,100", "lie after the end of the reference and do not count"),
    ],
)
def test_rows_that_the_official_scorer_leaves_out_are_told_once_and_left_out(
    folders, capsys, year, row, words
) -> None:
    options = ["--challenge", year, "--json", "--distance_unit", "cm", "--n_classes", 13]
    run(*folders, *options)
    before = capsys.readouterr().out
    for path in folders[1].glob("*.csv"):
        path.write_text(path.read_text() + row + "\n")
    run(*folders, *options)
    after = capsys.readouterr()
    assert after.out == before and after.err.count(words) == 1 and after.err.count("official scorer") == 1
    if "frame below" not in words and "class" not in words:
        run(*folders, *options, "--check_only")
        assert '"valid": true' in capsys.readouterr().out


def test_a_row_that_is_written_twice_counts_twice(folders, capsys) -> None:
    """As in the official scorers: the second one is a false positive."""
    path = folders[1] / "fold4_room8_mix002.csv"
    before = score(*folders, 2024, distance_unit="cm").F
    path.write_text(LABELS + LABELS.splitlines()[0] + "\n")
    run(*folders, "--challenge", 2024, "--distance_unit", "cm", "--json")
    printed = capsys.readouterr()
    assert (
        json.loads(printed.out)["F"] < before and "1 rows stand twice in a file; each counts" in printed.err
    )
    path.write_text(LABELS + "3,1,0,0,95,100\n")
    run(*folders, "--challenge", 2024, "--distance_unit", "cm", "--json")
    assert "1 rows have an azimuth beyond 360 or an elevation beyond 90" in capsys.readouterr().err


def test_the_length_of_recordings_is_known_from_a_prepared_folder(folders, tmp_path, capsys) -> None:
    path = folders[1] / "fold4_room8_mix002.csv"
    path.write_text(LABELS + "500,1,0,0,0,100\n")
    run(*folders, "--challenge", 2023, "--json")
    assert "after the end" in capsys.readouterr().err
    run(*folders, "--challenge", 2025, "--json")
    assert "after the end" not in capsys.readouterr().err
    prepared = tmp_path / "prepared"
    recordings = []
    for label in folders[0].rglob("*.csv"):
        recordings.append(
            Recording(
                label.stem, prepared / "a.wav", "foa", labels=label, fold="fold4", room="r", duration=60
            )
        )
    write_manifest(prepared, recordings, [f"name{i}" for i in range(13)])
    run(prepared, folders[1], "--challenge", 2023)
    printed = capsys.readouterr()
    assert "name12" in printed.out  # class names of the prepared folder
    assert "after the end" not in printed.err
    path.write_text(LABELS + "601,1,0,0,0,100\n")
    run(prepared, folders[1], "--challenge", 2023)
    assert "after the end" in capsys.readouterr().err


@pytest.mark.parametrize("year", [2024, 2025])
def test_columns_of_one_year_have_its_unit_of_distance_in_every_year(folders, caplog, year) -> None:
    reference, _ = read_dcase(next(folders[0].rglob("*.csv")))
    reference = replace(reference, elevation=reference.elevation * 0, onscreen=reference.onset * 0)
    for path in folders[0].rglob("*.csv"):
        write_dcase(path, reference)
    for dialect in (Dialect(CARTESIAN[7], metres_per_unit=1.0), Dialect(STEREO_2025, header=True)):
        for path in folders[1].glob("*.csv"):
            write_dcase(path, reference, dialect)
        assert score(*folders, year)["RDE"] == pytest.approx(0, abs=1e-5)
        assert "looks like" not in caplog.text


@pytest.mark.parametrize("year", [2024, 2025])
def test_predictions_without_distance_are_scored_without_it_and_it_is_said(folders, caplog, year) -> None:
    for path in folders[1].glob("*.csv"):
        path.write_text("".join(line.rpartition(",")[0] + "\n" for line in path.read_text().splitlines()))
    logging.getLogger("avseld").propagate = True
    scores = score(*folders, year)
    assert scores["F"] == score(*folders, year, distance_unit="none")["F"] and np.isnan(scores["RDE"])
    assert "the predictions have no distance" in caplog.text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--n_classes", 0], "--n_classes: 0; give a whole number from 1"),
        (["--n_classes", -3], "--n_classes: -3; give a whole number from 1"),
        (["--onscreen", "true"], "onscreen: is an option of 2025"),
        (["--grid", "true"], "grid: is an option of 2019"),
    ],
)
def test_options_that_a_year_does_not_have_are_refused(folders, capsys, options, says) -> None:
    assert says in failure(capsys, *folders, "--challenge", 2023, *options)


def test_options_that_mean_nothing_without_classes_are_refused(folders, capsys) -> None:
    said = failure(capsys, *folders, "--class_agnostic", "--jackknife")
    assert "--jackknife: means nothing with --class_agnostic; leave one of them out" in said


def test_recordings_without_prediction_are_left_out_on_request_as_the_official_scorers_do(folders, capsys):
    (folders[1] / "fold4_room8_mix002.csv").unlink()
    assert "--missing skip" in failure(capsys, *folders, "--challenge", 2023)
    run(*folders, "--challenge", 2023, "--missing", "skip", "--json")
    printed = capsys.readouterr()
    assert json.loads(printed.out)["recordings"] == 1 and "1 recordings have no prediction" in printed.err
