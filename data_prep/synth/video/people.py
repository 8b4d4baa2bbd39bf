"""People in a scene: where they stand and walk."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from data_prep.synth.motion import Trajectory

WALKING_SPEED_M_S = (0.4, 1.0)
"""indoors, slower than on a street (1.4 m/s)"""
MAX_ARC_DEG = 110.0
"""largest angle around the array in one walk, so that nobody circles it"""
RADIAL_SHARE = 0.4
"""largest share of a walked distance that changes the distance to the array"""
ARC_SHARE = 0.9
"""share of a walked distance that goes around the array: with the radial share, the length of the path walked"""
Voice = Literal["female", "male"]


@dataclass(frozen=True, eq=False)
class Person:
    """A person who is visible from the first to the last frame."""

    source: int
    """source number in the labels"""
    voice: Voice
    body_height: float
    """metres"""
    feet: Trajectory
    appearance_seed: int
    """seed of face, hair and clothing, or of the choice of an image file"""


@dataclass(eq=False)
class Walker:
    """Builds the trajectory of a person in the order of time.

    Args:
        source: source number in the labels.
        voice: female or male.
        body_height: metres.
        reach: smallest and largest horizontal distance from the array, metres.
    """

    source: int
    voice: Voice
    body_height: float
    reach: tuple[float, float]
    time: list[float] = field(default_factory=list)
    azimuth: list[float] = field(default_factory=list)
    radius: list[float] = field(default_factory=list)

    @property
    def planned_until(self) -> float:
        """Return the end of the trajectory so far, seconds."""
        return self.time[-1]

    def move_to(self, until: float, azimuth: float, radius: float) -> None:
        """Add a key position: azimuth in degrees and horizontal distance in metres at a time in seconds."""
        self.time.append(float(until))
        self.azimuth.append(float(azimuth))
        self.radius.append(float(radius))

    def stand(self, until: float) -> None:
        """Stay in place until a time, seconds."""
        self.move_to(until, self.azimuth[-1], self.radius[-1])

    def walk(
        self, until: float, rng: np.random.Generator, speed: tuple[float, float] = WALKING_SPEED_M_S
    ) -> None:
        """Walk along an arc to a new distance from the array.

        Args:
            until: end of the walk, seconds.
            rng: source of randomness.
            speed: lowest and highest, metres per second.
        """
        metres = rng.uniform(*speed) * (until - self.planned_until)
        aim = rng.uniform(*self.reach)
        limit = RADIAL_SHARE * metres
        radius = self.radius[-1] + np.clip(aim - self.radius[-1], -limit, limit)
        arc = np.degrees(ARC_SHARE * metres / max(self.radius[-1], radius))
        arc = min(arc, MAX_ARC_DEG)
        self.move_to(until, self.azimuth[-1] + rng.choice([-1, 1]) * arc, radius)

    def relocate(self, until: float, rng: np.random.Generator) -> None:
        """Stand, then walk, so as to have another position at a time, seconds."""
        start = max(self.planned_until, until - rng.uniform(1.0, 4.0))
        if start > self.planned_until:
            self.stand(start)
        if until - start > 0.5:
            self.walk(until, rng)
        elif until > start:
            self.stand(until)

    def trajectory(self, height: float) -> Trajectory:
        """Return the trajectory so far of a point of the body, `height` metres above the array."""
        return Trajectory(np.array(self.time), np.array(self.azimuth), np.array(self.radius), height)

    def person(self, duration: float, array_height: float, appearance_seed: int) -> Person:
        """Finish the trajectory; the person stands still after the last key position.

        Args:
            duration: of the scene, seconds.
            array_height: metres above the floor.
            appearance_seed: seed of what the person looks like.
        """
        if self.planned_until < duration:
            self.stand(duration)
        feet = self.trajectory(-array_height)
        return Person(self.source, self.voice, self.body_height, feet, appearance_seed)


def draw_walkers(
    number: int, first_source: int, reach: tuple[float, float], rng: np.random.Generator
) -> list[Walker]:
    """Draw people who stand around the array in equal sectors, women and men alternating.

    Args:
        number: number of people.
        first_source: source number of the first.
        reach: smallest and largest horizontal distance, metres.
        rng: source of randomness.
    """
    sectors = rng.uniform(-180, 180) + (np.arange(number) + rng.uniform(-0.3, 0.3, number)) * 360 / max(
        number, 1
    )
    first_voice = rng.integers(2)
    walkers = []
    for index, azimuth in enumerate(sectors):
        voice: Voice = ("female", "male")[(first_voice + index) % 2]
        body_height = rng.uniform(1.58, 1.75) if voice == "female" else rng.uniform(1.68, 1.90)
        walker = Walker(first_source + index, voice, float(body_height), reach)
        walker.move_to(0.0, float(azimuth), float(rng.uniform(*reach)))
        walkers.append(walker)
    return walkers


def wander(walker: Walker, duration: float, rng: np.random.Generator) -> None:
    """Let a silent person stand and walk alternately until the end of the scene, seconds."""
    while walker.planned_until < duration:
        walker.stand(min(walker.planned_until + rng.uniform(2.0, 7.0), duration))
        if walker.planned_until < duration:
            walker.walk(min(walker.planned_until + rng.uniform(1.0, 3.0), duration), rng)
