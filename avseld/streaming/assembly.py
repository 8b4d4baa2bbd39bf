"""Builds the parts of a stream from what a user asks for, and takes them apart again."""

import logging
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import torch

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
from avseld.streaming.plan import plan
from avseld.streaming.record import Recorder, check_recording
from avseld.streaming.session import Parts, Session
from avseld.streaming.sight import Sight, named_video, open_sight, watcher_of
from avseld.streaming.sinks.queued import QueuedSink
from avseld.streaming.sinks.web_socket import LOOPBACK, WebSocketServer
from avseld.streaming.sources import Source
from avseld.streaming.timeline import Timeline
from avseld.streaming.view import PictureFeed, view_server
from avseld.streaming.warm_up import delay_of
from avseld.streaming.wishes import Wishes

log = logging.getLogger(__name__)


@contextmanager
def assembled(predictor: Predictor, wishes: Wishes, stop: threading.Event | None = None) -> Iterator[Session]:
    """Build a session; at the end of the block its outputs are closed.

    Args:
        predictor: the trained system.
        wishes: options that fit together.
        stop: set when nobody reads standard output any more.

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
        people = None if sight is None else sight.people
        engine = Engine(system, wishes.look_ahead, None if people is None else people.visual_at)
        if source.sample_rate != system.sample_rate:
            budget.planned["resampling"] = delay_of(convert(), source.n_channels, source.sample_rate)
        budget.planned["block"] = source.block_s
        step = plan(budget, wishes, engine, None if sight is None else sight.detector)
        server = view_server(predictor.classes) if wishes.view else None
        if wishes.record is not None:
            check_recording(wishes.record)
        sinks = open_outputs(system, faults, wishes.out, wishes.send, wishes.json, stop)
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


def _start_message(predictor: Predictor, source: Source, engine: Engine, step: int) -> Message:
    """Say what runs, for outputs."""
    system = engine.system
    return {
        "type": "start", "input": source.name, "sample_rate": source.sample_rate, "channels": source.n_channels,
        "format": system.blueprint.format, "classes": predictor.classes, "step": round(step * system.label_hop, 3),
        "label_hop": system.label_hop, "look_ahead": round(engine.look_ahead_s, 4), "has_state": engine.has_state,
        "planar": system.target.planar,
    }  # fmt: skip
