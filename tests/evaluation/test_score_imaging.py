"""`avseld score --challenge 2026`: tables, JSON, validity and thinning of energy maps."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from avseld.__main__ import main
from avseld.io.energy_maps import EnergyMap, write_energy_maps

NEWEST = Path(__file__).parents[1] / "golden" / "newest"


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for side in ("labels", "predictions"):
        (tmp_path / side).mkdir()
    for name in ("a", "b"):
        shutil.copy(NEWEST / "sai_gt_std.json", tmp_path / "labels" / f"{name}_std.json")
        shutil.copy(NEWEST / "sai_pred.json", tmp_path / "predictions" / f"{name}.json")
    return tmp_path / "labels", tmp_path / "predictions"


def score(folders, *more: str) -> None:
    main(["score", *map(str, folders), "--challenge", "2026", *more])


def answer(folders, capsys, *more: str) -> dict:
    score(folders, *more, "--json")
    return json.loads(capsys.readouterr().out)


def test_the_table_has_the_official_scores_and_says_what_the_rules_leave_out(folders, capsys):
    score(folders)
    shown = capsys.readouterr().out
    assert "definition of 2026-06-30, 2 recordings" in shown
    assert "0.2168" in shown and "0.3031" in shown and "0.4427" in shown
    assert "classes without any prediction, which count as 0: music" in shown
    assert "predicted classes without references, left out of the macro mean: bell" in shown
    assert "with the score of another one" in shown and "the official code rounds" in shown


@pytest.mark.parametrize(
    ("definition", "macro"), [("2026-06-30", 0.2168316900730133), ("2026-05-28", 0.27103961259126663)]
)
def test_each_definition_gives_its_score_to_the_last_digit_in_its_own_numbers(
    folders, capsys, definition, macro
):
    found = answer(folders, capsys, "--definition", definition, "--legacy")
    assert found["macro_mAP"] == macro
    assert (found["definition"], found["recordings"], found["doubled"]) == (definition, 2, 0)


def test_the_first_definition_scores_masks(folders, capsys):
    found = answer(folders, capsys, "--definition", "2026-04-02")
    assert found["mask_mAP"] == pytest.approx(0.3103, abs=5e-5)
    assert found["distance_error_percent"] == pytest.approx(8.17, abs=5e-3)
    score(folders, "--definition", "2026-04-02")
    assert "0.6505" in capsys.readouterr().out


def test_two_equal_recordings_have_an_interval_without_width(folders, capsys):
    low, high = answer(folders, capsys, "--jackknife")["interval"]["macro_mAP"]
    assert low == pytest.approx(high)


def test_a_recording_without_predictions_is_an_error_or_empty_or_left_out_with_its_labels(folders, capsys):
    (folders[1] / "b.json").unlink()
    with pytest.raises(SystemExit):
        score(folders)
    assert "no predictions for b" in capsys.readouterr().err
    whole, empty = answer(folders, capsys, "--missing", "skip"), answer(folders, capsys, "--missing", "empty")
    assert whole["skipped"] == ["b"] and whole["macro_mAP"] == pytest.approx(0.21683, abs=1e-5)
    assert empty["macro_mAP"] < whole["macro_mAP"] and empty["n_references"] == [
        2 * n for n in whole["n_references"]
    ]


def test_thinned_predictions_are_a_tenth_as_large_and_score_the_same(folders, capsys, tmp_path):
    found = answer(folders, capsys, "--thin", str(tmp_path / "thin"))
    thinned = found["thinned"]
    assert thinned["macro_precision"] == pytest.approx(found["macro_mAP"], abs=1e-9)
    assert thinned["points"] < thinned["of_points"] / 10
    sizes = [(folder / "a.json").stat().st_size for folder in (tmp_path / "thin", folders[1])]
    assert sizes[0] < sizes[1] / 5
    assert answer((folders[0], tmp_path / "thin"), capsys)["macro_mAP"] == pytest.approx(
        found["macro_mAP"], abs=1e-9
    )


@pytest.mark.parametrize("where", [".", "smaller"])
def test_predictions_are_never_thinned_into_the_folders_that_are_scored(folders, capsys, where):
    before = {path: path.read_bytes() for folder in folders for path in folder.rglob("*")}
    for folder in folders:
        with pytest.raises(SystemExit):
            score(folders, "--thin", str(folder / where))
        assert "whose files are scored; name another folder" in capsys.readouterr().err
    assert {path: path.read_bytes() for folder in folders for path in folder.rglob("*")} == before


def test_what_would_stop_the_official_evaluator_or_move_a_score_is_said_beside_it(
    folders, capsys, monkeypatch
):
    monkeypatch.setattr("avseld.evaluation.score_imaging.MAX_FILE_BYTES", 20_000)
    (folders[1] / "b.json").unlink()
    score(folders, "--missing", "empty")
    shown = capsys.readouterr().out
    assert "1 file of more than 20 MiB, at which the official evaluator stops: a;" in shown
    assert "1 recording without predictions counted as empty: b" in shown
    score(folders, "--missing", "skip")
    shown = capsys.readouterr().out
    assert "2026-06-30, 1 recording\n" in shown
    assert "1 recording without predictions left out with their references: b" in shown


def test_a_submission_is_checked_for_size_doubled_sounds_and_coordinates(folders, capsys, monkeypatch):
    score(folders, "--check_only")
    assert "a valid submission for 2026" in capsys.readouterr().out
    monkeypatch.setattr("avseld.evaluation.score_imaging.MAX_FILE_BYTES", 20_000)
    point = np.array([[10.0, 20, 1]])
    write_energy_maps(folders[1] / "b.json", [EnergyMap(0, 1, 0, (point,), score=0.5)] * 2)
    with pytest.raises(SystemExit, match="2"):
        score(folders, "--check_only")
    shown = capsys.readouterr().out
    assert "a.json: 0.0 MiB" in shown and "b.json: 1 sound with the frame, class and instance_id" in shown
    (folders[1] / "b.json").write_text(json.dumps({"annotations": [{"metadata_frame_index": 0, "category_id": 0,
        "score": 1, "segmentation": [[[400, 0, 1]]]}]}))  # fmt: skip
    with pytest.raises(SystemExit, match="2"):
        score(folders, "--check_only")
    assert "x goes from 0 to 360" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--challenge", "2026", "--per", "room"], "--per: means nothing for 2026"),
        (["--challenge", "2026", "--corrected"], "--corrected: means nothing for 2026"),
        (["--challenge", "2023", "--legacy"], "--legacy: is an option of 2026"),
        (["--challenge", "2023", "--definition", "2026-06-30"], "--definition: is an option of 2026"),
        (["--challenge", "2026", "--definition", "2026-04-02", "--jackknife"], "has no --jackknife"),
        (["--challenge", "2026", "--check_only", "--thin", "x"], "--check_only: scores nothing"),
        ([], "one of 2018, 2019, 2020, 2021, 2022, 2023, 2024, 2025, 2026 or"),
    ],
)
def test_options_of_other_years_are_refused(folders, capsys, words, message):
    with pytest.raises(SystemExit):
        main(["score", *map(str, folders), *words])
    assert message in capsys.readouterr().err
