"""Metrics of other packages, computed beside the official scores."""

import math

import pytest
from made_scenes import stationary_source

from avseld.base.errors import BadInput
from avseld.metrics import score


def test_numbers_of_a_function_are_kept_with_the_scores_and_printed():
    def length(reference, prediction):
        return {"rows": len(reference["a"]), "ratio": len(prediction["a"]) / 3}

    reference, prediction = {"a": stationary_source(0, 10)}, {"a": stationary_source(0, 4)}
    scores = score(reference, prediction, challenge=2023, metrics=[length])
    assert scores.own == {"rows": 11.0, "ratio": 5 / 3}
    assert str(scores).endswith("\n\nrows   11\nratio  1.667")
    assert score(reference, prediction, challenge=2023).own == {}


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        (lambda reference, prediction: 3.0, "<lambda> returns 3.0, expected a dict of names and numbers"),
        (lambda reference, prediction: {"x": "much"}, "expected a dict of names and numbers"),
        (lambda reference: {"x": 1}, "<lambda> fails: TypeError"),
        (lambda reference, prediction: reference["b"], "<lambda> fails: KeyError: 'b'"),
        ("nowhere:metric", "metrics: nowhere:metric: there is no package 'nowhere'"),
        ("math:pi", "metrics: math:pi is no function but a float"),
    ],
)
def test_a_metric_that_breaks_its_contract_is_named(metric, says):
    events = {"a": stationary_source(0, 10)}
    with pytest.raises(BadInput, match=says) as error:
        score(events, events, challenge=2023, metrics=[metric])
    assert "\n" not in str(error.value)


def test_two_metrics_of_one_name_are_refused():
    events = {"a": stationary_source(0, 10)}
    with pytest.raises(BadInput, match=r"'x' of .* is the name of another metric"):
        score(events, events, challenge=2023, metrics=[lambda *_: {"x": math.pi}] * 2)
