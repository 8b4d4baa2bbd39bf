"""What a score must be where one can compute it by hand."""

import cProfile
import gc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scenes import stationary_source

from avseld.base.errors import BadInput
from avseld.io.events import Events, concatenate
from avseld.metrics import RULES, Counts, count_recording, score, scores_from_counts, sum_counts

JOINT_YEARS = (2020, 2021, 2022, 2023)
FRAME_YEARS = (2024, 2025)
ALL_YEARS = tuple(RULES)


def one(reference: Events, prediction: Events, year: int, average: str = "micro", **options: object):
    return score({"a": reference}, {"a": prediction}, year, average, n_classes=4, **options)


@pytest.mark.parametrize("year", ALL_YEARS)
def test_a_perfect_prediction_has_no_errors(year: int) -> None:
    hop = RULES[year].hop
    scene = concatenate(
        [
            stationary_source(0, 24, 0, -170, 20, hop=hop),
            stationary_source(3, 33, 1, 90, -90, hop=hop),
            stationary_source(5, 9, 2, 0, hop=hop),
        ]
    )
    ours = one(scene, scene, year)
    assert ours["F"] == pytest.approx(1)
    assert ours["ER"] == pytest.approx(0) or year == 2025
    angle = {"doa2018": ours.doa_error, "doa2019": ours.doa_error, "frames": ours.DOAE}.get(
        RULES[year].counting, ours.LE
    )
    assert angle == pytest.approx(0, abs=1e-3)
    assert ours.seld_score == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("year", ALL_YEARS)
def test_silence_predicted_misses_everything(year: int) -> None:
    ours = one(stationary_source(0, 24, hop=RULES[year].hop), Events.empty(), year)
    assert ours["F"] == 0
    assert ours["ER"] == pytest.approx(1) or year == 2025  # which knows no error rate
    if year in JOINT_YEARS:
        assert (ours.LE, ours.LR) == (180, 0)
        assert ours.seld_score == pytest.approx(1)


@pytest.mark.parametrize("year", ALL_YEARS)
def test_events_predicted_into_an_empty_recording_are_free_unless_corrected(year: int) -> None:
    prediction = stationary_source(0, 24, hop=RULES[year].hop)
    fair = one(Events.empty(), prediction, year, corrected=True)
    assert np.isnan(fair.ER)  # no reference to divide by
    counted = count_recording(Events.empty(), prediction, year, 4, corrected=True)
    assert counted.insertions > 0
    official = count_recording(Events.empty(), prediction, year, 4)
    assert (official.insertions > 0) == (year in (2018, 2019, 2020))


@pytest.mark.parametrize("year", [2020, 2021, 2022, 2023, 2024])
def test_false_alarms_alone_are_insertions(year: int) -> None:
    reference = stationary_source(0, 19)
    prediction = concatenate([reference, stationary_source(0, 18, 1)])
    ours = count_recording(reference, prediction, year, 4)
    n = 19 if year == 2024 else 2
    assert (ours.insertions, ours.substitutions, ours.deletions) == (n, 0, 0)
    assert ours.fp.tolist() == [0, n, 0, 0]


def test_another_class_instead_is_a_substitution() -> None:
    ours = count_recording(stationary_source(0, 19, 0), stationary_source(0, 19, 1), 2022, 4)
    assert (ours.substitutions, ours.deletions, ours.insertions) == (2, 0, 0)


@pytest.mark.parametrize("year", [2020, 2021, 2022, 2023, 2024])
@pytest.mark.parametrize(
    ("reference", "prediction", "degrees"),
    [
        ((175, 0), (-175, 0), 10),
        ((0, 85), (180, 85), 10),
        ((0, 90), (137, 90), 0),
        ((10, -90), (-100, -85), 5),
        ((0, 0), (180, 0), 180),
        ((90, 0), (90, 45), 45),
    ],
)
def test_angles_are_great_circles_over_the_seam_and_the_poles(
    year: int, reference: tuple, prediction: tuple, degrees: float
) -> None:
    ours = one(stationary_source(0, 9, 0, *reference), stationary_source(0, 9, 0, *prediction), year)
    angle = ours.DOAE if year == 2024 else ours.LE
    assert angle == pytest.approx(degrees, abs=2e-3)


@pytest.mark.parametrize(
    ("reference", "prediction", "degrees"),
    [(80, 100, 0), (175, 5, 0), (-95, -85, 0), (170, -170, 20), (-180, 0, 0)],
)
def test_front_and_rear_are_equal_in_stereo(reference: float, prediction: float, degrees: float) -> None:
    assert one(stationary_source(0, 9, 0, reference), stationary_source(0, 9, 0, prediction), 2025)[
        "DOAE"
    ] == pytest.approx(degrees)


@pytest.mark.parametrize("year", [2021, 2022, 2023, 2024])
@pytest.mark.parametrize("n_sources", [2, 3])
def test_sources_of_one_class_are_assigned_to_the_nearest_predictions(year: int, n_sources: int) -> None:
    azimuths = (0.0, 90.0, 180.0)[:n_sources]
    reference = concatenate(
        [stationary_source(0, 9, 0, azimuth, source=i) for i, azimuth in enumerate(azimuths)]
    )
    # written in another order and each 10 degrees off
    prediction = concatenate(
        [stationary_source(0, 9, 0, azimuth + 10, source=0) for azimuth in azimuths[::-1]]
    )
    ours = count_recording(reference, prediction, year, 4)
    n = 9 * n_sources if year == 2024 else n_sources
    assert ours.matched[0] == n
    assert ours.tp[0] == n
    assert ours.angle[0] / n == pytest.approx(10)


def test_2020_adds_the_distances_of_several_sources_unless_corrected() -> None:
    reference = concatenate(
        [stationary_source(0, 9, 0, 0, source=0), stationary_source(0, 9, 0, 90, source=1)]
    )
    prediction = concatenate([stationary_source(0, 9, 0, 8), stationary_source(0, 9, 0, 98)])
    assert one(reference, prediction, 2020)["LE"] == pytest.approx(16)
    assert one(reference, prediction, 2020, corrected=True)["LE"] == pytest.approx(8)


def test_20_degrees_is_near_and_a_little_more_is_far() -> None:
    assert one(stationary_source(0, 9), stationary_source(0, 9, 0, 19.999), 2022)["F"] == pytest.approx(1)
    assert one(stationary_source(0, 9), stationary_source(0, 9, 0, 20.001), 2022)["F"] == 0


def test_a_distant_match_weighs_half_in_2021_and_whole_since_2022() -> None:
    reference = concatenate([stationary_source(0, 9, 0), stationary_source(0, 9, 1)])
    prediction = concatenate([stationary_source(0, 9, 0), stationary_source(0, 9, 1, 90)])
    assert one(reference, prediction, 2021)["F"] == pytest.approx(1 / 1.5)
    assert one(reference, prediction, 2022)["F"] == pytest.approx(1 / 2)
    assert one(reference, prediction, 2022)["LE"] == pytest.approx(45)


def test_distance_beyond_twice_the_true_one_is_wrong_in_2024() -> None:
    reference = stationary_source(0, 10, distance=1.1)
    assert one(reference, stationary_source(0, 10, distance=2.2), 2024)["F"] == pytest.approx(1)
    wrong = one(reference, stationary_source(0, 10, distance=2.3), 2024)
    assert wrong["F"] == 0
    assert wrong["RDE"] == pytest.approx(1.2 / 1.1)
    assert wrong["DE"] == pytest.approx(1.2)
    assert one(reference, stationary_source(0, 10, distance=2.3), 2025)["DE"] == pytest.approx(
        120
    )  # centimetres


def test_events_that_meet_at_a_segment_border_are_in_both_segments() -> None:
    reference, prediction = stationary_source(5, 14), stationary_source(9, 10)
    ours = count_recording(reference, prediction, 2022, 4)
    assert (ours.reference[0], ours.prediction[0], ours.matched[0]) == (2, 2, 2)
    apart = count_recording(stationary_source(0, 9), stationary_source(10, 12), 2022, 4)
    assert (apart.matched[0], apart.fn[0]) == (0, 1)


def test_a_last_frame_divisible_by_ten_is_dropped_unless_corrected() -> None:
    reference = stationary_source(0, 10)
    assert count_recording(reference, reference, 2022, 4).reference[0] == 1
    assert count_recording(reference, reference, 2022, 4, corrected=True).reference[0] == 2
    assert count_recording(reference, reference, 2024, 4).reference[0] == 10
    assert count_recording(reference, reference, 2024, 4, corrected=True).reference[0] == 11


def test_predictions_that_miss_the_frames_of_a_segment_are_counted_as_misses_unless_corrected() -> None:
    reference = concatenate([stationary_source(0, 2, source=0), stationary_source(0, 2, source=1)])
    prediction = stationary_source(5, 7)
    reference = concatenate([reference, stationary_source(9, 9, 3)])
    official, fair = (
        count_recording(reference, prediction, 2022, 4),
        count_recording(reference, prediction, 2022, 4, corrected=True),
    )
    assert (official.fn[0], official.fp[0]) == (1, 0)
    assert (fair.fn[0], fair.fp[0]) == (2, 1)


def test_visibility_can_be_required_in_2025() -> None:
    reference = stationary_source(0, 10)
    unseen = replace(reference, onscreen=np.zeros(len(reference)))
    assert one(reference, unseen, 2025)["F"] == pytest.approx(1)
    assert one(reference, unseen, 2025).onscreen_accuracy == 0
    assert one(reference, unseen, 2025, onscreen=True)["F"] == 0


def test_values_of_the_2020_scorer_on_a_made_scene_are_met() -> None:
    reference = concatenate(
        [
            stationary_source(0, 11, 0, 30),
            stationary_source(8, 24, 1, -170, 20),
            stationary_source(22, 29, 3, 90, -30),
            stationary_source(0, 9, 1, 100, 10, source=1),
        ]
    )
    prediction = concatenate(
        [
            stationary_source(2, 14, 0, 40, 5),
            stationary_source(9, 21, 1, 150, 10),
            stationary_source(20, 29, 2),
        ]
    )
    ours, counted = one(reference, prediction, 2020), count_recording(reference, prediction, 2020, 4)
    expected = [0.6666666667, 0.3333333333, 28.3466209350, 0.8333333333, 0.4143703069]
    assert [ours[name] for name in ("ER", "F", "LE", "LR", "seld_score")] == pytest.approx(expected, abs=1e-8)
    assert (counted.tp.sum(), counted.fp.sum(), counted.fn.sum() + counted.far.sum()) == (2, 1, 4)
    assert (counted.substitutions, counted.deletions, counted.insertions) == (1, 3, 0)
    assert one(reference, prediction, 2020, corrected=True)["LR"] == pytest.approx(5 / 6)


def made_scene(index: int) -> tuple[list, list]:
    """Recording of the published values of 2022 and 2024: a source that circles, at times with a second."""

    def wrap(angle: float) -> float:
        return (angle + 180) % 360 - 180

    reference, prediction = [], []
    for f in range(120):
        label = (4 * index + f // 15) % 13
        azimuth, elevation = (7 * f + 40 * index) % 360 - 180, (3 * f) % 120 - 60
        second = (f // 30) % 2
        if f % 15 < 11:
            reference.append((f, label, 0, azimuth, elevation, 100 + f))
            if second:
                reference.append((f, label, 1, wrap(azimuth + 90), -elevation, 200 + f))
        if f % 15 < 12:
            said = (label + 1) % 13 if f % 40 < 5 else label
            prediction.append((f, said, 0, wrap(azimuth + 5 * (f % 8) - 10), 0.9 * elevation, 110 + f))
            if second and f % 2 == 0:
                prediction.append((f, said, 0, wrap(azimuth + 115), -elevation, 350 + f))
    return reference, prediction


def table(rows: list) -> Events:
    frame, label, source, azimuth, elevation, distance = np.array(rows, float).T
    return Events(frame / 10, (frame + 1) / 10, label, source, azimuth, elevation, distance / 100)


def test_published_values_of_2022_and_2024_on_circling_sources_are_met() -> None:
    scenes = [made_scene(index) for index in range(3)]
    reference = {f"mix{i}": table(scene[0]) for i, scene in enumerate(scenes)}
    prediction = {f"mix{i}": table(scene[1]) for i, scene in enumerate(scenes)}
    ours = score(reference, prediction, 2022, jackknife=True)
    expected = [0.375, 0.7682539683, 13.9406242221, 0.9423076923, 0.1854715629]
    assert [ours[n] for n in ("ER", "F", "LE", "LR", "seld_score")] == pytest.approx(expected, abs=1e-6)
    assert ours.interval["F"] == pytest.approx([0.65814097, 1.03131772], abs=1e-6)
    assert ours.interval["LE"] == pytest.approx([-38.8425, 33.3809], abs=1e-3)
    names = ("ER", "F", "DOAE", "DE", "RDE", "LR", "seld_score")
    expected = [
        0.4692307692,
        0.6110789140,
        12.9750237632,
        0.3361455749,
        0.1500726980,
        0.7582417582,
        0.2036924165,
    ]
    assert [score(reference, prediction, 2024)[n] for n in names] == pytest.approx(expected, abs=1e-6)
    plain = score(reference, prediction, 2024, distance_unit="none")
    assert (plain.F, plain.seld_score) == pytest.approx((0.6110789140, 0.2929983906), abs=1e-6)


@pytest.mark.parametrize("year", ALL_YEARS)
def test_counts_add_up_and_travel_as_plain_arrays(year: int) -> None:
    hop = RULES[year].hop
    scenes = {
        f"mix{i}": (
            stationary_source(i, 30 + i, 0, 10 * i, hop=hop),
            stationary_source(2, 28, i % 2, 5 * i, hop=hop),
        )
        for i in range(4)
    }
    parts = [count_recording(*scene, year, 4) for scene in scenes.values()]
    travelled = [Counts.from_dict(part.as_dict()) for part in parts]
    whole = score(
        {name: scene[0] for name, scene in scenes.items()},
        {name: scene[1] for name, scene in scenes.items()},
        year,
        n_classes=4,
    )
    summed = scores_from_counts(sum_counts(travelled), "macro", year)
    for name in RULES[year].scores:
        assert summed[name] == pytest.approx(whole[name], nan_ok=True)
    assert (parts[0] + parts[1]).reference.tolist() == sum_counts(parts[:2]).reference.tolist()


@settings(max_examples=30, deadline=None)
@given(st.permutations(list(range(5))), st.sampled_from(ALL_YEARS))
def test_the_order_of_recordings_does_not_matter(order: list[int], year: int) -> None:
    hop = RULES[year].hop
    reference = {f"mix{i}": stationary_source(i, 20 + i, i % 3, 20 * i, hop=hop) for i in range(5)}
    prediction = {f"mix{i}": stationary_source(i, 22, i % 2, 25 * i, hop=hop) for i in range(5)}
    shuffled = {f"mix{i}": reference[f"mix{i}"] for i in order}
    first = score(reference, prediction, year, n_classes=3, jackknife=True)
    second = score(shuffled, prediction, year, n_classes=3, jackknife=True)
    for name in RULES[year].scores:
        assert first[name] == pytest.approx(second[name], nan_ok=True)
        assert first.interval[name] == pytest.approx(second.interval[name], nan_ok=True)


def test_the_jackknife_of_equal_recordings_has_no_width() -> None:
    scene = stationary_source(0, 29), stationary_source(0, 29, 0, 12)
    names = [f"mix{i}" for i in range(4)]
    ours = score(
        dict.fromkeys(names, scene[0]), dict.fromkeys(names, scene[1]), 2023, jackknife=True, n_classes=1
    )
    assert ours.interval["LE"] == pytest.approx([12, 12])
    with pytest.raises(BadInput, match="two recordings"):
        score({"a": scene[0]}, {"a": scene[1]}, 2023, jackknife=True)


def test_the_jackknife_of_ten_thousand_recordings_takes_no_more_calls_than_that_of_ten() -> None:
    def calls(recordings: int) -> int:
        generator = np.random.default_rng(0)
        shape = (recordings, 13)
        drawn = {
            name: generator.integers(0, 9, shape)
            for name in ("tp", "far", "fp", "fn", "matched", "reference")
        }
        table = Counts.zeros(shape[:1], 13, **drawn, angle=generator.random(shape))
        gc.disable()  # a collection calls the functions that other tests have registered for it
        try:
            with cProfile.Profile() as profile:
                ours = scores_from_counts(table, "macro", 2023, jackknife=True)
        finally:
            gc.enable()
        assert ours.interval["F"][0] < ours["F"] < ours.interval["F"][1]
        return sum(entry.callcount for entry in profile.getstats())

    assert calls(10_000) == calls(10)


def test_recordings_without_counterpart_are_named() -> None:
    scene = stationary_source(0, 9)
    with pytest.raises(BadInput, match="no prediction for mix2"):
        score({"mix1": scene, "mix2": scene}, {"mix1": scene}, 2023)
    with pytest.raises(BadInput, match="no reference for mix3"):
        score({"mix1": scene}, {"mix1": scene, "mix3": scene}, 2023)
    assert score({"mix1": scene, "mix2": scene}, {"mix1": scene}, 2023, "micro", missing="empty")["LR"] == 0.5


def test_unknown_classes_and_years_are_refused() -> None:
    with pytest.raises(BadInput, match="class 13 is not an index below 13"):
        score({"a": stationary_source(0, 9, 13)}, {"a": Events.empty()}, 2023)
    with pytest.raises(BadInput, match="choose one of 2018, 2019, 2020"):
        score({"a": stationary_source(0, 9)}, {"a": Events.empty()}, 2017)
    with pytest.raises(BadInput, match="macro or micro"):
        score({"a": stationary_source(0, 9)}, {"a": Events.empty()}, 2023, "mean")


@pytest.mark.parametrize("year", [2022, 2023, 2024, 2025])
def test_f_is_the_harmonic_mean_of_precision_and_recall(year: int) -> None:
    reference = stationary_source(0, 39)
    prediction = concatenate(
        [
            stationary_source(0, 19, azimuth=5),
            stationary_source(20, 29, azimuth=60),
            stationary_source(10, 25, label=1),
        ]
    )
    classwise = score({"a": reference}, {"a": prediction}, year).classwise
    f, p, r = (classwise[name][0] for name in ("F", "P", "R"))
    assert 0 < r < p < 1
    assert f == pytest.approx(2 * p * r / (p + r))
