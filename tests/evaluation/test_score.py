"""The command `score`: its output, and its messages about files that cannot be scored."""

import json
import logging
import shutil

import pytest
import yaml
from score_material import LABELS, failure, run

from avseld.__main__ import main
from avseld.io.dcase_csv import CARTESIAN, Dialect, read_dcase, write_dcase
from avseld.io.events import read_events, write_events
from avseld.io.manifest import Recording, write_manifest
from avseld.metrics import score


@pytest.mark.parametrize("year", [2020, 2021, 2022, 2023, 2024, 2025])
def test_json_holds_the_scores_of_the_year_by_their_usual_names(folders, capsys, year) -> None:
    run(*folders, "--challenge", year, "--jackknife", "--json", "--distance-unit", "cm")
    printed = json.loads(capsys.readouterr().out)
    names = ["ER", "F", "LE", "LR", "seld_score"]
    if year >= 2024:
        names = ["F", "DOAE", "RDE", "DE", "seld_score"] + ["onscreen_accuracy"] * (year == 2025)
    ours = score(*folders, year, distance_unit="cm", jackknife=True)
    assert printed["challenge"] == year
    assert printed["average"] == ("micro" if year < 2022 else "macro")
    for name in names:
        assert printed[name] == (None if name == "onscreen_accuracy" else pytest.approx(ours[name]))
        assert len(printed["classwise"][name]) == {2020: 14, 2021: 12}.get(year, 13)
        assert len(printed["interval"][name]) == 2


@pytest.mark.parametrize("year", [2020, 2022, 2024, 2025])
@pytest.mark.parametrize(
    "more", [[], ["--jackknife"], ["--per", "room"], ["--per", "overlap"], ["--corrected"]]
)
def test_the_table_fits_a_hundred_columns(folders, capsys, year, more) -> None:
    run(*folders, "--challenge", year, "--distance-unit", "cm", *more)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("all ") for line in lines)
    assert sum(line.startswith("class ") for line in lines) == {2020: 14}.get(year, 13)
    if "room" in more:
        assert [line.split()[1] for line in lines if line.startswith("room ")] == ["room23", "room8"]
        assert all(line.split()[-1].isdigit() for line in lines if line.startswith("room "))
    if "overlap" in more:
        assert [line.split()[1] for line in lines if line.startswith("overlap ")] == ["0", "1"]
    assert ("corrected" in lines[0]) == ("--corrected" in more)


def test_missing_predictions_are_named_or_scored_as_silence(folders, capsys) -> None:
    (folders[1] / "fold4_room8_mix002.csv").unlink()
    line = failure(capsys, *folders, "--challenge", 2022)
    assert "no prediction for fold4_room8_mix002" in line
    assert "--missing empty" in line
    run(*folders, "--challenge", 2022, "--missing", "empty", "--json", "--average", "micro")
    assert json.loads(capsys.readouterr().out)["LR"] < 0.9


def test_half_written_and_hidden_files_are_not_scored(folders) -> None:
    expected = score(*folders, 2023)
    for folder in folders:
        (folder / ".fold4_room8_mix002.0f0f0f0f.partial.csv").write_text("0,1,")
        (folder / "._fold4_room8_mix002.csv").write_bytes(b"\x00\x05\x16\x07")
    assert score(*folders, 2023)["F"] == expected["F"]


def test_extra_files_and_files_of_one_name_are_refused(folders, capsys) -> None:
    (folders[1] / "other.csv").write_text(LABELS)
    assert "no reference for other" in failure(capsys, *folders, "--challenge", 2022)
    (folders[1] / "other.csv").unlink()
    (folders[1] / "again").mkdir()
    (folders[1] / "again" / "fold4_room8_mix002.csv").write_text(LABELS)
    assert "same name" in failure(capsys, *folders, "--challenge", 2022)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("3,1.5,0,0,0,100", "class 1.5 is not an index"),
        ("3,1,0,nan,0,100", "'nan' is not finite"),
        ("3,1,0,one,0,100", "'one' is not a number"),
        ("2.5,1,0,0,0,100", "frame 2.5 is no index"),
        ("3,1,0,0,0", "5 columns"),
    ],
)
@pytest.mark.parametrize("header", [False, True])
def test_bad_rows_are_named_by_file_and_line(folders, capsys, row, words, header) -> None:
    path = folders[1] / "fold4_room8_mix002.csv"
    rows = LABELS.splitlines()
    lines = ["frame,class,source,azimuth,elevation,distance"] * header + [*rows[:4], "", row, *rows[4:]]
    path.write_text("\r\n".join(lines))
    line = failure(capsys, *folders, "--challenge", 2022)
    assert f"{path.name}:{6 + header}: " in line
    assert words in line


def test_labels_of_a_prepared_folder_are_read_and_the_fold_can_be_chosen(folders, tmp_path, capsys) -> None:
    from avseld.io.dcase_csv import read_dcase

    prepared = tmp_path / "prepared"
    recordings = []
    for index, path in enumerate(sorted(folders[0].rglob("*.csv"))):
        label = prepared / "labels" / path.name
        write_events(label, read_dcase(path)[0])
        assert len(read_events(label)) == 6
        recordings.append(
            Recording(
                path.stem, prepared / "a.wav", "foa", labels=label, fold=f"fold{index}", room="", duration=2
            )
        )
    write_manifest(prepared, recordings, [f"name{i}" for i in range(13)])
    plain = score(*folders, 2023)
    for reference in (prepared, prepared / "labels"):
        assert score(reference, folders[1], 2023)["F"] == pytest.approx(plain.F)
    (folders[1] / f"{recordings[1].name}.csv").unlink()
    run(prepared / "labels", folders[1], "--challenge", 2023, "--fold", "fold0", "--json")
    assert json.loads(capsys.readouterr().out)["recordings"] == 1
    assert "names no fold" in failure(capsys, prepared, folders[1], "--challenge", 2023, "--fold", "fold9")


@pytest.fixture
def run_folder(folders, tmp_path):
    """A run whose test part is a fold of which it has predictions; one of two recordings."""
    prepared, home = tmp_path / "prepared", tmp_path / "run"
    (prepared / "labels").mkdir(parents=True)
    recordings = []
    for name in ("fold4_room23_mix001", "fold3_room8_mix002"):
        (prepared / "labels" / f"{name}.csv").write_text(LABELS)
        fold, room, _ = name.split("_")
        audio, labels = tmp_path / f"{name}.wav", prepared / "labels" / f"{name}.csv"
        recordings.append(Recording(name, audio, "foa", labels=labels, fold=fold, room=room, duration=2.0))
    write_manifest(prepared, recordings, [f"class {k}" for k in range(13)])
    (home / "predictions").mkdir(parents=True)
    shutil.copy(folders[1] / "fold4_room23_mix001.csv", home / "predictions")
    data = {"prepared": str(prepared), "train": ["fold3"], "validate": ["fold3_room8"], "test": ["fold4"]}
    (home / "config.yaml").write_text(yaml.safe_dump({"data": data | {"format": "foa"}, "challenge": 2022}))
    return home


def test_predictions_of_exactly_one_fold_are_scored_as_that_and_it_is_said(
    folders, run_folder, tmp_path, capsys
) -> None:
    name = "fold4_room23_mix001"
    one = score({name: read_dcase(next(folders[0].rglob(f"{name}.csv")))[0]},
                {name: read_dcase(folders[1] / f"{name}.csv")[0]}, 2022)  # fmt: skip
    prepared, predictions = tmp_path / "prepared", run_folder / "predictions"
    for words in (
        (prepared, predictions, "--challenge", "2022"),
        ("--challenge", "2022", "--jackknife", "false", prepared, predictions, "--fold", "test"),
        ("--run", run_folder),
        ("--run", run_folder, "--fold", "fold4_room23"),
    ):
        run(*words, "--json")
        printed = capsys.readouterr()
        assert json.loads(printed.out)["F"] == pytest.approx(one["F"])
        assert ("exactly the 1 recordings of --fold fold4" in printed.err) == ("--fold" not in words)
    assert score(run=run_folder)["F"] == pytest.approx(one["F"])
    assert score(run=run_folder, fold="test")["F"] == pytest.approx(one["F"])


def test_recordings_that_count_as_silence_are_said(run_folder, capsys) -> None:
    run("--run", run_folder, "--missing", "empty")
    printed = capsys.readouterr()
    assert (
        "2 recordings" in printed.out
        and "1 of 2 recordings have no prediction and count as silence" in printed.err
    )
    assert "lowers the scores" in failure(capsys, "--run", run_folder, "--fold", "all")


def test_a_submission_of_one_fold_is_checked_as_it_is_scored(run_folder, tmp_path, capsys) -> None:
    prepared, predictions = tmp_path / "prepared", run_folder / "predictions"
    words = [prepared, predictions, "--check_only", "--challenge", "2022"]
    for more in ([], ["--fold", "fold4"], ["--fold", "all", "--missing", "empty"]):
        run(*words, *more)
        assert "a valid submission for 2022" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run(*words, "--fold", "all")
    assert "no prediction for fold3_room8_mix002" in capsys.readouterr().out


def test_a_wrong_fold_is_answered_with_its_option_and_what_there_is(run_folder, tmp_path, capsys) -> None:
    message = failure(capsys, "--run", run_folder, "--fold", "fold4_room3")
    assert "--fold: 'fold4_room3' names no fold" in message and "did you mean fold4_room23?" in message
    assert "the folds are fold3, fold4, the rooms fold3_room8, fold4_room23" in message
    moved = tmp_path / "sub"
    shutil.copytree(run_folder / "predictions", moved)
    message = failure(capsys, tmp_path / "prepared", moved, "--challenge", "2022", "--fold", "test")
    assert "--run RUN" in message and "fold3, fold4" in message


def test_distances_in_an_unlikely_unit_cause_a_warning(folders, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        wrong = score(*folders, 2024)
        assert "read as m, but their median" in caplog.text
        caplog.clear()
        right = score(*folders, 2024, distance_unit="cm")
        assert not caplog.text
    assert wrong.RDE > 50
    assert right.RDE == 0
    assert right.DE == 0


def test_cartesian_and_polar_predictions_score_alike(folders) -> None:
    from avseld.io.dcase_csv import read_dcase

    plain = score(*folders, 2023)
    for columns in CARTESIAN.values():
        for path in folders[1].glob("*.csv"):
            write_dcase(path, read_dcase(path)[0], Dialect(columns))
        assert score(*folders, 2023)["LE"] == pytest.approx(plain.LE, abs=1e-4)


def test_one_file_can_be_scored_against_another(folders) -> None:
    reference = folders[0] / "dev-test-tau" / "fold4_room8_mix002.csv"
    other = folders[1].parent / "my_output.csv"
    other.write_text(LABELS)
    assert score(reference, other, 2023, "micro")["F"] == pytest.approx(1)


def test_references_are_read_from_one_sheet_with_names_of_classes(folders, tmp_path) -> None:
    (tmp_path / "classes.txt").write_text("".join(f"name{i}\n" for i in range(13)))
    rows = [line.split(",") for line in LABELS.splitlines()]
    lines = ["File;Start;End;Class;Azimuth;Elevation;Distance (cm)"]
    for name in ("fold4_room23_mix001", "fold4_room8_mix002"):
        for frame, label, _, azimuth, elevation, distance in rows:
            times = f"{int(frame) / 10};{int(frame) / 10 + 0.1:.1f}".replace(".", ",")
            lines.append(f"{name}.wav;{times};Name{label};{azimuth};{elevation};{distance}")
    sheet = tmp_path / "all labels.csv"
    sheet.write_text("\n".join(lines) + "\n")
    options = {"challenge": 2024, "distance_unit": "cm"}
    assert score(sheet, folders[1], **options).as_dict() == score(*folders, **options).as_dict()


def test_a_submission_is_checked_without_scoring(folders, capsys) -> None:
    run(*folders, "--challenge", 2023, "--check-only")
    assert "a valid submission for 2023" in capsys.readouterr().out
    for name, text in (
        ("fold4_room8_mix002", "3,1,0,0,0\n"),
        ("fold4_room23_mix001", "3,77,0,0,0,100\n"),
    ):
        (folders[1] / f"{name}.csv").write_text(text)
    with pytest.raises(SystemExit) as stop:
        run(*folders, "--challenge", 2024, "--check-only", "--json")
    assert stop.value.code == 2
    answer = json.loads(capsys.readouterr().out)
    assert not answer["valid"]
    assert any("no column distance" in problem for problem in answer["problems"])
    assert any("class 77" in problem for problem in answer["problems"])
    (folders[1] / "fold4_room8_mix002.csv").unlink()
    with pytest.raises(SystemExit):
        run(*folders, "--challenge", 2024, "--check-only")
    assert "not a valid submission" in capsys.readouterr().out


def test_the_number_of_classes_comes_from_the_list_beside_the_labels(folders, capsys) -> None:
    (folders[0].parent / "classes.txt").write_text("".join(f"name{i}\n" for i in range(6)))
    run(*folders, "--challenge", 2023, "--json")
    assert len(json.loads(capsys.readouterr().out)["classwise"]["F"]) == 6
    assert score(*folders, 2023, n_classes=5).classwise["F"][4] == pytest.approx(1)
    (folders[0].parent / "classes.txt").write_text("name0\n")
    assert "is not an index below 1" in failure(capsys, *folders, "--challenge", 2023)


def test_missing_arguments_are_named(folders, tmp_path, capsys) -> None:
    assert "add --challenge" in failure(capsys, *folders)
    assert "choose one of 2018" in failure(capsys, *folders, "--challenge", 2030)
    assert "not found" in failure(capsys, tmp_path / "nowhere", folders[1], "--challenge", 2022)
    (tmp_path / "empty").mkdir()
    assert "no csv file in it" in failure(capsys, folders[0], tmp_path / "empty", "--challenge", 2022)


def test_an_event_that_lies_nowhere_is_refused_with_its_file(tmp_path, capsys) -> None:
    header = "onset,offset,class,source,azimuth,elevation,distance"
    (tmp_path / "reference.csv").write_text(f"{header}\n0,1,3,0,,,1\n")
    (tmp_path / "prediction.csv").write_text(f"{header}\n0,1,3,0,10,0,1\n")
    line = failure(capsys, tmp_path / "reference.csv", tmp_path / "prediction.csv", "--challenge", 2023)
    assert "reference.csv: 1 events without direction cannot be localized, first of class 3" in line


def test_frame_files_of_2019_count_20_ms(tmp_path) -> None:
    for side in ("labels", "predictions"):
        (tmp_path / side).mkdir()
        rows = [f"{frame},3,10,0" for frame in range(100)]
        (tmp_path / side / "split1_ir0_ov1_1.csv").write_text("\n".join(rows))
    ours = score(tmp_path / "labels", tmp_path / "predictions", 2019)
    assert ours["F"] == pytest.approx(1)
    assert ours.doa_error == pytest.approx(0, abs=1e-5)
    assert ours.frame_recall == 1


def test_directions_are_scored_without_classes_and_without_a_year(tmp_path, capsys):
    (tmp_path / "labels").mkdir()
    (tmp_path / "predictions").mkdir()
    (tmp_path / "classes.txt").write_text("sound\n")
    # Two sounds, the first one hit by another class; one row far off, one in silence.
    (tmp_path / "labels" / "room1_a.csv").write_text("1,0,0,10,0\n2,0,0,10,0\n2,0,1,100,0\n")
    (tmp_path / "predictions" / "room1_a.csv").write_text("0,9,0,0,0\n1,9,0,14,0\n2,3,0,130,0\n2,9,0,10,0\n")
    words = ["score", str(tmp_path / "labels"), str(tmp_path / "predictions"), "--class_agnostic", "true"]
    main([*words, "--per", "room"])
    rows = {line[:20].strip(): line[20:].split() for line in capsys.readouterr().out.splitlines()[3:]}
    # Angles 4, 30, 0; two hits of three; two false rows in three frames of 0.1 s.
    assert rows["all"] == rows["room room1"] == ["4.00", "0.667", "400.0", "3"]
    assert rows["overlap 0"] == ["-", "-", "600.0", "0"]
    assert rows["overlap 2"] == ["15.00", "0.500", "600.0", "2"]
    main([*words, "--json", "true"])
    assert json.loads(capsys.readouterr().out)["overlap 1"]["median_deg"] == pytest.approx(4.0)
    (tmp_path / "predictions" / "room1_a.csv").write_text(
        "onset,offset,class,source,azimuth,elevation,distance\n0,0.1,0,0,,,\n"
    )
    with pytest.raises(SystemExit):
        main(words)
    assert (
        "predictions/room1_a.csv: 1 events without direction cannot be localized" in capsys.readouterr().err
    )
