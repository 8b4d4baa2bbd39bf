"""Pictures that are mirrored or turned against the labels are named by the boxes of people."""

import numpy as np
import pytest

from avseld.io.boxes import Boxes
from avseld.io.events import Events
from avseld.io.geometry import to_frame
from data_prep.check.mirrored import measure, warning_of

CLASSES = ["femaleSpeech", "telephone"]


def recording(
    seed: int, azimuths: list[float], elevation: float = -25.0, label: int = 0
) -> tuple[Events, Boxes]:
    """One second of sound from each of some azimuths, a second apart, and the box of somebody there all the time."""
    random = np.random.default_rng(seed)
    rows, time, azimuth = [], np.arange(20 * len(azimuths)) / 10, np.repeat(azimuths, 20)
    for place, degrees in enumerate(azimuths):
        rows.append((2.0 * place, 2.0 * place + 1.0, label, 0, degrees, elevation, np.nan))
    u, v = to_frame(azimuth + random.normal(0, 3, len(time)), elevation - 5 + random.normal(0, 2, len(time)))
    box = np.stack([u - 0.02, v - 0.1, u + 0.02, v + 0.1], axis=1)[:, None]
    score = np.full((len(time), 1), 0.9)
    return Events.from_rows(rows), Boxes(time, box, score, np.zeros_like(score), {"duration": len(time) / 10})


def flipped(boxes: Boxes, change: str) -> Boxes:
    x0, y0, x1, y1 = np.moveaxis(boxes.box, -1, 0)
    if change in ("mirrored left to right", "turned upside down"):
        x0, x1 = 1 - x1, 1 - x0
    if change == "turned upside down":
        y0, y1 = 1 - y1, 1 - y0
    if "180" in change:
        x0, x1 = x0 - 0.5, x1 - 0.5
    return Boxes(boxes.time, np.stack([x0, y0, x1, y1], axis=-1), boxes.score, boxes.label, boxes.about)


@pytest.mark.parametrize(
    "change",
    ["mirrored left to right", "turned upside down", "turned by 180 degrees"],
)
def test_the_change_of_the_picture_is_named(change):
    corpus = [recording(seed, [40.0, 110.0, -70.0, 15.0, -130.0]) for seed in range(2)]
    measured = [measure(events, flipped(boxes, change), CLASSES) for events, boxes in corpus]
    text = warning_of(measured, CLASSES)
    assert text is not None and f"with the picture {change}" in text and " or " not in text
    assert "in 10 events (100 frames) in which a sound of people (femaleSpeech)" in text and "few" not in text


def test_changes_that_fit_alike_are_all_named_with_the_number_of_events():
    events, boxes = recording(0, [90.0, 90.0])
    text = warning_of([measure(events, flipped(boxes, "mirrored left to right"), CLASSES)], CLASSES)
    assert text is not None and "in 2 events" in text and "so few events may mislead" in text
    assert "mirrored left to right (ffmpeg -vf hflip), 100 % or turned by 180 degrees" in text


@pytest.mark.parametrize("label", [0, 1])
def test_pictures_as_labelled_and_sounds_of_things_cause_no_warning(label):
    change = "mirrored left to right" if label else "none"
    events, boxes = recording(0, [40.0, 110.0, -70.0], label=label)
    assert warning_of([measure(events, flipped(boxes, change), CLASSES)], CLASSES) is None
    empty = Boxes(np.zeros(0), np.zeros((0, 1, 4)), np.zeros((0, 1)), np.zeros((0, 1)))
    assert (
        warning_of([measure(events, empty, CLASSES), measure(Events.empty(), boxes, CLASSES)], CLASSES)
        is None
    )
