"""The step of a stream and its latency, planned before it begins."""

import logging
from functools import partial

from avseld.base.errors import BadInput
from avseld.streaming.budget import Budget
from avseld.streaming.engine import Engine
from avseld.streaming.people import PictureDetector
from avseld.streaming.warm_up import Cost, cost_of_picture, cost_of_step, crowd_of, looking, smallest_step
from avseld.streaming.wishes import Wishes
from avseld.system.build import System

log = logging.getLogger(__name__)


def plan(budget: Budget, wishes: Wishes, engine: Engine, detector: PictureDetector | None) -> int:
    """Choose the step, measure what it costs on this machine, and plan the latency.

    Args:
        budget: gets the planned stages.
        wishes: say the step, or auto.
        engine: of the stream.
        detector: of people, which runs beside the network; None for none.

    Returns:
        Label frames of a step.

    Raises:
        BadInput: a step that is no whole number of label frames, or longer than the windows.
    """
    system = engine.system
    step = None if wishes.step == "auto" else _label_frames(wishes.step, engine)
    crowd = None if detector is None else crowd_of(system, float(detector.about["fps"]))
    make = partial(Engine, system, wishes.look_ahead, crowd)  # not that of the stream, which begins at 0
    if detector is not None and wishes.clock_runs:
        budget.planned["detector"] = cost_of_picture(detector)
    with looking(detector if wishes.clock_runs else None):
        if step is None:
            step, cost = smallest_step(make, engine.n_most, system.label_hop)
            log.info("step: %g s", step * system.label_hop)
        else:
            cost = cost_of_step(make, step)
    budget.planned |= {"step": step * system.label_hop, "look-ahead": engine.look_ahead_s}
    if wishes.clock_runs:
        budget.planned |= {"features": cost.features, "network": cost.network}
        _warn_if_slow(system, step, cost)
    if not engine.has_state:
        log.info(
            "%s looks ahead: windows of %.1f s run on, of which the newest part is said, and not quite what avseld "
            "predict says (docs/live.md)",
            system.blueprint.model.name,
            system.run_frames * system.hop,
        )
    return step


def _label_frames(step_s: float, engine: Engine) -> int:
    system = engine.system
    step = round(step_s / system.label_hop)
    if step < 1 or abs(step * system.label_hop - step_s) > 1e-6 or step > engine.n_most:
        raise BadInput(
            f"--step {step_s:g}: {system.blueprint.model.name} gives events every {system.label_hop:g} s; choose a "
            f"multiple of it, up to {engine.n_most * system.label_hop:g}"
        )
    return step


def _warn_if_slow(system: System, step: int, cost: Cost) -> None:
    """Say that this machine does not hold a step."""
    step_s = step * system.label_hop
    if cost.most > step_s:
        log.warning(
            "a step of %g s takes %.2f s here: steps will be said together, or skipped; --step auto finds what this "
            "machine holds",
            step_s,
            cost.most,
        )
