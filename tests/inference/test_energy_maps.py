"""Energy maps of predictions: valid files of DCASE2026, whatever system predicted."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.evaluation.score_imaging import problems_of_maps
from avseld.inference import energy_maps
from avseld.inference.energy_maps import check_maps, write_maps
from avseld.io.classes import STARSS_CLASSES
from avseld.io.energy_maps import read_energy_maps, write_energy_maps
from avseld.io.events import Events
from avseld.metrics.imaging import maps_of_directions


def crowd(n_frames: int, seed: int = 0) -> Events:
    """Two sources in each frame, in random directions."""
    random = np.random.default_rng(seed)
    frame = np.repeat(np.arange(n_frames), 2)
    angles = random.uniform(-180, 180, len(frame)), random.uniform(-60, 60, len(frame))
    unknown = np.full(len(frame), np.nan)
    times = (frame / 10, (frame + 1) / 10)
    confidence = random.uniform(0, 1, len(frame))
    return Events(*times, frame % 13, np.tile([0, 1], n_frames), *angles, unknown, confidence=confidence)


def test_written_maps_are_a_valid_submission_with_a_perfect_score_against_themselves(tmp_path, capsys):
    events = crowd(30)
    write_maps(tmp_path / "predictions" / "a.json", events)
    write_energy_maps(tmp_path / "labels" / "a_std.json", maps_of_directions(events))
    assert problems_of_maps(tmp_path / "labels", tmp_path / "predictions") == []
    words = [
        "score",
        str(tmp_path / "labels"),
        str(tmp_path / "predictions"),
        "--challenge",
        "2026",
        "--json",
    ]
    main(words)
    scores = json.loads(capsys.readouterr().out)
    assert scores["macro_mAP"] == 1 and scores["macro_pearson"] > 0.9999


def test_of_label_frames_of_20_ms_each_frame_of_100_ms_has_one_map(tmp_path):
    frame = np.arange(10)
    fixed = np.zeros(10)
    events = Events(frame / 50, (frame + 1) / 50, fixed, fixed, 10 * frame, fixed, fixed + np.nan)
    write_maps(tmp_path / "a.json", events)
    maps = read_energy_maps(tmp_path / "a.json", predicted=True)
    assert [(one.frame, one.instance) for one in maps] == [(0, 0), (1, 0)]


def test_maps_that_take_too_much_lose_their_weak_points_and_a_warning_says_so(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(energy_maps, "MAX_FILE_BYTES", 40_000)
    write_maps(tmp_path / "a.json", crowd(20))
    assert (tmp_path / "a.json").stat().st_size <= 40_000
    assert "least confident" in caplog.text


def test_a_recording_is_predicted_into_csv_and_maps_of_the_same_directions(tmp_path, capsys):
    main(
        [
            "predict",
            "example",
            "--out",
            str(tmp_path / "e.csv"),
            "--maps",
            str(tmp_path / "m"),
            "--control",
            "blank",
        ]
    )
    assert f"--maps {tmp_path / 'm'}" in capsys.readouterr().err  # of the command that shows them
    maps = read_energy_maps(tmp_path / "m" / "example.json", predicted=True)
    rows = (tmp_path / "e.csv").read_text().splitlines()
    assert len(maps) == len(rows) > 10
    assert all(0 < one.score <= 1 for one in maps)
    assert len({one.score for one in maps}) > len(maps) / 2


@pytest.mark.parametrize(("task", "planar"), [("tagging", False), ("seld", True)])
def test_systems_without_directions_in_space_draw_no_maps(task, planar):
    with pytest.raises(BadInput, match="--maps: the system predicts no events with azimuth and elevation"):
        check_maps(SimpleNamespace(target=SimpleNamespace(task=task, planar=planar)), STARSS_CLASSES)
