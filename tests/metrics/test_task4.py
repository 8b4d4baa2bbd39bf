"""DCASE 2019 Task 4: one file of all events or a folder, classes and clips as the task's scorer takes them."""

import json

import numpy as np
import pytest

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.io.clip_events import clip_of, read_clip_events, write_clip_events
from avseld.io.events import Events, write_events
from avseld.io.manifest import Recording, write_manifest
from avseld.metrics import score
from avseld.metrics.fold_choice import challenge_of
from avseld.metrics.task4 import problems_of_clips, score_task4

HEADER = "filename\tonset\toffset\tevent_label\n"
REFERENCE = HEADER + "a.wav\t1\t2\tDog\na.wav\t3\t7\tCat\na.wav\t8\t9\tDog\n"
PREDICTION = "a.wav\t1.15\t2.19\tDog\na.wav\t3.1\t7.7\tCat\na.wav\t8.05\t9.1\tSpeech\n"
NAN = np.nan


@pytest.fixture
def files(tmp_path):
    reference, prediction = tmp_path / "ref.tsv", tmp_path / "pred.tsv"
    reference.write_text(REFERENCE)
    prediction.write_text(PREDICTION)
    return reference, prediction


def test_files_with_and_without_header_have_the_scores_of_sed_eval(files):
    ours = score_task4(*files, average="micro")
    names = ("F", "ER", "substitution_rate", "deletion_rate", "insertion_rate")
    assert [ours["event_" + n] for n in names] == pytest.approx([2 / 3, 1 / 3, 1 / 3, 0, 0], abs=1e-6)
    assert [ours["segment_" + n] for n in names] == pytest.approx([2 / 3, 2 / 3, 1 / 6, 0, 0.5], abs=1e-6)
    ours = score_task4(*files)
    assert [ours["event_F"], ours["segment_F"]] == pytest.approx([0.833333, 0.694444], abs=1e-6)
    assert ours["event_ER"] > 1e15 and ours.classes == ("Cat", "Dog", "Speech") and ours.n_events == (1, 2, 0)
    corrected = score(*files, challenge="2019-task4", corrected=True)
    assert corrected["event_ER"] == pytest.approx(0.25) and corrected.event_deletion_rate == pytest.approx(
        0.25
    )
    assert score_task4(*files, segment_s=0.2)["segment_F"] == pytest.approx(0.767045, abs=1e-6)


def test_clips_without_a_row_have_no_events_and_foreign_ones_are_not_scored(files, caplog):
    reference, prediction = files
    reference.write_text(REFERENCE + "b.wav\t0\t1\tCat\nc.wav\t\t\t\n")
    before = score_task4(reference, prediction, average="micro")
    assert before["event_deletion_rate"] == pytest.approx(0.25) and before.n_recordings == 3
    prediction.write_text(PREDICTION + "other.wav\t0\t1\tCat\n")
    assert score_task4(reference, prediction, average="micro").values == before.values
    assert "1 clips are not in the reference (other" in caplog.text
    prediction.write_text("other.wav\t0\t1\tCat\n")
    with pytest.raises(BadInput, match="none of its clips"):
        score_task4(reference, prediction)


def test_the_prediction_of_a_fold_is_scored_as_that_and_weak_labels_are_refused(tmp_path, caplog):
    prepared = tmp_path / "prepared"
    rows = {"a": [(1, 2, 1, 0, NAN, NAN, NAN)], "b": [(NAN, NAN, 0, 0, NAN, NAN, NAN)]}
    for name, events in rows.items():
        write_events(prepared / "labels" / f"{name}.csv", Events.from_rows(events))
    places = {name: prepared / "labels" / f"{name}.csv" for name in rows}
    recordings = [
        Recording(name, tmp_path / f"{name}.wav", "mono", labels=places[name], fold=fold, duration=10.0)
        for name, fold in (("a", "validation"), ("b", "weak"))
    ]
    write_manifest(prepared, recordings, ["Dog", "Cat"])
    prediction = tmp_path / "pred.tsv"
    prediction.write_text("a.wav\t1\t2\tCat\n")
    assert score_task4(prepared, prediction)["event_F"] == pytest.approx(1)
    assert "--fold validation" in caplog.text
    folder = tmp_path / "predictions"  # by index, in label frames that are joined
    frames = Events.from_rows([(1 + f / 10, 1.1 + f / 10, 1, 0, NAN, NAN, NAN) for f in range(10)])
    write_events(folder / "a.csv", frames)
    assert score_task4(prepared, folder, fold="validation")["event_F"] == pytest.approx(1)
    with pytest.raises(BadInput, match=r"the labels of b have no times \(weak labels\)"):
        score_task4(prepared, prediction, fold="all")


def test_events_are_written_for_the_scorer_and_read_back(tmp_path):
    frames = Events.from_rows([(f / 10, f / 10 + 0.1, f % 2, 0, NAN, NAN, NAN) for f in (0, 1, 2, 3, 5)])
    steady = Events.from_rows([(0.3, 0.4, 1, 0, NAN, NAN, NAN), (0.4, 0.52, 1, 0, NAN, NAN, NAN)])
    table = {"x_0.000_10.000": frames, "y": steady, "z": Events.empty()}
    path = tmp_path / "predictions.tsv"
    write_clip_events(path, table, ["Cat", "Dog"], {name: f"{name}.wav" for name in table})
    assert path.read_text().splitlines()[0] + "\n" == HEADER
    assert path.read_text().splitlines()[-1] == "y.wav\t0.3\t0.52\tDog"
    read = read_clip_events(path)
    assert list(read) == ["x_0.000_10.000", "y"] and len(read["x_0.000_10.000"]) == 5
    assert clip_of("audio/x_0.000_10.000.wav") == clip_of("x_0.000_10.000") == "x_0.000_10.000"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("filename\tevent_labels\na.wav\tDog\n", "labels without times"),
        ("filename\tonset\tevent_label\na.wav\t1\tDog\n", "no column offset"),
        (HEADER + "a.wav\t1\tx\tDog\n", "tsv:2: 'x' is not a number"),
        (HEADER + "a.wav\t-1\t2\tDog\n", "tsv:2: from -1 to 2 s is no stretch"),
        (HEADER + "a.wav\t1\t2\n", "tsv:2: no event_label"),
        (HEADER + "a.wav\t1\t2\tDog\tmore\n", "tsv:2: 5 columns"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path, text, says):
    path = tmp_path / "bad.tsv"
    path.write_text(text)
    with pytest.raises(BadInput, match=says):
        read_clip_events(path)


def test_a_submission_with_foreign_clips_and_classes_is_not_valid(files):
    reference, prediction = files
    assert problems_of_clips(reference, prediction) == [
        f"{prediction}: 'Speech' is no class of the reference"
    ]
    prediction.write_text("a.wav\t3\t2\tDog\nx.wav\t1\t2\tCat\n")
    assert [reason.split(": ")[1] for reason in problems_of_clips(reference, prediction)] == [
        "clip x is not in the reference", "an event of a ends before it begins",
    ]  # fmt: skip


def test_the_command_prints_events_and_segments_apart(files, capsys):
    main(["score", *map(str, files), "--challenge", "2019-task4", "--corrected"])
    printed = capsys.readouterr().out
    assert printed.startswith("DCASE 2019 Task 4, macro average, 1 recordings, corrected\n")
    assert "events within 0.2 s" in printed and "segments of 1 s" in printed
    assert [line.split() for line in printed.splitlines() if line.startswith("all")] == [
        ["all", "0.8333", "0.250", "0.250", "0.000", "3"], ["all", "0.6944", "0.625", "0.250", "0.375", "3"],
    ]  # fmt: skip
    main(["score", *map(str, files), "--challenge", "2019-task4", "--json"])
    assert json.loads(capsys.readouterr().out)["segment_s"] == 1
    main(["score", *map(str, files), "--challenge", "2019-task4", "--average", "micro"])
    printed = capsys.readouterr().out
    rows = [line.split() for line in printed.splitlines() if line.startswith("Speech")]
    assert rows == [["Speech", "-", "-", "0.000", "-", "0"]] * 2  # sed_eval divides by 2.2e-16 there
    with pytest.raises(SystemExit):
        main(["score", *map(str, files), "--challenge", "2019"])
    assert "ref.tsv: events of clips without directions; score them with --challenge 2019-task4" in (
        capsys.readouterr().err
    )
    for option, says in (("--onscreen", "means nothing for 2019-task4"), ("--segment=0", "a number above 0")):
        with pytest.raises(SystemExit):
            main(["score", *map(str, files), "--challenge", "2019-task4", option])
        assert says in capsys.readouterr().err


def test_an_event_that_ends_before_it_begins_is_one_without_segments_as_in_sed_eval(files):
    before = score_task4(*files, average="micro")
    files[1].write_text(PREDICTION + "a.wav\t30\t2\tDog\n")
    after = score_task4(*files, average="micro")
    assert after["segment_ER"] == before["segment_ER"]
    assert after["event_insertion_rate"] == pytest.approx(1 / 3)


def test_tables_of_clips_with_other_lists_of_classes_are_scored_by_name(tmp_path):
    texts = {"one": HEADER + "a.wav\t1\t2\tDog\n", "two": HEADER + "b.wav\t1\t2\tCat\nb.wav\t3\t4\tDog\n"}
    tables = {}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        tables |= read_clip_events(tmp_path / name)
    (tmp_path / "both").write_text(texts["one"] + texts["two"].removeprefix(HEADER))
    scores = score_task4(tables, tmp_path / "both")
    assert scores.classes == ("Cat", "Dog") and scores.n_events == (1, 2)
    assert scores["event_F"] == pytest.approx(1)
    with pytest.raises(BadInput, match="grid: means nothing for 2019-task4"):
        score(tables, tables, challenge="2019-task4", grid=True)


def test_a_run_without_directions_is_scored_by_the_rules_without_directions():
    def of(name, stage):
        return challenge_of({"target": {"name": name, "options": {"stage": stage}}, "challenge": 2019})

    assert (
        challenge_of({"target": {"name": "tagging"}, "challenge": 2023})
        == of("two_stage", "sed")
        == "2019-task4"
    )
    assert of("two_stage", "doa") == 2019
