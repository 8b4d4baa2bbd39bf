"""Scene plans with the label statistics of a corpus: recurring sources that mostly stand still."""

from dataclasses import dataclass, field

import numpy as np

from data_prep.synth.acoustics.rooms import Room
from data_prep.synth.label_statistics import ClassStatistics, LabelStatistics
from data_prep.synth.presets import Preset
from data_prep.synth.scene import (
    VISIBLE_OBJECT_SHARE,
    VOICE_OF_CLASS,
    Scene,
    SceneObject,
    SoundEvent,
)
from data_prep.synth.schedule import ScheduledEvent, draw_quantile, draw_schedule
from data_prep.synth.sounds.classes import CLASSES
from data_prep.synth.video.people import Person, Voice, Walker, draw_walkers, wander

MOVE_S = (0.6, 3.0)
"""shortest and longest time that a source moves at once"""
MAX_SPEED_DEG_S = 90.0
"""faster changes in labels are corrections of the annotator"""
MAX_RADIAL_SPEED_M_S = 0.15
"""of a moving source: the distance changes less than the direction"""
BODY_HEIGHT_M = (1.0, 2.0)
"""smallest (seated) and largest height of visible people; sources at other heights have no visible maker"""
RELOCATE_SHARE = 0.3
"""share of pauses in which a source that can move goes to another place"""
MIN_PAUSE_S = 1.0
"""shorter pauses are too short to go anywhere"""
CLEARANCE_M = 0.02
"""smallest height of a source above the floor and below the ceiling"""
MOVABLE_BELOW = 0.97
"""classes that stand still in a larger share of frames never relocate"""


def draw_scene_like(
    statistics: LabelStatistics, room: Room, duration: float, preset: Preset, rng: np.random.Generator
) -> Scene:
    """Draw a scene whose labels have the statistics of a corpus.

    Args:
        statistics: of the labels.
        room: the room, with the array in it.
        duration: seconds.
        preset: acoustics, people and distances.
        rng: the only source of randomness.
    """
    cast = _Cast(statistics, room, preset, duration, rng)
    scheduled = draw_schedule(statistics, duration, preset.max_polyphony, rng)
    if rng.random() < preset.noise_only_share:
        scheduled = []
    events = tuple(cast.place(event) for event in scheduled)
    n_silent = int(rng.integers(preset.bystanders[0], preset.bystanders[1] + 1))
    silent = draw_walkers(n_silent, len(cast.sources), cast.reach, rng)
    for walker in silent:
        wander(walker, duration, rng)
    people = [*cast.people(), *(w.person(duration, room.array_position[2], _seed(rng)) for w in silent)]
    snr_db = float(rng.uniform(*preset.snr_db))
    return Scene(
        room,
        duration,
        snr_db,
        events,
        tuple(people),
        tuple(cast.objects()),
        preset.any_noise,
        preset.array_errors,
    )


@dataclass(eq=False)
class _Source:
    """A source that may sound several times."""

    number: int
    label: int
    walker: Walker
    height: float
    """metres above the array"""
    visible: bool
    appearance_seed: int


@dataclass(eq=False)
class _Cast:
    """The sources of a scene; events are placed in the order of onsets."""

    statistics: LabelStatistics
    room: Room
    preset: Preset
    duration: float
    rng: np.random.Generator
    sources: list[_Source] = field(default_factory=list)

    @property
    def reach(self) -> tuple[float, float]:
        """Return the smallest and largest horizontal distance of a source, metres."""
        nearest, farthest = self.preset.distance_m
        farthest = min(farthest, self.preset.max_critical_distances * self.room.critical_distance)
        return nearest, max(min(farthest, self.room.max_source_radius), nearest + 0.2)

    def place(self, event: ScheduledEvent) -> SoundEvent:
        """Give an event a source and a trajectory."""
        known = [source for source in self.sources if source.label == event.label]
        free = [source for source in known if source.walker.planned_until <= event.onset]
        own = self.statistics.classes[event.label]
        returning = self.statistics.returning
        if self.preset.returning_share is not None:
            returning = self.preset.returning_share
        if free and self.rng.random() < returning:
            source = free[self.rng.integers(len(free))]
            self._wait(source, own, event.onset)
        else:
            source = self._new_source(event, own)
            self.sources.append(source)
        self._sound(source, own, event)
        gain_db = float(self.rng.uniform(*self.preset.event_gain_db))
        trajectory = source.walker.trajectory(source.height)
        return SoundEvent(event.label, source.number, event.onset, event.length, trajectory, gain_db)

    def people(self) -> list[Person]:
        """Return the visible makers of human sounds."""
        array_height = self.room.array_position[2]
        return [
            source.walker.person(self.duration, array_height, source.appearance_seed)
            for source in self.sources
            if source.visible and _is_human(source.label)
        ]

    def objects(self) -> list[SceneObject]:
        """Return the visible objects."""
        return [
            SceneObject(source.label, source.walker.trajectory(source.height), source.appearance_seed)
            for source in self.sources
            if source.visible and not _is_human(source.label)
        ]

    def _new_source(self, event: ScheduledEvent, own: ClassStatistics) -> _Source:
        radius, height = self._draw_place(own)
        share = self.rng.uniform(*CLASSES[event.label].height)
        voice: Voice = VOICE_OF_CLASS.get(event.label, ("female", "male")[self.rng.integers(2)])
        visible = self.rng.random() < VISIBLE_OBJECT_SHARE
        body_height = 0.0
        if _is_human(event.label):
            body_height = (self.room.array_position[2] + height) / share
            visible = self.rng.random() >= self.preset.offscreen_share
            visible &= BODY_HEIGHT_M[0] <= body_height <= BODY_HEIGHT_M[1]
            visible &= sum(source.visible for source in self.sources) < self.preset.people[1]
        walker = Walker(len(self.sources), voice, body_height, self.reach)
        walker.move_to(event.onset, self.rng.uniform(-180, 180), radius)
        return _Source(walker.source, event.label, walker, height, bool(visible), _seed(self.rng))

    def _draw_place(self, own: ClassStatistics) -> tuple[float, float]:
        """Draw horizontal distance and height above the array, metres, at an elevation of the class."""
        elevation = np.radians(draw_quantile(own.elevation_deg, self.rng))
        if self.preset.elevation_deg is not None and self.rng.random() < 0.5:
            elevation = np.arcsin(self.rng.uniform(*np.sin(np.radians(self.preset.elevation_deg))))
        array_height = self.room.array_position[2]
        clearance = array_height if elevation < 0 else self.room.size[2] - array_height
        nearest, farthest = self.reach
        # As far as floor and ceiling allow at this elevation.
        farthest = min(farthest, (clearance - CLEARANCE_M) / max(np.sin(abs(elevation)), 1e-6))
        farthest = min(farthest, self.reach[1] / max(np.cos(elevation), 1e-6))
        if self.statistics.distance_m is None:
            distance = self.rng.uniform(min(nearest, farthest), farthest)
        else:
            distance = draw_quantile(self.statistics.distance_m, self.rng)
            distance = float(np.clip(distance, min(nearest, farthest), farthest))
        return float(distance * np.cos(elevation)), float(distance * np.sin(elevation))

    def _wait(self, source: _Source, own: ClassStatistics, onset: float) -> None:
        """Stay in place until the next event, or go elsewhere in a pause that is long enough."""
        walker = source.walker
        can_go = own.still < MOVABLE_BELOW and onset - walker.planned_until > MIN_PAUSE_S
        if can_go and self.rng.random() < RELOCATE_SHARE:
            walker.relocate(onset, self.rng)
        elif onset > walker.planned_until:
            walker.stand(onset)

    def _sound(self, source: _Source, own: ClassStatistics, event: ScheduledEvent) -> None:
        """Extend the trajectory to the end of an event: stretches of motion between stretches of rest."""
        moving_share = 1 - own.still
        if moving_share <= 0:
            source.walker.stand(event.onset + event.length)
            return
        mean_move = sum(MOVE_S) / 2
        mean_rest = mean_move * (1 - moving_share) / moving_share
        end = event.onset + event.length
        moves = self.rng.random() < moving_share
        part = self.rng.random()  # of a motion that began before the event
        while source.walker.planned_until < end:
            now = source.walker.planned_until
            length = part * self.rng.uniform(*MOVE_S) if moves else self.rng.exponential(mean_rest)
            length, part = length + 1e-3, 1.0
            until = min(now + length, end)
            if moves:
                self._move(source, until)
            else:
                source.walker.stand(until)
            moves = not moves

    def _move(self, source: _Source, until: float) -> None:
        walker = source.walker
        seconds = until - walker.planned_until
        speed = min(draw_quantile(self.statistics.speed_deg_s, self.rng), MAX_SPEED_DEG_S)
        drift = self.rng.uniform(-MAX_RADIAL_SPEED_M_S, MAX_RADIAL_SPEED_M_S) * seconds
        lowest, highest = min(self.reach[0], walker.radius[-1]), max(self.reach[1], walker.radius[-1])
        radius = float(np.clip(walker.radius[-1] + drift, lowest, highest))
        turn = float(self.rng.choice([-1, 1])) * speed * seconds
        walker.move_to(until, walker.azimuth[-1] + turn, radius)


def _is_human(label: int) -> bool:
    return CLASSES[label].emitter in ("person", "walker")


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
