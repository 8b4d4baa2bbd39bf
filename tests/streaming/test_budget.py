"""Latencies planned and measured, what a step costs, and the end of a stream in words."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_material import live_system, small_system

from avseld.io.boxes import Boxes
from avseld.streaming import warm_up
from avseld.streaming.budget import LATENCY, RESOLUTION_S, Budget, Durations
from avseld.streaming.engine import Engine, Stretch
from avseld.streaming.faults import FaultLog
from avseld.streaming.plan import plan
from avseld.streaming.summary import Tally, summary_message, summary_text
from avseld.streaming.warm_up import cost_of_picture, cost_of_step, crowd_of, looking, smallest_step
from avseld.streaming.wishes import Wishes


@given(st.lists(st.floats(0, 19), min_size=1, max_size=300), st.floats(0.01, 0.99))
def test_quantiles_of_counted_durations_are_those_of_the_durations(seconds, share):
    counted = Durations()
    for one in seconds:
        counted.add(one)
    expected = np.quantile(seconds, share, method="inverted_cdf")
    assert counted.quantile(share) == pytest.approx(expected, abs=RESOLUTION_S)
    assert counted.worst == max(seconds) and counted.n == len(seconds)


def test_durations_beyond_the_longest_keep_their_worst():
    counted = Durations()
    counted.add(100.0)
    counted.add(-1.0)
    assert counted.worst == 100.0 and counted.quantile(0.25) == 0.0 and counted.quantile(0.9) == 20.0


def test_the_planned_latency_is_the_sum_of_what_an_event_waits_for():
    budget = Budget({"block": 0.02, "step": 0.1, "look-ahead": 0.061, "network": 0.02, "detector": 0.5})
    assert budget.latency == pytest.approx(0.201)
    assert budget.plan() == (
        "latency, ms: block 20 + step 100 + look-ahead 61 + network 20 = 201; beside it detector 500"
    )
    for one in (0.19, 0.2, 0.4):
        budget.add(LATENCY, one)
    assert budget.table().splitlines()[-1].split() == ["latency", "201", "200", "400", "400"]
    assert budget.as_dict()["latency"] == {"planned": 0.201, "p50": 0.2, "p95": 0.4, "worst": 0.4}


class PacedEngine:
    """An engine whose steps take a time that is known."""

    n_channels, ready = 4, 1_000

    def __init__(self, system, seconds):
        self.system, self.seconds = system, seconds

    def append(self, samples):
        pass

    def run(self, n):
        time.sleep(self.seconds)
        return Stretch(0, {}, {"features": 0.25 * self.seconds, "network": 0.75 * self.seconds})


def test_the_cost_of_a_step_is_the_time_that_it_takes():
    cost = cost_of_step(lambda: PacedEngine(small_system(), 0.01), 1)
    assert (
        0.01 <= cost.most < 0.1
        and cost.features == pytest.approx(0.0025)
        and cost.network == pytest.approx(0.0075)
    )


@pytest.mark.parametrize(("seconds", "step"), [(0.04, 1), (0.11, 2), (0.19, 3), (0.3, 5), (3.0, 8)])
def test_the_smallest_step_is_taken_that_leaves_time_for_what_else_there_is(monkeypatch, seconds, step):
    monkeypatch.setattr(warm_up, "cost_of_step", lambda make, step: warm_up.Cost(0.0, seconds, seconds))
    assert smallest_step(lambda: None, 8)[0] == step


class SlowLook:
    width, about = 64, {"fps": 50.0}

    def __init__(self):
        self.n = 0

    def __call__(self, second, pixels):
        self.n += 1
        time.sleep(0.004)
        return Boxes(np.zeros(1), np.zeros((1, 1, 4)), np.zeros((1, 1)), np.full((1, 1), -1))


def test_a_step_is_measured_while_people_are_looked_for():
    detector = SlowLook()
    assert 0.004 <= cost_of_picture(detector) < 0.1
    before = detector.n
    with looking(detector):
        time.sleep(0.3)
    seen = detector.n - before
    time.sleep(0.05)
    assert seen >= 2 and detector.n == before + seen


def test_steps_are_measured_with_people_in_the_picture():
    system = live_system(vision=True)
    visual = crowd_of(system, 10.0)(0.5, 5)
    assert visual.shape == (1, 5, 3, 5) and visual[0, -1].any(axis=1).all()


def test_a_plan_says_that_a_network_looks_ahead_and_that_a_machine_is_too_slow(monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr("avseld.streaming.plan.cost_of_step", lambda make, step: warm_up.Cost(0.0, 0.2, 0.25))
    system = small_system()
    assert plan(Budget(), Wishes("-", step=0.2), Engine(system), None) == 2
    assert "avcrnn looks ahead: windows of 1.3 s run on" in caplog.text
    assert "a step of 0.2 s takes 0.25 s here: steps will be said together" in caplog.text
    caplog.clear()
    plan(Budget(), Wishes("-", step=0.3), Engine(live_system()), None)
    assert not caplog.text


def test_the_summary_says_what_was_heard_and_what_was_not():
    faults, tally = FaultLog(), Tally()
    text = summary_text(12.5, tally, Budget(), faults, [], 0.0)
    assert text == "12.5 s: 0 events\nnothing was lost\n"
    faults.report("overflow", 3.0)
    text = summary_text(12.5, tally, Budget(), faults, [], 4.2e-5)
    assert "the clock of the input is 42 ppm slow" in text and text.endswith("exit status 3\n")
    message = summary_message(12.5, tally, Budget(), faults, [], 4.2e-5)
    assert (
        message["drift_ppm"] == 42.0 and message["faults"][0]["kind"] == "overflow" and message["status"] == 3
    )
