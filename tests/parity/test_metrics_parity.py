"""Every score equals that of the published scorer on the inputs beside it (metrics/ of `--golden DIR`)."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avseld.metrics import Scores, score, scores_from_counts
from avseld.metrics.doa2019 import count_frames

Golden = Callable[[str], Path]

JOINT = ("ER", "F", "LE", "LR", "seld_score")
FRAME = ("ER", "F", "DOAE", "DE", "RDE", "LR", "seld_score")
STEREO = ("F", "DOAE", "DE", "RDE", "onscreen_accuracy")
TOLERANCE = {"LE": 1e-4, "DOAE": 1e-4, "doa_error": 1e-4, "DE": 1e-4}


def values(path: Path) -> dict:
    return json.loads(path.read_text())


def numbers(nested: list) -> np.ndarray:
    """Array of nested lists, null as NaN."""
    return np.array(nested, dtype=object).astype(float)


def close(name: str, ours: object, theirs: object) -> None:
    np.testing.assert_allclose(
        np.asarray(ours, float), numbers(theirs), rtol=0, atol=TOLERANCE.get(name, 1e-6), err_msg=name
    )


def compare(ours: Scores, names: tuple[str, ...], theirs: list) -> None:
    for name, value in zip(names, theirs, strict=False):
        close(name, ours[name], value)
    classwise = theirs[len(names)] if len(theirs) > len(names) else []
    for name, row in zip(names, classwise, strict=False):
        close(f"{name}", ours.classwise[name], row)


def compare_intervals(ours: Scores, names: tuple[str, ...], theirs: list) -> None:
    """Intervals only: the point values beside them are those of the last recording left out."""
    for name, (_, interval) in zip(names, theirs, strict=False):
        close(name, ours.interval[name], interval)
    if len(theirs) > len(names) and theirs[len(names)][1]:
        for name, rows in zip(names, theirs[len(names)][1], strict=True):
            close(name, ours.classwise_interval[name], rows)


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_2022_scores_and_intervals_are_the_official_ones(golden: Golden, average: str) -> None:
    theirs = values(golden("metrics/official_2022.json"))[f"{average}/segment"]
    folders = golden("metrics/reference"), golden("metrics/prediction")
    for year in (2022, 2023):
        ours = score(*folders, year, average, jackknife=True)
        compare(ours, JOINT, theirs["scores"])
        compare_intervals(ours, JOINT, theirs["jackknife"])


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_2024_scores_and_intervals_are_the_official_ones(golden: Golden, average: str) -> None:
    theirs = values(golden("metrics/official_2024.json"))[f"{average}/frame"]
    reference = golden("metrics/reference")
    ours = score(reference, golden("metrics/prediction_metres"), 2024, average, jackknife=True)
    compare(ours, FRAME, theirs["scores"])
    compare_intervals(ours, FRAME, theirs["jackknife"])
    compare(
        score(reference, golden("metrics/prediction"), 2024, average, distance_unit="cm"),
        FRAME,
        theirs["scores"],
    )


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_the_2024_scorer_agrees_on_the_2022_definition(golden: Golden, average: str) -> None:
    theirs = values(golden("metrics/official_2024.json"))[f"{average}/segment"]
    ours = score(golden("metrics/reference"), golden("metrics/prediction"), 2022, average, jackknife=True)
    compare(ours, JOINT, theirs["scores"])
    compare_intervals(ours, JOINT, theirs["jackknife"])


@pytest.mark.parametrize("average", ["macro", "micro"])
@pytest.mark.parametrize("visibility", ["any", "onscreen"])
def test_2025_scores_are_the_official_ones(golden: Golden, average: str, visibility: str) -> None:
    theirs = values(golden("metrics/official_2025.json"))[f"{average}/{visibility}"]
    ours = score(
        golden("metrics/stereo/reference"),
        golden("metrics/stereo/prediction"),
        2025,
        average,
        onscreen=visibility == "onscreen",
    )
    compare(ours, STEREO, theirs)


def test_2020_scores_are_the_official_ones(golden: Golden) -> None:
    theirs = values(golden("metrics/official_2020.json"))
    ours = score(golden("metrics/reference"), golden("metrics/prediction"), 2020)
    for name in JOINT:
        close(name, ours[name], theirs[name])


def test_2019_scores_of_network_output_are_the_official_ones(golden: Golden) -> None:
    theirs = values(golden("metrics/official_2019.json"))
    arrays = np.load(golden("metrics/framewise_2019.npz"), allow_pickle=False)
    counts = count_frames(
        arrays["gt_sed"],
        arrays["pred_sed"],
        arrays["gt_doa_rad"],
        arrays["pred_doa_rad"],
        theirs["frames_per_second"],
    )
    ours = scores_from_counts(counts, challenge=2019)
    for name in ("ER", "F", "doa_error", "frame_recall", "seld_score"):
        close(name, ours[name], theirs[name])
