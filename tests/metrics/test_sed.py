"""Sound event detection: by hand, by slow definition on random lists, and as sed_eval has it."""

import math
import warnings

import numpy as np
import pytest
from reference import slow_sed

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.metrics.bipartite import maximum_matching
from avseld.metrics.ranking import average_precision
from avseld.metrics.sed import (
    event_based,
    event_counts,
    score_counts,
    segment_based,
    segment_counts,
)

DOG, CAT, SPEECH, BLENDER = range(4)


def said(*rows: tuple[int, float, float]) -> Events:
    return Events.from_rows((on, off, label, 0, np.nan, np.nan, np.nan) for label, on, off in rows)


TRUTH = {"a": said((DOG, 1, 2), (CAT, 3, 7), (DOG, 8, 9))}
GUESS = {"a": said((DOG, 1.15, 2.19), (CAT, 3.1, 7.7), (SPEECH, 8.05, 9.1))}


@pytest.mark.parametrize(
    ("scorer", "options", "micro", "macro"),
    [
        (event_based, {}, [2 / 3, 2 / 3, 2 / 3, 1 / 3, 1 / 3, 0, 0], [0.833333, 0.666667, 0.75]),
        (
            segment_based,
            {"resolution": 1.0},
            [2 / 3, 0.555556, 0.833333, 2 / 3, 1 / 6, 0, 0.5],
            [0.694444, 0.433333, 0.75],
        ),
        (
            segment_based,
            {"resolution": 0.2},
            [0.757576, 0.694444, 0.833333, 0.366667, 1 / 6, 0, 0.2],
            [0.767045, 0.555556, 0.75],
        ),
    ],
)
def test_dog_cat_and_speech_have_the_published_scores(scorer, options, micro, macro) -> None:
    ours = scorer(TRUTH, GUESS, 4, average="micro", **options)
    names = ("F", "precision", "recall", "ER", "substitution_rate", "deletion_rate", "insertion_rate")
    assert [ours[name] for name in names] == pytest.approx(micro, abs=1e-6)
    ours = scorer(TRUTH, GUESS, 4, **options)
    assert [ours[name] for name in names[:3]] == pytest.approx(macro, abs=1e-6)


def test_a_class_never_predicted_counts_zero_only_where_task_4_says_so() -> None:
    reference = {"a": said((0, 0, 1), (1, 0, 1)), "b": said(), "c": said()}
    prediction = {"a": said((0, 0, 1)), "c": said((0, 0.5, 1))}
    plain, strict = (
        event_based(reference, prediction, 2),
        event_based(reference, prediction, 2, zero_if_silent=True),
    )
    assert [plain[n] for n in ("F", "precision", "recall")] == pytest.approx([2 / 3, 0.5, 0.5])
    assert [strict[n] for n in ("F", "precision", "recall")] == pytest.approx([1 / 3, 0.25, 0.5])
    micro = event_based(reference, prediction, 2, average="micro")
    rates = [micro[n] for n in ("F", "ER", "deletion_rate", "insertion_rate")]
    assert rates == pytest.approx([0.5, 1, 0.5, 0.5])


def test_times_are_compared_as_doubles_unless_corrected() -> None:
    reference, prediction = {"a": said((0, 3.0, 4.0))}, {"a": said((0, 3.2, 4.0))}
    assert event_based(reference, prediction, 1)["recall"] == 0  # 3.2 - 3.0 is a little more than 0.2
    assert event_based(reference, prediction, 1, corrected=True)["recall"] == 1
    assert segment_counts(said((0, 0.6, 0.8)), said(), 1, 0.2).reference[0] == 2
    assert segment_counts(said((0, 0.6, 0.8)), said(), 1, 0.2, corrected=True).reference[0] == 1


def test_the_offset_may_be_late_by_a_fifth_of_a_long_event() -> None:
    reference, prediction = {"a": said((0, 0, 5))}, {"a": said((0, 0, 5.9))}
    assert event_based(reference, prediction, 1)["recall"] == 1
    assert event_based(reference, prediction, 1, offset_share=0.1)["recall"] == 0
    assert event_based(reference, {"a": said((0, 0, 9))}, 1, offset=False)["recall"] == 1


def test_pairs_are_as_many_as_possible_and_not_first_come() -> None:
    reference, prediction = said((0, 1.0, 2.0), (0, 1.3, 2.3)), said((0, 1.15, 2.15), (0, 0.9, 1.9))
    assert event_counts(reference, prediction, 1).tp[0] == 2


def test_the_largest_matching_is_found_on_random_graphs() -> None:
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import maximum_bipartite_matching

    generator = np.random.default_rng(0)
    for _ in range(500):
        allowed = generator.random(generator.integers(0, 9, 2)) < generator.random()
        rows, columns = maximum_matching(allowed)
        assert allowed[rows, columns].all()
        assert len(set(columns.tolist())) == len(columns) == len(set(rows.tolist()))
        if allowed.size:
            assert len(rows) == (maximum_bipartite_matching(csr_matrix(allowed)) >= 0).sum()


def random_events(generator: np.random.Generator) -> Events:
    n = int(generator.integers(0, 7))
    digits = int(generator.integers(1, 4))
    onset = np.round(generator.uniform(0, 3, n), digits)
    length = np.round(generator.uniform(0.1, 2, n), digits)
    nothing = np.full(n, np.nan)
    zeros = np.zeros(n)
    return Events(onset, onset + length, generator.integers(0, 3, n), zeros, nothing, nothing, nothing)


def test_ten_thousand_random_lists_count_as_the_definition_says() -> None:
    generator = np.random.default_rng(4)
    for _ in range(10_000):
        reference, prediction = random_events(generator), random_events(generator)
        resolution = float(generator.choice([0.2, 0.5, 1.0]))
        for fast, slow in (
            (
                segment_counts(reference, prediction, 3, resolution),
                slow_sed.segments(reference, prediction, 3, resolution),
            ),
            (event_counts(reference, prediction, 3), slow_sed.events(reference, prediction, 3)),
        ):
            for name, value in slow.items():
                assert np.array_equal(getattr(fast, name), value), (name, reference, prediction)


def test_random_lists_score_as_sed_eval_has_it() -> None:
    sed_eval = pytest.importorskip("sed_eval")
    containers = pytest.importorskip("dcase_util.containers")
    names = ["a", "b", "c"]

    def listed(events: Events, file: str):
        rows = zip(events.onset.tolist(), events.offset.tolist(), events.label.tolist(), strict=True)
        return containers.MetaDataContainer(
            [
                {"event_label": names[c], "event_onset": on, "event_offset": off, "file": file}
                for on, off, c in rows
            ]
        )

    generator = np.random.default_rng(5)
    for _ in range(60):
        reference = {str(i): random_events(generator) for i in range(3)}
        prediction = {str(i): random_events(generator) for i in range(3)}
        for scorer, options, theirs in (
            (event_based, {}, sed_eval.sound_event.EventBasedMetrics(names, t_collar=0.2)),
            (segment_based, {"resolution": 0.2}, sed_eval.sound_event.SegmentBasedMetrics(names, 0.2)),
        ):
            if scorer is event_based:
                theirs.percentage_of_length = 0.2
            for name in reference:
                theirs.evaluate(listed(reference[name], name), listed(prediction[name], name))
            for average in ("macro", "micro"):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    overall = theirs.results_overall_metrics
                    result = overall() if average == "micro" else theirs.results_class_wise_average_metrics()
                ours = scorer(reference, prediction, 3, average=average, **options)
                expected = [*result["f_measure"].values(), *result["error_rate"].values()]
                values = [ours["F"], ours["precision"], ours["recall"], ours["ER"]]
                rates = ["deletion_rate", "insertion_rate"]
                if average == "micro":
                    rates = ["substitution_rate", *rates]
                values += [ours[name] for name in rates]
                assert values == pytest.approx([float(v) for v in expected], nan_ok=True)


def test_average_precision_is_that_of_scikit_learn() -> None:
    target = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    score = np.array([[0.9, 0.2], [0.1, 0.8], [0.4, 0.7], [0.5, 0.1]])
    assert average_precision(target, score) == pytest.approx([0.8333333, 1.0])
    none = average_precision(np.array([[1, 0], [0, 0]]), np.array([[0.9, 0.2], [0.1, 0.3]]))
    assert none.tolist() == [1.0, 0.0]
    generator = np.random.default_rng(6)
    for _ in range(300):
        target = generator.random((12, 3)) < 0.4
        score = np.round(generator.random((12, 3)), int(generator.integers(1, 3)))
        ours = average_precision(target, score)
        assert ours == pytest.approx([slow_sed.precision_area(target[:, c], score[:, c]) for c in range(3)])


def test_intervals_of_detection_scores_hold_the_score_of_equal_recordings() -> None:
    names = [f"mix{i}" for i in range(5)]
    ours = segment_based(
        dict.fromkeys(names, TRUTH["a"]), dict.fromkeys(names, GUESS["a"]), 4, average="micro", jackknife=True
    )
    assert ours.interval["F"] == pytest.approx([2 / 3, 2 / 3])


def test_names_and_averages_that_do_not_exist_are_refused() -> None:
    with pytest.raises(BadInput, match="no reference for b"):
        segment_based(TRUTH, GUESS | {"b": GUESS["a"]}, 4)
    with pytest.raises(BadInput, match="macro or micro"):
        segment_based(TRUTH, GUESS, 4, average="mean")
    with pytest.raises(BadInput, match="class 2 is not an index below 2"):
        event_based(TRUTH, GUESS, 2)
    assert math.isnan(score_counts(segment_counts_of_silence(), corrected=True)["ER"])


def segment_counts_of_silence():
    from avseld.metrics.counts import Counts

    return Counts.zeros((1,), 2)
