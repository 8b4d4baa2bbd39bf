"""What a step costs on this machine, measured before a stream begins; and the smallest step that it holds."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from avseld.base.rates import LABEL_HOP
from avseld.streaming.conversion import Conversion
from avseld.streaming.engine import Engine
from avseld.streaming.people import PictureDetector

STEPS_S = (0.1, 0.2, 0.3, 0.5, 1.0)
"""steps that are tried, in the order in which the machine may hold them"""
LARGEST_SHARE = 0.7
"""of a step that its computation may take; the rest is for what else the machine does"""
N_RUNS, N_FIRST = 12, 3
"""steps that are run, and those of them at the beginning that do not count: libraries choose their algorithms then"""
NOISE = 0.05


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


def smallest_step(make: Callable[[], Engine], label_hop: float = LABEL_HOP) -> tuple[int, Cost, bool]:
    """Find the smallest step that this machine holds while it does what else it does for the stream.

    Args:
        make: builds an engine.
        label_hop: seconds of a label frame.

    Returns:
        Label frames of the step, its cost, and whether the machine holds it; the longest one if it holds none.
    """
    steps = sorted({max(round(seconds / label_hop), 1) for seconds in STEPS_S})
    step, cost, holds = steps[0], Cost(0.0, 0.0, 0.0), False
    for step in steps:
        cost = cost_of_step(make, step)
        holds = cost.most <= LARGEST_SHARE * step * label_hop
        if holds:
            break
    return step, cost, holds


def cost_of_picture(detector: PictureDetector) -> float:
    """Return the seconds that a detector takes for a picture, median of some grey ones."""
    pixels = np.full((detector.width // 2, detector.width, 3), 114, np.uint8)
    found = []
    for _ in range(N_FIRST + 5):
        begin = time.perf_counter()
        detector(0.0, pixels)
        found.append(time.perf_counter() - begin)
    return float(np.median(found[N_FIRST:]))
