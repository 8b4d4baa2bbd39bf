"""Scenes drawn from label statistics: those of STARSS22 and of a user's own labels."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import write_dcase
from avseld.io.events import Events, concatenate
from data_prep.synth.acoustics.render import event_labels
from data_prep.synth.acoustics.rooms import draw_room
from data_prep.synth.corpus import synth
from data_prep.synth.label_statistics import (
    PERCENT,
    STARSS22,
    LabelStatistics,
    measure_labels,
    read_statistics,
    statistics,
)
from data_prep.synth.presets import PRESETS
from data_prep.synth.scene import Scene, draw_scene
from data_prep.synth.scene_like import draw_scene_like
from data_prep.synth.sounds.classes import CLASSES, SAMPLE_RATE
from data_prep.synth.sounds.events import SHORTEST_SYNTHESIS_S, active_blocks, dry_sound

SECONDS = 60.0
N_SCENES = 45
EARLIER_PLANS = "f981b7689016"
"""first digits of the hash of scenes of the presets without statistics"""


def labels_of(scene: Scene) -> Events:
    """Return the labels of a scene whose sounds are active from onset to offset."""
    return concatenate(
        event_labels(event, np.ones(round(event.duration * SAMPLE_RATE), np.float32), scene.duration)
        for event in scene.events
    )


def scenes(table: LabelStatistics, preset: str, number: int) -> list[Scene]:
    drawn = []
    for seed in range(number):
        rng = np.random.default_rng([seed, 4])
        room = draw_room(1, PRESETS[preset].rt60_s, rng)
        drawn.append(draw_scene_like(table, room, SECONDS, PRESETS[preset], rng))
    return drawn


@pytest.fixture(scope="module")
def starss22() -> LabelStatistics:
    return read_statistics(STARSS22)


@pytest.fixture(scope="module")
def drawn(starss22: LabelStatistics) -> list[Scene]:
    return scenes(starss22, "starss", N_SCENES)


def at(quantiles: tuple[float, ...], percent: tuple[int, ...]) -> list[float]:
    return [quantiles[PERCENT.index(each)] for each in percent]


def test_starss_scenes_have_the_label_statistics_of_starss22(
    starss22: LabelStatistics, drawn: list[Scene]
) -> None:
    found = measure_labels([labels_of(scene) for scene in drawn], "scenes", [SECONDS] * N_SCENES)
    np.testing.assert_allclose(found.polyphony[:3], starss22.polyphony[:3], atol=0.05)
    assert sum(found.polyphony[3:]) == pytest.approx(sum(starss22.polyphony[3:]), abs=0.03)
    assert found.same_class == pytest.approx(starss22.same_class, abs=0.025)
    assert found.still == pytest.approx(starss22.still, abs=0.03)
    np.testing.assert_allclose(at(found.length_s, (10, 50)), at(starss22.length_s, (10, 50)), atol=0.3)
    assert at(found.length_s, (90,))[0] == pytest.approx(at(starss22.length_s, (90,))[0], rel=0.4)
    np.testing.assert_allclose(at(found.speed_deg_s, (50, 90)), at(starss22.speed_deg_s, (50, 90)), atol=3)
    np.testing.assert_allclose(
        at(found.elevation_deg, (5, 50, 95)), at(starss22.elevation_deg, (5, 50, 95)), atol=5
    )
    for label, own in starss22.classes.items():
        share = found.classes[label].share if label in found.classes else 0.0
        assert share == pytest.approx(own.share, abs=0.05)


def test_table_of_starss22_is_measured_from_its_labels(
    starss22: LabelStatistics, shared: Callable[[str], Path], tmp_path: Path
) -> None:
    statistics(shared("data/starss22_metadata"), tmp_path / "table.json", starss22.source)
    assert (tmp_path / "table.json").read_text() == STARSS22.read_text()


def test_statistics_of_known_labels() -> None:
    """A source of class 2 stands still for 0.3 s, moves by 3 degrees and pauses; a second one joins for 0.1 s."""
    rows = [(0, 2, 0, 10, -5), (1, 2, 0, 10, -5), (2, 2, 0, 10, -5), (3, 2, 0, 10, -2), (5, 2, 0, 10, -2)]
    rows += [(3, 2, 1, 90, 0)]
    table = np.array(rows, float)
    events = Events(table[:, 0] / 10, (table[:, 0] + 1) / 10, *table[:, 1:].T, np.full(len(rows), np.nan))
    found = measure_labels([events], "known", [1.0])
    np.testing.assert_allclose(found.polyphony[:3], [0.5, 0.4, 0.1])
    assert found.same_class == pytest.approx(0.2)
    assert found.still == pytest.approx(2 / 3, abs=1e-4)
    assert found.speed_deg_s[-1] == pytest.approx(30)
    assert found.returning == pytest.approx(1 / 3, abs=1e-4)
    assert (found.length_s[0], found.length_s[-1]) == (0.1, 0.4)
    assert found.distance_m is None


def test_sources_of_starss_scenes_stay_inside_the_room(drawn: list[Scene]) -> None:
    for scene in drawn:
        for event in scene.events:
            time = np.linspace(event.onset, event.onset + event.duration, 20)
            place = event.trajectory.position(time) + scene.room.array_position
            assert (place > 0).all()
            assert (place < scene.room.size).all()


def test_visible_people_of_starss_scenes_stand_where_their_sounds_are(drawn: list[Scene]) -> None:
    seen = 0
    for scene in drawn:
        makers = {person.source: person for person in scene.people}
        for event in (event for event in scene.events if event.source in makers):
            time = np.linspace(event.onset, event.onset + event.duration, 9)
            feet = makers[event.source].feet.position(time)
            np.testing.assert_allclose(feet[:, :2], event.trajectory.position(time)[:, :2], atol=1e-6)
            height = (event.trajectory.height - feet[0, 2]) / makers[event.source].body_height
            assert CLASSES[event.label].height[0] - 1e-9 <= height <= CLASSES[event.label].height[1] + 1e-9
            seen += 1
    assert seen > 100


@pytest.mark.parametrize("label", range(len(CLASSES)), ids=[each.name for each in CLASSES])
def test_short_events_sound_from_beginning_to_end(label: int) -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        sound = dry_sound(label, 0.3, rng, shortest=SHORTEST_SYNTHESIS_S)
        assert len(sound) == round(0.3 * SAMPLE_RATE)
        assert active_blocks(sound)[:5].any()


def test_own_labels_are_resembled_and_unusable_ones_refused(tmp_path: Path) -> None:
    frame = np.arange(100)
    rows = np.stack([frame / 10, (frame + 1) / 10, 0 * frame + 8, 0 * frame, 0 * frame + 5, 0 * frame - 9.0])
    labels = tmp_path / "labels"
    labels.mkdir()
    write_dcase(labels / "one.csv", Events(*rows, np.full(100, 2.0)))
    options = {"recordings": 1, "seconds": 4.0, "width": 32, "fps": 1.0, "jobs": 1}
    synth(tmp_path / "out", like=labels, **options)
    (found,) = (tmp_path / "out/metadata_dev").rglob("*.csv")
    table = np.loadtxt(found, delimiter=",", ndmin=2)
    assert len(table) >= 38
    assert {tuple(row) for row in table[:, [1, 4]]} == {(8, -9)}
    (tmp_path / "manifest.csv").write_text("name,audio\n")
    assert read_statistics(tmp_path) == replace(read_statistics(labels), source=tmp_path.name)
    with pytest.raises(BadInput, match="has no label statistics"):
        synth(tmp_path / "no", like=labels, preset="easy", **options)
    with pytest.raises(BadInput, match="needs the layout starss23"):
        synth(tmp_path / "no", layout="tut2018", preset="starss", **options)
    (labels / "two.csv").write_text("0,13,0,0,0\n")
    with pytest.raises(BadInput, match="class 13"):
        synth(tmp_path / "no", like=labels, **options)
    (labels / "two.csv").unlink()
    (labels / "one.csv").write_text("")
    with pytest.raises(BadInput, match="no events"):
        synth(tmp_path / "no", like=labels, **options)
    (tmp_path / "table.json").write_text("{}")
    for path in (tmp_path / "table.json", tmp_path / "none.json"):
        with pytest.raises(BadInput, match=path.name):
            read_statistics(path)
    assert not (tmp_path / "no").exists()


def test_presets_without_statistics_draw_the_scenes_they_always_drew() -> None:
    """Published tables are made from scenes of these presets: the same seed gives the same plan."""
    digest = hashlib.sha256()
    for name, preset in PRESETS.items():
        if preset.statistics is not None:
            continue
        rng = np.random.default_rng(7)
        scene = draw_scene(draw_room(1, preset.rt60_s, rng), 30.0, preset, rng)
        for event in scene.events:
            place = event.trajectory.position(event.onset + event.duration).round(6).tolist()
            digest.update(f"{name} {event.label} {event.source} {event.onset:.6f} {place}".encode())
    assert digest.hexdigest().startswith(EARLIER_PLANS)
