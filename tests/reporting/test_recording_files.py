"""Files of recordings: predictions are read in the unit in which they were written."""

from pathlib import Path

import numpy as np
import pytest

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import Dialect, write_dcase
from avseld.io.events import Events
from avseld.io.predictions import PLANAR, WITH_DISTANCE
from avseld.reporting.recording_files import RecordingFiles, from_run

EVENTS = Events.from_rows([(0.1 * f, 0.1 * f + 0.1, 2, 0, 30.0, 0.0, 2.5) for f in range(4)])


@pytest.mark.parametrize("dialect", [WITH_DISTANCE, PLANAR, Dialect()], ids=["2024", "2025", "2023"])
def test_distances_of_predictions_are_read_as_they_were_written(tmp_path: Path, dialect: Dialect) -> None:
    path = tmp_path / "a.csv"
    write_dcase(path, EVENTS, dialect)
    files = RecordingFiles("a", tmp_path / "a.wav", [f"class {k}" for k in range(13)], prediction=path)
    _, prediction = files.load_events()
    assert prediction is not None
    np.testing.assert_allclose(prediction.distance, 2.5)


def test_a_given_unit_overrides_that_of_the_format(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_dcase(path, EVENTS, WITH_DISTANCE)
    _, prediction = RecordingFiles("a", tmp_path / "a.wav", [], prediction=path).load_events(0.01)
    assert prediction is not None
    np.testing.assert_allclose(prediction.distance, 0.025)


def test_the_reference_of_a_drawing_may_be_a_sheet_of_many_recordings(tmp_path: Path) -> None:
    sheet = tmp_path / "all.csv"
    sheet.write_text("file,start,end,class,azimuth\na.wav,0,1,knock,30\nb.wav,0,1,bell,40\n")
    files = RecordingFiles("b", tmp_path / "b.wav", ["knock", "bell"], reference=sheet)
    reference, _ = files.load_events()
    assert reference is not None and reference.label.tolist() == [1] and reference.azimuth.tolist() == [40]


def test_without_predictions_the_command_names_the_recordings_that_were_asked_for(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    run.mkdir()
    (run / "config.yaml").write_text("data: {prepared: first, format: foa, test: [fold1]}\n")
    with pytest.raises(BadInput, match=f"avseld predict --run {run} --prepared {other}$"):
        from_run(run, other)
