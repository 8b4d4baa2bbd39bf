"""Scores of SELDnet 2018 from events: those of the published arrays wherever the events have a direction."""

import numpy as np
import pytest

from avseld.io.events import Events
from avseld.metrics import RULES, doa2018, score, scores_from_counts

RULE, N_CLASSES = RULES[2018], 3
NAMES = RULE.scores


def frames_of(active: np.ndarray, azimuth: np.ndarray, elevation: np.ndarray) -> Events:
    """Write a row for each active class and frame."""
    frame, label = np.nonzero(active)
    rows = (frame * RULE.hop, (frame + 1) * RULE.hop, label, 0 * label)
    nothing = np.full(len(frame), np.nan)
    return Events(*rows, azimuth[frame, label], elevation[frame, label], nothing)


def vectors(active: np.ndarray, azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    a, e = np.radians(azimuth), np.radians(elevation)
    axes = np.stack([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)], axis=1)
    return (axes * active[:, None]).reshape(len(active), -1)


def drawn(generator: np.random.Generator, n_frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    active = np.repeat(generator.random((n_frames // 20 + 1, N_CLASSES)) < 0.4, 20, axis=0)[:n_frames]
    return active, generator.uniform(-180, 180, active.shape), generator.uniform(-90, 90, active.shape)


@pytest.mark.parametrize("corrected", [False, True])
def test_events_have_the_scores_of_the_arrays_of_a_network(corrected):
    generator = np.random.default_rng(0)
    reference = drawn(generator, 400)
    guessed = (reference[0] | drawn(generator, 400)[0], *drawn(generator, 400)[1:])  # nothing is missed
    sides = [frames_of(*side) for side in (reference, guessed)]
    counts = doa2018.count(*([side] for side in sides), RULE, N_CLASSES, n_frames=400, corrected=corrected)
    ours = scores_from_counts(counts, challenge=2018, corrected=corrected)
    arrays = (reference[0], guessed[0], vectors(*reference), vectors(*guessed))
    theirs = doa2018.legacy_2018(*arrays, corrected=corrected)
    assert {name: ours[name] for name in NAMES} == pytest.approx({name: theirs[name] for name in NAMES})
    assert ours.printed == NAMES and ours["insertion_rate"] != ours["insertion_rate"]


def test_published_detections_keep_their_scores():
    reference, prediction = np.zeros((400, 3), bool), np.zeros((400, 3), bool)
    reference[5:200, 0] = reference[100:300, 1] = True
    prediction[10:171, 0] = prediction[350:360, 0] = prediction[171, 1] = prediction[150:310, 2] = True
    where = np.zeros((400, 3))
    sides = [frames_of(active, where, where) for active in (reference, prediction)]
    ours = scores_from_counts(
        doa2018.count(*([side] for side in sides), RULE, 3, n_frames=400), challenge=2018
    )
    assert [ours["ER"], ours["F"], ours["frame_recall"]] == pytest.approx([0.75, 0.25, 297 / 400])
    assert ours["doa_error"] == pytest.approx(0)  # the cells that were not detected have no direction


def test_a_label_lasts_a_frame_longer_than_its_direction_unless_corrected():
    label = Events.from_rows([(0.0, 1.0, 0, 0, 30.0, 0.0, np.nan)])  # 172.3 frames
    late = doa2018.count([label], [Events.empty()], RULE, 1, n_frames=400)
    fair = doa2018.count([label], [Events.empty()], RULE, 1, n_frames=400, corrected=True)
    active = [400 - int(counts.equal_frames[0]) for counts in (late, fair)]
    assert active == [174, 173] and late.matched.sum() == 0
    assert doa2018.count([label], [label], RULE, 1, n_frames=400).matched.sum() == 173


def test_frames_of_a_csv_last_100_ms(tmp_path):
    for name in ("reference", "prediction"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_text("".join(f"{frame},0,0,40,10\n" for frame in range(10, 30)))
    ours = score(tmp_path / "reference", tmp_path / "prediction", challenge=2018)
    assert (ours["F"], ours["ER"]) == pytest.approx((1, 0)) and ours["doa_error"] == pytest.approx(0)
    assert str(ours).startswith("SELDnet 2018, micro average") and ours.classwise["F"][0] == pytest.approx(1)
