"""The plan of a scene: who and what sounds when and where, and what a camera beside the array would see."""

from dataclasses import dataclass

import numpy as np

from data_prep.synth.acoustics.rooms import Room
from data_prep.synth.motion import Path
from data_prep.synth.presets import Preset
from data_prep.synth.sounds.classes import CLASSES, FEMALE_SPEECH, MALE_SPEECH, PERSON_MADE
from data_prep.synth.video.people import Person, Walker, draw_walkers, wander

LEVEL_DB = (-3.0, 3.0)
HELD_SHARE = 0.4
"""share of the things that can be held which somebody visible holds"""
VISIBLE_OBJECTS = 0.8
BRISK = (0.7, 1.2)
"""speed of footsteps that are heard, metres a second"""
VOICES = {FEMALE_SPEECH: "female", MALE_SPEECH: "male"}
FIRST_ONSET, LAST_PAUSE = 0.1, 0.1


@dataclass(frozen=True, eq=False)
class SoundEvent:
    """One sound of one source."""

    label: int
    source: int
    onset: float
    """seconds"""
    seconds: float
    path: Path
    """of the sounding point, by the scene's clock"""
    gain_db: float


@dataclass(frozen=True, eq=False)
class Thing:
    """An object in the picture."""

    label: int
    path: Path
    look: int


@dataclass(frozen=True, eq=False)
class Scene:
    """All of a recording before it is rendered."""

    room: Room
    seconds: float
    snr_db: float
    events: tuple[SoundEvent, ...]
    people: tuple[Person, ...]
    things: tuple[Thing, ...]


def draw_scene(room: Room, seconds: float, preset: Preset, rng: np.random.Generator) -> Scene:
    """Draw a scene: events one after another in each of the preset's voices, and people who make them.

    Args:
        room: where it takes place.
        seconds: duration.
        preset: how difficult.
        rng: all comes from it.
    """
    reach = (preset.distance[0], max(min(preset.distance[1], room.reach), preset.distance[0] + 0.2))
    number = int(rng.integers(preset.people[0], preset.people[1] + 1))
    silent = int(rng.integers(preset.bystanders[0], preset.bystanders[1] + 1))
    walkers = draw_walkers(number + silent, 0, reach, rng)
    for walker in walkers[number:]:
        wander(walker, seconds, rng)
    stage = _Stage(room, preset, reach, walkers[:number], len(walkers), rng)
    events = _schedule(stage, seconds, preset, rng)
    people = tuple(w.person(seconds, room.array[2], int(rng.integers(2**31))) for w in walkers)
    return Scene(room, seconds, float(rng.uniform(*preset.snr_db)), events, people, tuple(stage.things))


class _Deck:
    """Classes in an order without long droughts: all are drawn before one comes again."""

    def __init__(self, people_weight: int, rng: np.random.Generator) -> None:
        self.cards = [
            label for label in range(len(CLASSES)) for _ in range(self._copies(label, people_weight))
        ]
        self.rng = rng
        self.left: list[int] = []

    @staticmethod
    def _copies(label: int, people_weight: int) -> int:
        return people_weight if label in PERSON_MADE else 1

    def draw(self, refused: set[int]) -> int:
        """The next card whose class is not refused; if all are, the next card."""
        if not set(self.left) - refused:
            self.left += self.rng.permutation(self.cards).tolist()
        place = next((k for k, label in enumerate(self.left) if label not in refused), 0)
        return self.left.pop(place)


def _schedule(
    stage: "_Stage", seconds: float, preset: Preset, rng: np.random.Generator
) -> tuple[SoundEvent, ...]:
    deck = _Deck(preset.people_weight, rng)
    clock = [FIRST_ONSET + rng.uniform(0, gap[0] + 0.5 * (gap[1] - gap[0])) for gap in preset.gaps]
    clock[0] = FIRST_ONSET + rng.uniform(0, 0.5)
    events: list[SoundEvent] = []
    end = seconds - LAST_PAUSE
    while min(clock) < end:
        voice = int(np.argmin(clock))
        onset = clock[voice]
        sounding = {event.label for event in events if event.onset + event.seconds > onset}
        label = deck.draw(set() if preset.repeat else sounding)
        length = min(float(rng.uniform(*CLASSES[label].seconds)), end - onset)
        clock[voice] = onset + length + rng.uniform(*preset.gaps[voice])
        if length >= min(CLASSES[label].seconds[0], 1.0):
            source, path = stage.place(label, onset, onset + length)
            events.append(SoundEvent(label, source, onset, length, path, float(rng.uniform(*LEVEL_DB))))
    return tuple(events)


@dataclass(eq=False)
class _Stage:
    """Finds or makes a source for every event, in the order of their onsets."""

    room: Room
    preset: Preset
    reach: tuple[float, float]
    people: list[Walker]
    next_source: int
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.things: list[Thing] = []

    def place(self, label: int, onset: float, offset: float) -> tuple[int, Path]:
        """Number of the source and way of the sounding point."""
        emitter = CLASSES[label].emitter
        bodily = emitter in ("person", "walker")
        somebody = self._somebody(label, onset)
        seen = self.rng.random() >= self.preset.hidden if bodily else False
        held = self.rng.random() < HELD_SHARE if emitter == "held" else False
        if somebody is not None and (seen or held):
            return somebody.source, self._by_person(somebody, label, onset, offset)
        self.next_source += 1
        return self.next_source - 1, self._by_itself(label, onset, offset, bodily)

    def _somebody(self, label: int, onset: float) -> Walker | None:
        voice = VOICES.get(label)
        free = [w for w in self.people if w.free_from <= onset and voice in (None, w.voice)]
        return free[self.rng.integers(len(free))] if free else None

    def _by_person(self, walker: Walker, label: int, onset: float, offset: float) -> Path:
        walker.come_to_another_place(onset, self.rng)
        self._act(walker, label, offset)
        kind = CLASSES[label]
        bodily = kind.emitter in ("person", "walker")
        share = self.rng.uniform(*kind.height) if bodily else self.rng.uniform(0.58, 0.68)
        height = share * walker.tall - self.room.array[2]
        return Path(np.array(walker.time), np.array(walker.azimuth), np.array(walker.radius), float(height))

    def _act(self, walker: Walker, label: int, offset: float) -> None:
        emitter = CLASSES[label].emitter
        if emitter == "walker":
            walker.walk(offset, self.rng, BRISK)
        elif emitter in ("person", "carried") and self.rng.random() < self.preset.moving:
            walker.walk(offset, self.rng)
        else:
            walker.stand(offset)

    def _by_itself(self, label: int, onset: float, offset: float, bodily: bool) -> Path:
        """A source of its own: an object, or somebody whom the camera does not see."""
        kind = CLASSES[label]
        ghost = Walker(-1, "female", float(self.rng.uniform(1.6, 1.85)), self.reach)
        ghost.go_to(onset, self.rng.uniform(-180, 180), self.rng.uniform(*self.reach))
        self._act(ghost, label, offset)
        height = self.rng.uniform(*kind.height) * (ghost.tall if bodily else 1.0) - self.room.array[2]
        path = Path(np.array(ghost.time), np.array(ghost.azimuth), np.array(ghost.radius), float(height))
        if not bodily and self.rng.random() < VISIBLE_OBJECTS:
            self.things.append(Thing(label, path, int(self.rng.integers(2**31))))
        return path
