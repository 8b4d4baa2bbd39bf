"""What tests of streams share: a small system with random weights, its session, and outputs that remember."""

from typing import Any

import numpy as np
import torch
from system_material import blueprint

from avseld.config import Part
from avseld.streaming.budget import Budget
from avseld.streaming.clock import Clock, StandingClock
from avseld.streaming.conversion import Conversion
from avseld.streaming.engine import Engine
from avseld.streaming.faults import FaultLog
from avseld.streaming.messages import Message, Update
from avseld.streaming.session import Parts, Session
from avseld.streaming.sinks.queued import QueuedSink
from avseld.streaming.sources import Source
from avseld.streaming.timeline import Timeline
from avseld.system.build import System


def small_system(threshold: float = 0.05, **changes: Any) -> System:
    """An audio-visual network of 1.27 s windows with random weights, which hears something almost everywhere."""
    torch.manual_seed(0)
    parts = {
        "model": Part("avcrnn", {"width": 8, "hidden": 16}),
        "target": Part("multi_accdoa", {"threshold": threshold}),
    } | changes
    return System(blueprint(**parts)).eval()


def live_system(look_ahead: int = 1, vision: bool = False, **changes: Any) -> System:
    """A network for live sound with random weights and the statistics of other sound."""
    features = Part("sound_field", {"sample_rate": 24000, "n_fft": 1024, "hop": 480, "n_mels": 32})
    model = Part("live", {"hidden": 12, "past": 4, "n_boxes": 3, "look_ahead": look_ahead, "vision": vision})
    system = small_system(**{"features": features, "model": model, "chunk": 1.28} | changes)
    for module in system.model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return system


class Memory:
    """An output that keeps what it gets."""

    name, lost, is_file = "memory", 0, False

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.notices: list[Message] = []
        self.closed = False

    def update(self, update: Update) -> None:
        self.updates.append(update)

    def notice(self, message: Message) -> None:
        self.notices.append(message)

    def close(self) -> None:
        self.closed = True


def session_of(
    system: System, source: Source, clock: Clock | None = None, step: int = 1, keep: bool = False, **more: Any
) -> tuple[Session, Memory, Parts]:
    """A session with one output in memory."""
    clock, faults, memory = clock or StandingClock(), FaultLog(), Memory()
    conversion = Conversion(
        source.sample_rate, source.n_channels, system.blueprint.format, system.sample_rate, more.pop("channels", None),
        source.subtype, source.name,
    )  # fmt: skip
    parts = Parts(
        source, clock, Timeline(clock, source.sample_rate, source.is_device), conversion, Engine(system),
        [QueuedSink(memory, faults, 10_000)], faults, Budget(), **more,
    )  # fmt: skip
    return Session(parts, step, keep), memory, parts


def noise(seconds: float, n_channels: int = 4, rate: int = 24000, seed: int = 0) -> np.ndarray:
    """Noise (sample, channel) float32."""
    random = np.random.default_rng(seed)
    return (0.1 * random.normal(size=(round(seconds * rate), n_channels))).astype(np.float32)
