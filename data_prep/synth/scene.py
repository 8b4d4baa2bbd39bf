"""Scene plans: sound events, their sources, and the people and objects that a camera at the array would see."""

from dataclasses import dataclass

import numpy as np

from data_prep.synth.acoustics.rooms import Room
from data_prep.synth.motion import Trajectory
from data_prep.synth.presets import Preset
from data_prep.synth.sounds.classes import CLASSES, FEMALE_SPEECH, HUMAN_CLASSES, MALE_SPEECH
from data_prep.synth.video.people import Person, Voice, Walker, draw_walkers, wander

EVENT_GAIN_DB = (-3.0, 3.0)
"""range of the level of an event around the common level"""
HELD_SHARE = 0.4
"""share of hand-held sources (emitter "held") that a visible person holds"""
HELD_HEIGHT = (0.58, 0.68)
"""height of a held object as a share of body height: elbow to chest"""
VISIBLE_OBJECT_SHARE = 0.8
"""share of sounding objects that are drawn; the others are not visible"""
FOOTSTEP_SPEED_M_S = (0.7, 1.2)
"""walking speed during footsteps"""
UNSEEN_HEIGHT_M = (1.6, 1.85)
"""body height of people outside the picture"""
VOICE_OF_CLASS: dict[int, Voice] = {FEMALE_SPEECH: "female", MALE_SPEECH: "male"}
FIRST_ONSET_S = 0.1
"""silence at the beginning of a scene"""
LAST_PAUSE_S = 0.1
"""silence at the end of a scene, before reverberation"""


@dataclass(frozen=True, eq=False)
class SoundEvent:
    """One sound event of one source."""

    label: int
    """class index"""
    source: int
    """source number, as in the labels"""
    onset: float
    """seconds"""
    duration: float
    """seconds"""
    trajectory: Trajectory
    """of the sounding point; its times are those of the scene"""
    gain_db: float


@dataclass(frozen=True, eq=False)
class SceneObject:
    """A visible object."""

    label: int
    """class index"""
    trajectory: Trajectory
    appearance_seed: int


@dataclass(frozen=True, eq=False)
class Scene:
    """The complete plan of a recording, before rendering."""

    room: Room
    duration: float
    """seconds"""
    snr_db: float
    events: tuple[SoundEvent, ...]
    people: tuple[Person, ...]
    objects: tuple[SceneObject, ...]
    any_noise: bool = False
    """whether the ambient noise is one of many kinds"""
    array_errors: bool = False
    """whether the microphones have errors"""


def draw_scene(room: Room, duration: float, preset: Preset, rng: np.random.Generator) -> Scene:
    """Draw a scene: layers of consecutive events, and people who make the human sounds.

    Args:
        room: the room, with the array in it.
        duration: seconds.
        preset: difficulty.
        rng: the only source of randomness.
    """
    nearest, farthest = preset.distance_m
    reach = (nearest, max(min(farthest, room.max_source_radius), nearest + 0.2))
    n_active = int(rng.integers(preset.people[0], preset.people[1] + 1))
    n_silent = int(rng.integers(preset.bystanders[0], preset.bystanders[1] + 1))
    walkers = draw_walkers(n_active + n_silent, 0, reach, rng)
    for walker in walkers[n_active:]:
        wander(walker, duration, rng)
    placer = _SourcePlacer(room, preset, reach, walkers[:n_active], len(walkers), rng)
    events = _schedule(placer, duration, preset, rng)
    people = tuple(w.person(duration, room.array_position[2], int(rng.integers(2**31))) for w in walkers)
    return Scene(room, duration, float(rng.uniform(*preset.snr_db)), events, people, tuple(placer.objects))


class _ClassDeck:
    """Draws classes from a shuffled deck, so that all appear before one repeats."""

    def __init__(self, people_weight: int, rng: np.random.Generator) -> None:
        self.cards = [
            label for label in range(len(CLASSES)) for _ in range(self._copies(label, people_weight))
        ]
        self.rng = rng
        self.left: list[int] = []

    @staticmethod
    def _copies(label: int, people_weight: int) -> int:
        return people_weight if label in HUMAN_CLASSES else 1

    def draw(self, excluded: set[int]) -> int:
        """Take the next card of a class that is not excluded, or simply the next if all are excluded."""
        if not set(self.left) - excluded:
            self.left += self.rng.permutation(self.cards).tolist()
        place = next((k for k, label in enumerate(self.left) if label not in excluded), 0)
        return self.left.pop(place)


def _schedule(
    placer: "_SourcePlacer", duration: float, preset: Preset, rng: np.random.Generator
) -> tuple[SoundEvent, ...]:
    deck = _ClassDeck(preset.people_weight, rng)
    next_onset = [FIRST_ONSET_S + rng.uniform(0, gap[0] + 0.5 * (gap[1] - gap[0])) for gap in preset.gaps_s]
    next_onset[0] = FIRST_ONSET_S + rng.uniform(0, 0.5)
    events: list[SoundEvent] = []
    end = duration - LAST_PAUSE_S
    while min(next_onset) < end:
        layer = int(np.argmin(next_onset))
        onset = next_onset[layer]
        active = {event.label for event in events if event.onset + event.duration > onset}
        label = deck.draw(set() if preset.allow_same_class else active)
        length = min(float(rng.uniform(*CLASSES[label].duration_s)), end - onset)
        next_onset[layer] = onset + length + rng.uniform(*preset.gaps_s[layer])
        if length >= min(CLASSES[label].duration_s[0], 1.0):
            source, trajectory = placer.place(label, onset, onset + length)
            gain_db = float(rng.uniform(*EVENT_GAIN_DB))
            events.append(SoundEvent(label, source, onset, length, trajectory, gain_db))
    return tuple(events)


@dataclass(eq=False)
class _SourcePlacer:
    """Assigns a source to every event, in the order of onsets: a visible person, an object or an unseen person."""

    room: Room
    preset: Preset
    reach: tuple[float, float]
    people: list[Walker]
    next_source: int
    rng: np.random.Generator

    def __post_init__(self) -> None:
        self.objects: list[SceneObject] = []

    def place(self, label: int, onset: float, offset: float) -> tuple[int, Trajectory]:
        """Choose the source number and the trajectory of the sounding point."""
        emitter = CLASSES[label].emitter
        human = emitter in ("person", "walker")
        person = self._free_person(label, onset)
        onscreen = self.rng.random() >= self.preset.offscreen_share if human else False
        held = self.rng.random() < HELD_SHARE if emitter == "held" else False
        if person is not None and (onscreen or held):
            return person.source, self._source_on_person(person, label, onset, offset)
        self.next_source += 1
        return self.next_source - 1, self._separate_source(label, onset, offset, human)

    def _free_person(self, label: int, onset: float) -> Walker | None:
        voice = VOICE_OF_CLASS.get(label)
        free = [w for w in self.people if w.planned_until <= onset and voice in (None, w.voice)]
        return free[self.rng.integers(len(free))] if free else None

    def _source_on_person(self, walker: Walker, label: int, onset: float, offset: float) -> Trajectory:
        walker.relocate(onset, self.rng)
        self._move(walker, label, offset)
        sound_class = CLASSES[label]
        human = sound_class.emitter in ("person", "walker")
        share = self.rng.uniform(*(sound_class.height if human else HELD_HEIGHT))
        return walker.trajectory(float(share * walker.body_height - self.room.array_position[2]))

    def _move(self, walker: Walker, label: int, offset: float) -> None:
        emitter = CLASSES[label].emitter
        if emitter == "walker":
            walker.walk(offset, self.rng, FOOTSTEP_SPEED_M_S)
        elif emitter in ("person", "carried") and self.rng.random() < self.preset.moving_share:
            walker.walk(offset, self.rng)
        else:
            walker.stand(offset)

    def _separate_source(self, label: int, onset: float, offset: float, human: bool) -> Trajectory:
        """Create a source of its own: an object, or a person outside the picture."""
        sound_class = CLASSES[label]
        unseen = Walker(-1, "female", float(self.rng.uniform(*UNSEEN_HEIGHT_M)), self.reach)
        unseen.move_to(onset, self.rng.uniform(-180, 180), self.rng.uniform(*self.reach))
        self._move(unseen, label, offset)
        height = self.rng.uniform(*sound_class.height) * (unseen.body_height if human else 1.0)
        trajectory = unseen.trajectory(float(height - self.room.array_position[2]))
        if not human and self.rng.random() < VISIBLE_OBJECT_SHARE:
            self.objects.append(SceneObject(label, trajectory, int(self.rng.integers(2**31))))
        return trajectory
