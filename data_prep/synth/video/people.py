"""People in a scene: where they stand and walk, told in the order of time."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from data_prep.synth.motion import Path

STROLL = (0.4, 1.0)
"""walking speeds, metres a second"""
ARC_DEG = (25.0, 110.0)
"""how far somebody walks around the array in one go"""
Voice = Literal["female", "male"]


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody visible from the first to the last frame."""

    source: int
    """number in the labels, should they sound"""
    voice: Voice
    tall: float
    """metres"""
    feet: Path
    look: int
    """seed of face, hair and clothing, or of the choice of a picture"""


@dataclass(eq=False)
class Walker:
    """A person whose way is still being told: key positions so far, and until when the person is taken."""

    source: int
    voice: Voice
    tall: float
    reach: tuple[float, float]
    """nearest and farthest horizontal distance from the array, metres"""
    time: list[float] = field(default_factory=list)
    azimuth: list[float] = field(default_factory=list)
    radius: list[float] = field(default_factory=list)

    @property
    def free_from(self) -> float:
        """Seconds after which nothing has been told yet."""
        return self.time[-1]

    def stand(self, until: float) -> None:
        """Stay where the way has come to."""
        self.go_to(until, self.azimuth[-1], self.radius[-1])

    def walk(self, until: float, rng: np.random.Generator, speed: tuple[float, float] = STROLL) -> None:
        """Walk on along an arc to a new distance, until a time."""
        metres = rng.uniform(*speed) * (until - self.free_from)
        aim = rng.uniform(*self.reach)
        radius = self.radius[-1] + np.clip(aim - self.radius[-1], -0.4 * metres, 0.4 * metres)
        arc = np.degrees(0.9 * metres / max(self.radius[-1], radius))
        arc = min(arc, ARC_DEG[1])
        self.go_to(until, self.azimuth[-1] + rng.choice([-1, 1]) * arc, radius)

    def come_to_another_place(self, until: float, rng: np.random.Generator) -> None:
        """Stand, then walk at an easy pace, so as to be somewhere else at a time."""
        start = max(self.free_from, until - rng.uniform(1.0, 4.0))
        if start > self.free_from:
            self.stand(start)
        if until - start > 0.5:
            self.walk(until, rng)
        elif until > start:
            self.stand(until)

    def person(self, seconds: float, array_height: float, look: int) -> Person:
        """The whole way, standing still after the last that was told."""
        if self.free_from < seconds:
            self.stand(seconds)
        feet = Path(np.array(self.time), np.array(self.azimuth), np.array(self.radius), -array_height)
        return Person(self.source, self.voice, self.tall, feet, look)

    def go_to(self, until: float, azimuth: float, radius: float) -> None:
        """Be at a place at a time."""
        self.time.append(float(until))
        self.azimuth.append(float(azimuth))
        self.radius.append(float(radius))


def draw_walkers(
    number: int, first_source: int, reach: tuple[float, float], rng: np.random.Generator
) -> list[Walker]:
    """Draw people who stand around the array, spread over the circle; women and men in turn.

    Args:
        number: how many.
        first_source: number of the first in the labels.
        reach: nearest and farthest horizontal distance, metres.
        rng: all comes from it.
    """
    sectors = rng.uniform(-180, 180) + (np.arange(number) + rng.uniform(-0.3, 0.3, number)) * 360 / max(
        number, 1
    )
    first_voice = rng.integers(2)
    walkers = []
    for index, azimuth in enumerate(sectors):
        voice: Voice = ("female", "male")[(first_voice + index) % 2]
        tall = rng.uniform(1.58, 1.75) if voice == "female" else rng.uniform(1.68, 1.90)
        walker = Walker(first_source + index, voice, float(tall), reach)
        walker.go_to(0.0, float(azimuth), float(rng.uniform(*reach)))
        walkers.append(walker)
    return walkers


def wander(walker: Walker, seconds: float, rng: np.random.Generator) -> None:
    """Let somebody silent stand and walk in turn until the end."""
    while walker.free_from < seconds:
        walker.stand(min(walker.free_from + rng.uniform(2.0, 7.0), seconds))
        if walker.free_from < seconds:
            walker.walk(min(walker.free_from + rng.uniform(1.0, 3.0), seconds), rng)
