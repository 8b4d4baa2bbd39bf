"""Scenes to train locators: any sound, any noise, errors of microphones, recordings without events."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avseld.io.geometry import angle_between, unit_vector
from data_prep.synth.acoustics.channel_errors import ErrorRanges, apply_errors, capsule_gains
from data_prep.synth.acoustics.formats import RECEIVER_FORMATS
from data_prep.synth.acoustics.noises import NOISES, draw_noise
from data_prep.synth.acoustics.render import render
from data_prep.synth.acoustics.rooms import draw_room
from data_prep.synth.corpus import synth
from data_prep.synth.label_statistics import STARSS22, read_statistics
from data_prep.synth.presets import PRESETS
from data_prep.synth.scene import Scene
from data_prep.synth.scene_like import draw_scene_like
from data_prep.synth.sounds.classes import CLASSES, SAMPLE_RATE
from data_prep.synth.sounds.events import active_blocks, dry_sound
from data_prep.synth.sounds.random_timbres import CLASS_SOUNDS, RANDOM_SOUNDS, any_sound

FOA = RECEIVER_FORMATS["foa"]
SMALL = {"recordings": 2, "seconds": 3.0, "train_rooms": 3, "test_share": 0.0, "width": 64, "fps": 2.0}


def locator_scene(seed: int, duration: float = 10.0) -> Scene:
    rng = np.random.default_rng([seed, 9])
    preset = PRESETS["locator"]
    room = draw_room(
        1, preset.rt60_s, rng, preset.room_m, preset.array_height_m, preset.min_critical_distance_m
    )
    return draw_scene_like(read_statistics(STARSS22), room, duration, preset, rng)


def test_locator_recordings_are_partly_without_events_and_have_at_most_three_sources() -> None:
    scenes = [locator_scene(seed) for seed in range(150)]
    assert 0.05 < np.mean([not scene.events for scene in scenes]) < 0.25
    for scene in scenes:
        time = np.arange(0.05, 10, 0.1)[:, None]
        onset = np.array([event.onset for event in scene.events])
        offset = np.array([event.onset + event.duration for event in scene.events])
        assert ((time >= onset + 0.05) & (time < offset - 0.05)).sum(axis=1).max(initial=0) <= 3
        for event in scene.events:
            place = event.trajectory.position(np.linspace(event.onset, event.onset + event.duration, 20))
            assert (place + scene.room.array_position > 0).all()
            assert (place + scene.room.array_position < scene.room.size).all()
    distance = [np.hypot(e.trajectory.radius[0], e.trajectory.height) for s in scenes for e in s.events]
    assert np.quantile(distance, 0.05) < 0.8
    assert max(distance) > 3.5


def test_small_rooms_have_short_reverberation() -> None:
    rooms = [locator_scene(seed).room for seed in range(60)]
    assert min(room.critical_distance for room in rooms) >= 0.499
    assert max(room.rt60 for room in rooms) > 1.3
    assert min(room.rt60 for room in rooms) < 0.4


def test_events_of_locator_scenes_come_from_their_labels() -> None:
    """Without reverberation and errors, the intensity vector is within a degree of the label."""
    errors = []
    for seed in range(4):
        scene = locator_scene(seed, 6.0)
        dry = partial(dry_sound, synthesizers=(any_sound,) * len(CLASSES), shortest=1.5)
        scene = replace(scene, room=replace(scene.room, rt60=0.0), array_errors=False)
        rendering = render(scene, FOA, dry, np.random.SeedSequence(seed))
        frames = np.round(rendering.labels.onset * 10).astype(int)
        for row in np.flatnonzero(np.bincount(frames, minlength=60)[frames] == 1):
            here = rendering.events[:, frames[row] * 2400 : (frames[row] + 1) * 2400]
            flow = (here[0] * here[[3, 1, 2]]).mean(axis=1)
            label = unit_vector(rendering.labels.azimuth[row], rendering.labels.elevation[row])
            errors.append(angle_between(flow, label))
    assert len(errors) > 80
    assert np.median(errors) < 1.0


@pytest.mark.parametrize("name", list(NOISES))
def test_noises_of_every_kind_arrive_from_all_directions(name: str) -> None:
    flows = []
    for seed in range(6):
        noise = NOISES[name](2 * SAMPLE_RATE, FOA, np.random.default_rng(seed))
        power = np.square(noise).mean(axis=1)
        assert noise.shape == (4, 2 * SAMPLE_RATE)
        assert power[0] > 0
        assert power[1:].sum() == pytest.approx(power[0], rel=0.8)
        flows.append((noise[0] * noise[1:]).mean(axis=1) / power[0])
    assert np.linalg.norm(np.mean(flows, axis=0)) < 0.2


def test_mixed_noise_has_power_1_and_changes_its_level() -> None:
    levels = []
    for seed in range(6):
        noise = draw_noise(6 * SAMPLE_RATE, FOA, np.random.default_rng(seed))
        assert np.square(noise[0]).mean() == pytest.approx(1, rel=1e-3)
        power = np.square(noise[0]).reshape(6, -1).mean(axis=1)
        levels.append(10 * np.log10(power.max() / power.min()))
    assert np.median(levels) > 2


@pytest.mark.parametrize("format", ["foa", "mic", "stereo"])
def test_an_array_without_errors_records_what_arrives_and_one_with_errors_nearly_that(format: str) -> None:
    sound = np.random.default_rng(0).standard_normal((2 if format == "stereo" else 4, 5000), dtype=np.float32)
    none = ErrorRanges(0.0, 0.0, 0.0)
    kept = apply_errors(sound, RECEIVER_FORMATS[format], none, np.random.default_rng(1))
    np.testing.assert_allclose(kept, sound, atol=1e-3)
    changed = apply_errors(sound, RECEIVER_FORMATS[format], ErrorRanges(), np.random.default_rng(1))
    assert 0.01 < np.std(changed - sound) / np.std(sound) < 0.4
    np.testing.assert_allclose(
        capsule_gains() @ [1, 0, 0, 0], 0.5
    )  # cardioids take half of the pressure alone


@pytest.mark.parametrize("number", range(len(RANDOM_SOUNDS)), ids=[each.__name__ for each in RANDOM_SOUNDS])
def test_sounds_of_random_timbre_fill_their_time_and_differ(number: int) -> None:
    for seconds in (1.5, 5.0):
        one, other = (RANDOM_SOUNDS[number](seconds, np.random.default_rng(seed)) for seed in (1, 2))
        assert len(one) == len(other) == round(seconds * SAMPLE_RATE)
        assert np.isfinite(one).all()
        assert active_blocks(one).mean() > 0.5
        assert not np.array_equal(one, other)


def test_sounds_of_classes_and_timbres_are_drawn_and_short_ones_are_heard() -> None:
    centroids = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        sound = dry_sound(5, 0.5, rng, synthesizers=(any_sound,) * len(CLASSES), shortest=1.5)
        assert len(sound) <= 0.5 * SAMPLE_RATE
        assert active_blocks(sound)[:5].any()
        spectrum = np.square(np.abs(np.fft.rfft(sound)))
        centroids.append((spectrum * np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)).sum() / spectrum.sum())
    assert np.quantile(centroids, 0.1) < 700
    assert np.quantile(centroids, 0.9) > 2500
    assert len(CLASS_SOUNDS) > len(CLASSES)


def test_audio_without_video_is_the_same_with_any_number_of_jobs(tmp_path: Path) -> None:
    for name, jobs in (("one", 1), ("two", 2)):
        synth(
            tmp_path / name,
            preset="locator",
            formats="foa,stereo",
            seed=2,
            video="none",
            jobs=jobs,
            **SMALL,
        )
    first = {str(p.relative_to(tmp_path / "one")): p.read_bytes() for p in (tmp_path / "one").rglob("*.*")}
    second = {str(p.relative_to(tmp_path / "two")): p.read_bytes() for p in (tmp_path / "two").rglob("*.*")}
    assert {name.split("/")[0] for name in first} == {
        "foa_dev", "stereo_dev", "metadata_dev", "presets.csv", "synth.json"
    }  # fmt: skip
    assert first == second
    synth(tmp_path / "film", preset="locator", seed=2, jobs=1, **(SMALL | {"recordings": 1}))
    (seen,) = (tmp_path / "film" / "foa_dev").rglob("*.wav")
    assert seen.read_bytes() == first[f"foa_dev/{seen.parent.name}/{seen.name}"]
    assert soundfile.info(seen).channels == 4
    assert list((tmp_path / "film").rglob("*.mp4"))
