"""A real system on 54 real recordings of STARSS23: the official scores, and how fast they come."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avseld.metrics import score

Shared = Callable[[str], Path]
NAMES = {2022: ("ER", "F", "LE", "LR", "seld_score"), 2024: ("ER", "F", "DOAE", "LR", "seld_score")}


@pytest.fixture(scope="module")
def folders(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The recordings of which both labels and predictions are there."""
    labels = shared("data/starss22_metadata/metadata_dev")
    outputs = shared("data/system_outputs/starss23_dev_test_system_a")
    home = tmp_path_factory.mktemp("system_a")
    (home / "reference").mkdir()
    (home / "prediction").mkdir()
    for path in labels.glob("dev-test-*/*.csv"):
        shutil.copy(path, home / "reference")
        shutil.copy(outputs / path.name, home / "prediction")
    return home / "reference", home / "prediction"


@pytest.mark.parametrize("year", [2022, 2024])
def test_scores_of_a_real_system_are_the_official_ones(folders: tuple, shared: Shared, year: int) -> None:
    theirs = json.loads(
        shared(f"data/system_outputs/system_a_official_{year}_on_starss22_54.json").read_text()
    )
    ours = score(*folders, year, jackknife=True)
    micro = score(*folders, year, "micro")
    assert ours.n_recordings == theirs["recordings"]
    for index, name in enumerate(NAMES[year]):
        tolerance = 1e-4 if name in ("LE", "DOAE") else 1e-6
        assert ours[name] == pytest.approx(theirs["macro"][index], abs=tolerance)
        assert micro[name] == pytest.approx(theirs["micro"][index], abs=tolerance)
        assert ours.classwise[name] == pytest.approx(theirs["macro"][5][index], abs=tolerance)
        assert ours.interval[name] == pytest.approx(theirs["macro_jackknife"][index][1], abs=tolerance)


def test_the_log_of_the_system_names_the_same_angles(folders: tuple, shared: Shared) -> None:
    log = shared("data/system_outputs/system_a_log.txt").read_text().splitlines()
    rows = {line.split("\t")[0]: line.split("\t") for line in log if line[:1].isdigit()}
    angles = score(*folders, 2024).classwise["DOAE"]
    for label in ("3", "8", "11"):  # whose reference events are all in the 54 recordings
        assert f"{angles[int(label)]:.2f}" == rows[label][2].split()[0]


def test_correction_moves_the_real_system_by_what_the_documentation_says(folders: tuple) -> None:
    from avseld.metrics import seld

    for year, row in ((2022, "2022, 2023"), (2024, "2024")):
        cells = next(line for line in seld.__doc__.splitlines() if line.startswith(f"| {row} |")).split("|")[
            2:-1
        ]
        before, after = score(*folders, year), score(*folders, year, corrected=True)
        for name, cell in zip(NAMES[year], cells, strict=True):
            digits = 2 if name in ("LE", "DOAE") else 4
            said = [float(value) for value in cell.split("->")]
            assert said == pytest.approx([round(before[name], digits), round(after[name], digits)])


def test_rooms_and_overlaps_add_up_to_the_whole(folders: tuple) -> None:
    from avseld.metrics.api import count_pairs
    from avseld.metrics.folders import open_pair
    from avseld.metrics.rules import rule_of
    from avseld.metrics.seld import ScoringOptions

    rule = rule_of(2023)
    pairing = open_pair(*folders, rule)
    options = ScoringOptions(pairing.n_classes, distance=False)
    whole = count_pairs(pairing, rule, options).sum().as_dict()
    parts = count_pairs(pairing, rule, options, by_overlap=True)
    assert len(parts.frames) > 3
    for name, value in parts.sum().as_dict().items():
        assert np.allclose(value, whole[name]), name
    assert {pairing.room(name) for name in pairing.names} == {"room2", "room8", "room10", "room23", "room24"}
