"""Builds the parts of a stream from what a user asks for, and takes them apart again."""

import logging
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch

from avseld.base.errors import BadInput
from avseld.inference.predictor import Predictor
from avseld.io.array_setup import ArraySetup
from avseld.streaming.budget import Budget
from avseld.streaming.clock import Clock, RunningClock, StandingClock
from avseld.streaming.conversion import Conversion
from avseld.streaming.engine import Engine
from avseld.streaming.faults import FaultLog
from avseld.streaming.inputs import open_input
from avseld.streaming.messages import Message
from avseld.streaming.outputs import open_outputs
from avseld.streaming.people import Watcher
from avseld.streaming.record import Recorder, check_recording
from avseld.streaming.session import Parts, Session
from avseld.streaming.sight import Sight, named_video, open_sight, watcher_of
from avseld.streaming.sinks.queued import QueuedSink
from avseld.streaming.sinks.web_socket import LOOPBACK, WebSocketServer
from avseld.streaming.sources import Source
from avseld.streaming.timeline import Timeline
from avseld.streaming.view import PictureFeed, view_server
from avseld.streaming.warm_up import cost_of_picture, cost_of_step, delay_of, smallest_step
from avseld.streaming.wishes import Wishes

log = logging.getLogger(__name__)


@contextmanager
def assembled(predictor: Predictor, wishes: Wishes) -> Iterator[Session]:
    """Build a session; at the end of the block its outputs are closed.

    Args:
        predictor: the trained system.
        wishes: options that fit together.

    Raises:
        BadInput: an input, a video or an output cannot be opened.
    """
    system = predictor.system
    torch.set_num_threads(wishes.threads or 1)
    faults, budget = FaultLog(), Budget()
    clock: Clock = RunningClock() if wishes.clock_runs else StandingClock()
    source = open_input(wishes, system.blueprint.format, system.sample_rate, clock)
    timeline = Timeline(clock, source.sample_rate, source.is_device)
    convert = partial(
        Conversion, source.sample_rate, source.n_channels, system.blueprint.format, system.sample_rate,
        wishes.channels, source.subtype, source.name,
    )  # fmt: skip
    conversion = convert()
    with ExitStack() as stack:
        name = named_video(wishes, predictor)
        sight: Sight | None = None
        if name is not None and (system.model.vision or wishes.view):
            sight = open_sight(name, wishes, predictor, clock, timeline)
            stack.callback(sight.pictures.close)
        make = partial(
            Engine,
            system,
            wishes.look_ahead,
            None if sight is None or sight.people is None else sight.people.visual_at,
        )
        engine = make()
        step = _plan(budget, wishes, make, engine, convert, source, sight)
        server = view_server(predictor.classes) if wishes.view else None
        if wishes.record is not None:
            check_recording(wishes.record)
        sinks = open_outputs(system, faults, wishes.out, wishes.send, wishes.json)
        recorder = None
        if wishes.record is not None:
            recorder = Recorder(wishes.record, source.sample_rate, source.n_channels, faults)
            sinks.append(QueuedSink(recorder.events, faults))
        if server is not None:
            sinks.append(QueuedSink(server, faults))
        faults.tell = partial(_tell_all, sinks)
        watcher = None if sight is None else watcher_of(sight, wishes, clock, timeline, faults, budget)
        parts = Parts(source, clock, timeline, conversion, engine, sinks, faults, budget, watcher, recorder)
        array = wishes.channels if isinstance(wishes.channels, ArraySetup) else None
        session = Session(parts, step, wishes.keep, array)
        log.info("%s", budget.plan())
        start = _start_message(predictor, source, engine, step)
        _tell_all(sinks, start)
        if server is not None:
            _show(server, stack, sight, watcher, timeline)
        try:
            yield session
        finally:
            summary = session.summary
            for sink in sinks:
                sink.put(summary)
                sink.close()
            if recorder is not None:
                recorder.close(summary)


def _tell_all(sinks: Sequence[QueuedSink], message: Message) -> None:
    for sink in sinks:
        sink.put(message)


def _show(
    server: WebSocketServer,
    stack: ExitStack,
    sight: Sight | None,
    watcher: Watcher | None,
    timeline: Timeline,
) -> None:
    """Feed the page with pictures and open it in the browser."""
    if sight is not None:
        seen = sight
        feed = PictureFeed(
            server,
            lambda: seen.pictures.newest(timeline.now()) if watcher is None else watcher.picture,
            lambda: None if seen.people is None else seen.people.newest(),
        )
        stack.callback(feed.stop)
    address = f"http://{LOOPBACK}:{server.port}/"
    log.info("page: %s", address)
    # A browser in the terminal would not return.
    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _plan(
    budget: Budget,
    wishes: Wishes,
    make: Any,
    engine: Engine,
    convert: Any,
    source: Source,
    sight: Sight | None,
) -> int:
    """Measure what a step costs, plan the latency, and return the step in label frames.

    Raises:
        BadInput: a step that is no whole number of label frames, or longer than the windows.
    """
    system = engine.system
    if wishes.step == "auto":
        step, cost, holds = smallest_step(make, system.label_hop)
        log.info(
            "step %g s: %s", step * system.label_hop, "the smallest that this machine holds" if holds else ""
        )
    else:
        step = round(wishes.step / system.label_hop)
        if step < 1 or abs(step * system.label_hop - wishes.step) > 1e-6 or step > engine.n_most:
            raise BadInput(
                f"--step {wishes.step:g}: {system.blueprint.model.name} gives events every {system.label_hop:g} s; "
                f"choose a multiple of it, up to {engine.n_most * system.label_hop:g}"
            )
        cost = cost_of_step(make, step)
    budget.planned["block"] = source.block_s
    if source.sample_rate != system.sample_rate:
        budget.planned["resampling"] = delay_of(convert(), source.n_channels, source.sample_rate)
    budget.planned["step"] = step * system.label_hop
    budget.planned["look-ahead"] = engine.look_ahead_s
    if wishes.clock_runs:
        budget.planned |= {"features": cost.features, "network": cost.network}
        if sight is not None and sight.detector is not None:
            budget.planned["detector"] = cost_of_picture(sight.detector)
    return step


def _start_message(predictor: Predictor, source: Source, engine: Engine, step: int) -> Message:
    """Say what runs, for outputs."""
    system = engine.system
    return {
        "type": "start", "input": source.name, "sample_rate": source.sample_rate, "channels": source.n_channels,
        "format": system.blueprint.format, "classes": predictor.classes, "step": round(step * system.label_hop, 3),
        "label_hop": system.label_hop, "look_ahead": round(engine.look_ahead_s, 4), "has_state": engine.has_state,
        "planar": system.target.planar,
    }  # fmt: skip
