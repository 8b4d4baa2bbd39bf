"""The command `compare`: groups of runs, their mean and deviation, and differences with intervals."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import plane_waves
import pytest
import torch
import yaml

from avseld.__main__ import main, run_words
from avseld.base.errors import BadInput
from avseld.config import Part
from avseld.evaluation.compare import (
    Counted,
    Member,
    check_comparable,
    group_differences,
    read_groups,
)
from avseld.evaluation.comparison_tables import markdown_table, score_lines, score_table
from avseld.io.events import Events
from avseld.metrics.api import seld_scoring
from avseld.metrics.ranking import Rankings
from avseld.metrics.scoring import task4_scoring
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.checkpoint import save_system

YEAR = 2023


def counted(name, errors_deg):
    """Score one event a recording, whose azimuth is wrong by some degrees."""
    pairs = [
        (
            Events.from_rows([(0.0, 2.0, 0, 0, 0.0, 0.0, 1.0)]),
            Events.from_rows([(0.0, 2.0, 0, 0, e, 0.0, 1.0)]),
        )
        for e in errors_deg
    ]
    scoring = seld_scoring(YEAR, 1)
    counts = scoring.count_all(pairs)
    values = scoring.scores(counts).values
    return Counted(
        Member(Path(name)), scoring, counts, values, tuple(map(str, range(len(errors_deg)))), ("tone",)
    )


def run_folder(folder):
    folder.mkdir(parents=True)
    (folder / "config.yaml").touch()
    return folder


def test_groups_are_named_and_folders_of_seeds_are_groups(tmp_path):
    one, two = run_folder(tmp_path / "a" / "run"), run_folder(tmp_path / "b")
    seeds = [run_folder(tmp_path / "many" / name) for name in ("seed2", "seed10")]
    assert read_groups([str(one), f"both={one},{two}", str(tmp_path / "many")]) == {
        "run": [Member(one)], "both": [Member(one), Member(two)], "many": list(map(Member, seeds)),
    }  # fmt: skip
    other = run_folder(tmp_path / "c" / "run")
    assert list(read_groups([str(one), str(other)])) == [str(one), str(other)]
    assert read_groups([f"{one}:shuffled", f"x={one}:untrained,{two}"]) == {
        "run:shuffled": [Member(one, "shuffled")], "x": [Member(one, "untrained"), Member(two)],
    }  # fmt: skip
    for wrong, says in (
        (
            [f"x={one}:loud"],
            "'loud' is none of aligned, shuffled, blank, silent, untrained; write RUN or RUN:CONTROL",
        ),
        ([str(tmp_path)], "no run and no folder of runs"),
        ([f"x={one}", f"x={two}"], "two groups of that name"),
        (["x="], "which runs"),
    ):
        with pytest.raises(BadInput, match=says):
            read_groups(wrong)


def test_the_difference_of_groups_is_that_of_the_means_over_their_runs_and_is_paired():
    # Localization errors in degrees: the same recordings are hard for both groups.
    groups = {
        "one": [counted("r1", [2, 6, 10, 14]), counted("r2", [4, 8, 12, 16])],
        "two": [counted("r3", [1, 5, 9, 13])],
    }
    (pair,) = group_differences(groups).items()
    assert pair[0] == ("one", "two")
    assert pair[1]["LE"] == pytest.approx([2.0, 2.0, 2.0])
    apart = {"one": groups["one"], "two": [counted("r3", [13, 9, 5, 1])]}
    value, low, high = group_differences(apart)[("one", "two")]["LE"]
    assert value == pytest.approx(2.0) and low < 0 < 4 < high


def test_events_without_directions_and_precisions_are_compared_as_well():
    reference = Events.from_rows([(1.0, 2.0, 0, 0, *[np.nan] * 3), (3.0, 4.0, 1, 0, *[np.nan] * 3)])
    scoring, groups = task4_scoring(2), {}
    labels = np.array([[1, 0], [0, 1]])
    for name, prediction, probability in (
        ("all", reference, labels),
        ("half", reference.select([0]), 1 - labels),
    ):
        counts = scoring.count_all([(reference, prediction)] * 3)
        rankings = Rankings([{"clip": (labels, probability)}] * 3, ("mAP",))
        scores = scoring.scores(counts).values | rankings.values()
        groups[name] = [
            Counted(Member(Path(name)), scoring, counts, scores, tuple("abc"), ("x", "y"), rankings)
        ]
    (found,) = group_differences(groups, draws=20).values()
    assert found["event_F"] == pytest.approx([0.5] * 3) and found["event_deletion_rate"] == [-0.5] * 3
    assert found["mAP"] == [0.5] * 3 and groups["all"][0].title == "DCASE 2019 Task 4"


def test_the_table_has_mean_and_deviation_over_the_runs_of_a_group():
    groups = {"seeds": [counted("r1", [2, 4]), counted("r2", [6, 8])], "one": [counted("r3", [1, 1])]}
    head, seeds, one = score_table(groups).splitlines()
    assert "LE_CD" in head
    assert f"{5.0:.1f} ± {np.std([3, 7], ddof=1):.1f}" in seeds
    assert "1.0" in one and "±" not in one


def test_the_markdown_table_has_aligned_columns():
    groups = {"seeds": [counted("r1", [2, 4])], "the other": [counted("r3", [1, 1])]}
    lines = [[*line[:1], *line[3:4]] for line in score_lines(groups)]
    assert markdown_table(lines).splitlines() == [
        "|           | LE_CD |",
        "|-----------|------:|",
        "| seeds     |   3.0 |",
        "| the other |   1.0 |",
    ]


def test_runs_of_other_recordings_or_classes_are_refused():
    one, two = counted("r1", [1, 2]), counted("r2", [1, 2, 3])
    with pytest.raises(BadInput, match=r"r2 and r1 have other recordings \(2\)"):
        check_comparable([one, two])
    with pytest.raises(BadInput, match=r"other classes \(drum, tone\)"):
        check_comparable([one, replace(one, member=Member(Path("r3")), classes=("drum",))])


def test_words_that_are_no_option_are_runs():
    assert run_words(["a", "--fold", "fold4", "b=c,d", "--out=x", "e"]) == [
        json.dumps(["a", "b=c,d", "e"]), "--fold", "fold4", "--out=x",
    ]  # fmt: skip


def test_the_command_prints_tables_and_writes_csv_and_figure(tmp_path, capsys):
    prepared = plane_waves.make(tmp_path / "prepared", seconds=2)
    for seed in (0, 1):
        torch.manual_seed(seed)
        names = ["tone 0", "tone 1", "tone 2"]
        target = Part("multi_accdoa", {"threshold": 0.02})
        system = System(
            Blueprint(Part("logamplitude_iv"), Part("avcrnn", {"width": 8, "hidden": 8}), target, names)
        )
        run = tmp_path / "runs" / f"seed{seed}"
        save_system(system.eval(), run / "model.safetensors")
        data = {"prepared": str(prepared), "test": ["fold4"], "format": "foa", "video": "blank"}
        (run / "config.yaml").write_text(yaml.safe_dump({"data": data, "challenge": YEAR, "seed": 5}))
    runs, out = tmp_path / "runs", tmp_path / "out"
    common = ["--device", "cpu", "--draws", "20"]
    main(["compare", str(runs), f"zero={runs / 'seed0'}:untrained", "--out", str(out), *common])
    text = capsys.readouterr().out
    assert text.startswith("DCASE 2023, 2 recordings (test)") and "runs - zero" in text
    rows = list(csv.DictReader((out / "scores.csv").open()))
    assert [row["group"] for row in rows] == ["runs", "runs", "zero"]
    assert rows[2]["run"] == f"{runs / 'seed0'}:untrained"
    assert len({row["LE"] for row in rows}) == 3
    assert (out / "differences.csv").is_file() and (out / "comparison.png").stat().st_size > 1000
    main(["compare", f"zero={runs / 'seed0'}", "--markdown", "--scores", "LE,F", *common])
    assert capsys.readouterr().out.startswith("|      | LE_CD |   F20 |\n")
    with pytest.raises(SystemExit):
        main(["compare", str(runs), "--scores", "LE,f20", *common])
    assert "avseld compare: --scores f20: is none of ER, F, LE" in capsys.readouterr().err
