"""Front-back confusions and errors on the cone of confusion against values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avseld.base.sphere import unit_vector
from avseld.io.events import Events
from avseld.io.geometry import angle_between
from avseld.metrics import score
from avseld.metrics.cones import SCORES_OF_CONES, cone_scores, count_cones, errors_of
from avseld.metrics.confidence import interval_of

ANGLE = st.floats(-180, 180)
HEIGHT = st.floats(-90, 90)


def rows(*table):
    """Events from (frame, class, azimuth, elevation)."""
    return Events.from_rows(
        [(0.1 * f, 0.1 * (f + 1), c, i, a, e, 1.0) for i, (f, c, a, e) in enumerate(table)]
    )


def errors(reference, prediction, planar=False):
    """Errors of one pair of (azimuth, elevation), by name."""
    found = errors_of(rows((0, 0, *reference)), rows((0, 0, *prediction)), planar)
    return dict(zip(SCORES_OF_CONES, found[:, 0], strict=True))


@pytest.mark.parametrize(
    ("reference", "prediction", "unfolded", "folded", "confused", "lateral", "polar", "polar_folded"),
    [
        ((20, 0), (25, 0), 5, 5, 0, 5, 0, 0),
        ((20, 0), (160, 0), 140, 0, 1, 0, 180, 0),  # the mirror image behind
        ((-20, 0), (-170, 0), 150, 10, 1, 10, 180, 0),
        ((0, 10), (0, 50), 40, 40, 0, 0, 40, 40),  # in the median plane the polar angle is the elevation
        ((0, 80), (180, 80), 20, 0, 1, 0, 20, 0),  # just beyond the zenith
        ((30, 0), (-30, 0), 60, 60, 0, 60, 0, 0),  # left and right are no matter of the cone
        ((60, 0), (120, 0), 60, 0, 1, 0, np.nan, np.nan),  # too near the interaural axis for a polar angle
    ],
)
def test_errors_of_pairs_on_the_sphere_are_those_worked_out_by_hand(
    reference, prediction, unfolded, folded, confused, lateral, polar, polar_folded
):
    found = errors(reference, prediction)
    expected = (unfolded, folded, confused, lateral, polar, polar_folded)
    names = ("LE_unfolded", "LE_folded", "confusions", "lateral_error", "polar_error", "polar_error_folded")
    assert [found[name] for name in names] == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_a_reference_on_the_frontal_plane_has_no_mirror_image_to_be_confused_with():
    assert np.isnan(errors((90, 0), (110, 0))["confusions"])
    assert np.isnan(errors((0, 90), (180, 60))["confusions"])


def test_a_confusion_near_the_frontal_plane_is_not_one_far_from_it():
    near = errors((85, 0), (95, 0))
    assert near["confusions"] == 1 and np.isnan(near["confusions_far"])
    assert errors((69, 0), (111, 0))["confusions_far"] == 1
    assert errors((69, 0), (88, 0))["confusions_far"] == 0


@given(ANGLE, HEIGHT, ANGLE, HEIGHT)
def test_a_confusion_is_a_prediction_that_is_closer_to_the_mirror_image(azimuth, elevation, other, height):
    true, predicted = unit_vector(azimuth, elevation), unit_vector(other, height)
    direct, mirrored = angle_between(true, predicted), angle_between(true * [-1, 1, 1], predicted)
    found = errors((azimuth, elevation), (other, height))
    if abs(direct - mirrored) > 1e-6:
        assert found["confusions"] == (mirrored < direct)
    assert found["LE_folded"] == pytest.approx(min(direct, mirrored), abs=1e-5)
    assert found["lateral_error"] <= found["LE_folded"] + 1e-5 <= found["LE_unfolded"] + 2e-5


def test_planar_pairs_are_compared_by_azimuth_alone_unless_the_rear_is_asked_for():
    found = errors((150, 40), (32, 0), planar=True)
    assert found["LE_folded"] == pytest.approx(2)
    assert found["LE_unfolded"] == pytest.approx(
        np.degrees(np.arccos(np.cos(np.radians(40)) * np.cos(np.radians(118))))
    )


REFERENCES = [
    rows((0, 0, 10, 0), (1, 0, 170, 0), (1, 0, -30, 20), (2, 1, -150, 0)),
    rows((0, 1, 40, 0), (5, 0, 0, 0)),
]
PREDICTIONS = [
    rows((0, 0, 12, 0), (1, 0, -32, 20), (1, 0, 20, 0), (2, 1, -40, 0), (3, 0, 0, 0)),
    rows((0, 1, 44, 0), (4, 0, 0, 0)),
]


def test_pairs_are_those_of_one_class_and_frame_at_the_least_angle():
    scores = cone_scores(count_cones(REFERENCES, PREDICTIONS, 3), "micro")
    assert scores.pairs == 5
    # of class 0: 10 -> 12, 170 -> 20, -30 -> -32; of class 1: -150 -> -40, 40 -> 44
    small = np.degrees(
        np.arccos(np.cos(np.radians(20)) ** 2 * np.cos(np.radians(2)) + np.sin(np.radians(20)) ** 2)
    )
    assert scores.values["LE_unfolded"] == pytest.approx((2 + 150 + small + 110 + 4) / 5)
    assert scores.values["confusions"] == pytest.approx(2 / 5)
    assert scores.classwise["confusions"] == pytest.approx([1 / 3, 1 / 2, np.nan], nan_ok=True)


def test_the_macro_average_is_over_the_classes_that_have_pairs():
    scores = cone_scores(count_cones(REFERENCES, PREDICTIONS, 3))
    assert scores.values["confusions"] == pytest.approx((1 / 3 + 1 / 2) / 2)


@pytest.mark.parametrize(("year", "name"), [(2024, "LE_unfolded"), (2025, "LE_folded")])
def test_the_unfolded_error_is_that_of_2024_and_the_planar_folded_one_that_of_2025(year, name):
    rng = np.random.default_rng(1)

    def scene(shift):
        table = [(frame, c, rng.uniform(-180, 180), shift) for frame in range(40) for c in (0, 1, 1)]
        return rows(*table, (40, 0, 0, 0))

    references, predictions = ({str(i): scene(5 * side) for i in range(3)} for side in (0, 1))
    official = score(references, predictions, year, "micro", n_classes=2, corrected=True)
    own = cone_scores(
        count_cones(list(references.values()), list(predictions.values()), 2, planar=year == 2025), "micro"
    )
    assert own.values[name] == pytest.approx(official.DOAE, abs=1e-3)


def test_intervals_are_those_of_recordings_left_out_and_counted_anew():
    references, predictions = [*REFERENCES, *REFERENCES], [*PREDICTIONS, *reversed(PREDICTIONS)]
    whole = cone_scores(count_cones(references, predictions, 3))
    partial = [
        cone_scores(
            count_cones(
                [each for i, each in enumerate(references) if i != out],
                [each for i, each in enumerate(predictions) if i != out],
                3,
            )
        ).values["LE_unfolded"]
        for out in range(4)
    ]
    expected = interval_of(np.array(whole.values["LE_unfolded"]), np.array(partial))
    assert whole.interval["LE_unfolded"] == pytest.approx(expected.tolist())
    assert not cone_scores(count_cones(REFERENCES[:1], PREDICTIONS[:1], 3)).interval


def test_references_mirrored_to_the_front_keep_the_errors_that_need_no_rear():
    found = cone_scores(count_cones(REFERENCES, PREDICTIONS, 3, planar=True), unfolded=False).as_dict()
    assert {"LE_folded", "lateral_error"} <= set(found) and "confusions" not in found


def test_silence_has_no_errors():
    scores = cone_scores(count_cones([Events.empty()] * 2, [Events.empty()] * 2, 2)).as_dict()
    assert (
        scores["pairs"] == 0 and scores["confusions"] is None and scores["interval"]["LE_folded"][0] is None
    )
