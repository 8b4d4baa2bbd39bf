"""What a step costs on this machine, measured before a stream begins; and the smallest step that it holds."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.io.boxes import PERSON, Boxes
from avseld.streaming.conversion import Conversion
from avseld.streaming.engine import Engine
from avseld.streaming.people import PeopleLog, PictureDetector
from avseld.streaming.runners import VisualAt
from avseld.system.build import System

STEPS_S = (0.1, 0.2, 0.3, 0.5, 1.0)
"""steps that are tried, in the order in which the machine may hold them"""
LARGEST_SHARE = 0.7
"""of a step that its computation may take; the rest is for what else the machine does"""
N_RUNS, N_FIRST = 12, 3
"""steps that are run, and those of them at the beginning that do not count: libraries choose their algorithms then"""
NOISE = 0.05
N_PEOPLE = 4
"""in the pictures that a step is measured with"""
CROWD_S = 8.0
"""for which they are seen: longer than windows and what is remembered before them"""


@dataclass(frozen=True)
class Cost:
    """Seconds of a step: the median, and what 95 % of the steps stay below.

    Args:
        features: of the features, median.
        network: of the network, median.
        most: of both together, 95 %.
    """

    features: float
    network: float
    most: float


def cost_of_step(make: Callable[[], Engine], step: int, n_runs: int = N_RUNS) -> Cost:
    """Run some steps of noise.

    Args:
        make: builds an engine.
        step: label frames.
        n_runs: steps that are run.
    """
    engine = make()
    system = engine.system
    n_samples = round(step * system.label_hop * system.sample_rate)
    random = np.random.default_rng(0)
    found: list[tuple[float, float, float]] = []
    while len(found) < n_runs:
        engine.append(random.normal(scale=NOISE, size=(engine.n_channels, n_samples)).astype(np.float32))
        if engine.ready >= step:
            begin = time.perf_counter()
            seconds = engine.run(step).seconds
            found.append((seconds["features"], seconds["network"], time.perf_counter() - begin))
    features, network, both = np.array(found[N_FIRST:]).T
    return Cost(float(np.median(features)), float(np.median(network)), float(np.quantile(both, 0.95)))


def delay_of(conversion: Conversion, n_channels: int, rate: int) -> float:
    """Return the seconds that samples wait in the filter of a resampler, as of a second of silence."""
    block = np.zeros((rate // 50, n_channels), np.float32)
    delays = []
    for _ in range(50):
        conversion.take(block)
        delays.append(conversion.delay)
    return float(np.mean(delays[10:]))


def smallest_step(make: Callable[[], Engine], n_most: int, label_hop: float = LABEL_HOP) -> tuple[int, Cost]:
    """Find the smallest step that this machine holds while it does what else it does for the stream.

    Args:
        make: builds an engine.
        n_most: label frames of the longest step.
        label_hop: seconds of a label frame.

    Returns:
        Label frames of the step, and its cost; the longest one if the machine holds none.
    """
    steps = sorted({min(max(round(seconds / label_hop), 1), n_most) for seconds in STEPS_S})
    for step in steps:
        cost = cost_of_step(make, step)
        if cost.most <= LARGEST_SHARE * step * label_hop:
            break
    return step, cost


@contextmanager
def looking(detector: PictureDetector | None) -> Iterator[None]:
    """Let a detector run beside the block as it runs beside a stream; None for none."""
    if detector is None:
        yield
        return
    stopped, pause = threading.Event(), 1 / float(detector.about["fps"])
    pixels = _grey(detector)

    def look() -> None:
        while not stopped.wait(pause):
            detector(0.0, pixels)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def crowd_of(system: System, fps: float) -> VisualAt:
    """Return the visual input of some people who stand still, the same at all times, to measure what they cost.

    Args:
        system: takes boxes.
        fps: pictures a second.
    """
    window = system.run_frames * system.hop
    people = PeopleLog(system.visual_spec, window)
    left = np.linspace(0, 0.9, N_PEOPLE)
    box = np.stack([left, 0 * left + 0.4, left + 0.05, 0 * left + 0.8], axis=-1)[None]
    score, label = np.full((1, N_PEOPLE), 0.9), np.full((1, N_PEOPLE), PERSON)
    for number in range(round(CROWD_S * fps)):
        people.add(Boxes(np.array([number / fps]), box, score, label))
    return lambda start, n_label_frames: people.visual_at(CROWD_S - window, n_label_frames)


def _grey(detector: PictureDetector) -> np.ndarray:
    return np.full((detector.width // 2, detector.width, 3), 114, np.uint8)


def cost_of_picture(detector: PictureDetector) -> float:
    """Return the seconds that a detector takes for a picture, median of some grey ones."""
    pixels = _grey(detector)
    found = []
    for _ in range(N_FIRST + 5):
        begin = time.perf_counter()
        detector(0.0, pixels)
        found.append(time.perf_counter() - begin)
    return float(np.median(found[N_FIRST:]))
