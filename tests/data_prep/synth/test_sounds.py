"""Audio of generated scenes: direction, motion, level, classes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseld.base.errors import BadInput
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.suffixes import SOUNDS
from data_prep.synth.acoustics.formats import RECEIVER_FORMATS
from data_prep.synth.acoustics.render import add_event, convolve_moving, diffuse_noise, event_labels, render
from data_prep.synth.acoustics.rooms import Room, draw_room, impulse_responses
from data_prep.synth.motion import Trajectory
from data_prep.synth.presets import PRESETS, get_preset
from data_prep.synth.scene import Scene, SoundEvent, draw_scene
from data_prep.synth.sounds.banks import IMAGE_SUFFIXES, scan_bank, split_bank
from data_prep.synth.sounds.classes import CLASSES, FOOTSTEPS, SAMPLE_RATE
from data_prep.synth.sounds.events import STARSS23_SYNTHESIZERS, TARGET_RMS, active_blocks, dry_sound

FOA = RECEIVER_FORMATS["foa"]
ANECHOIC = Room(1, (9.0, 8.0, 5.0), (4.5, 4.0, 2.5), 0.0, 0)
LIVELY = Room(2, (6.5, 5.5, 2.8), (3.3, 2.6, 1.4), 0.4, 0)

LAYERED = [name for name, preset in PRESETS.items() if preset.statistics is None]
"""presets that draw layers of consecutive events"""


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE)).astype(np.float32)


def rendered(trajectory: Trajectory, sound: np.ndarray, room: Room = ANECHOIC) -> np.ndarray:
    seconds = len(sound) / SAMPLE_RATE
    event = SoundEvent(0, 0, 0.0, seconds, trajectory, 0.0)
    scene = Scene(room, seconds, 20.0, (event,), (), ())
    wet = np.zeros((4, len(sound)), np.float32)
    add_event(wet, scene, event, sound, FOA, np.random.default_rng(1))
    return wet


def intensity(foa: np.ndarray) -> np.ndarray:
    """Compute the intensity vector x, y, z from channels W Y Z X."""
    return (foa[0] * foa[[3, 1, 2]]).mean(axis=1)


@settings(max_examples=25, deadline=None)
@given(st.floats(-180, 180), st.floats(-50, 50), st.floats(1.0, 2.0))
def test_intensity_points_at_the_label(azimuth: float, elevation: float, distance: float) -> None:
    across, up = distance * np.cos(np.radians(elevation)), distance * np.sin(np.radians(elevation))
    trajectory = Trajectory.stationary(azimuth, across, up)
    sound = noise(0.2)
    rows = event_labels(SoundEvent(0, 0, 0.0, 0.2, trajectory, 0.0), sound, 0.2)
    label = unit_vector(rows.azimuth[0], rows.elevation[0])
    assert angle_between(intensity(rendered(trajectory, sound)), label) < 1.0
    assert rows.distance[0] == pytest.approx(distance, abs=0.006)


def test_azimuth_90_is_left_and_elevation_is_up() -> None:
    left, up = (
        rendered(Trajectory.stationary(90, 2.0, 0.0), noise(0.2)),
        rendered(Trajectory.stationary(0, 1.0, 1.0), noise(0.2)),
    )
    assert np.corrcoef(left[0], left[1])[0, 1] > 0.999
    assert np.square(left[2:]).mean() < 1e-6 * np.square(left[0]).mean()
    assert np.corrcoef(up[0], up[2])[0, 1] > 0.999
    assert np.corrcoef(up[0], up[3])[0, 1] > 0.999


def test_dipole_gain_is_one_and_level_falls_with_distance() -> None:
    near, far = (
        rendered(Trajectory.stationary(90, 1.0, 0.0), noise(0.3)),
        rendered(Trajectory.stationary(90, 2.0, 0.0), noise(0.3)),
    )
    assert near[1].std() == pytest.approx(near[0].std(), rel=1e-3)
    assert near[0].std() == pytest.approx(1.0, rel=0.05)
    assert far[0].std() / near[0].std() == pytest.approx(0.5, rel=0.03)


def test_direct_sound_arrives_after_its_travel_time() -> None:
    click = np.zeros(2400, np.float32)
    click[240] = 1
    wet = rendered(Trajectory.stationary(30, 1.715, 0.0), click)
    assert abs(int(np.abs(wet[0]).argmax()) - 240 - round(1.715 / 343 * SAMPLE_RATE)) <= 1


def test_direct_sound_in_a_room_has_the_direction_of_the_source() -> None:
    found = impulse_responses(LIVELY, np.array([[0.9, 1.2, 0.2]]), FOA, np.random.default_rng(0))
    onset = found[0][:, :180]
    assert angle_between(intensity(onset), [0.9, 1.2, 0.2]) < 3


@pytest.mark.parametrize("seconds", [0.25, 0.4, 0.7])
def test_reverberation_time_is_that_of_the_room(seconds: float) -> None:
    room = Room(3, (7.0, 6.0, 3.0), (3.4, 3.1, 1.4), seconds, 0)
    found = impulse_responses(room, np.array([[1.5, 0.8, 0.1]]), FOA, np.random.default_rng(0))
    left = np.cumsum(np.square(found[0, 0])[::-1])[::-1]
    decay = 10 * np.log10(left / left[0])
    start, stop = np.argmax(decay < -5), np.argmax(decay < -25)
    assert 3 * (stop - start) / SAMPLE_RATE == pytest.approx(seconds, rel=0.35)


def test_level_is_continuous_from_image_sources_to_tail() -> None:
    room = Room(3, (7.0, 6.0, 2.6), (3.4, 3.1, 1.4), 0.8, 0)
    found = impulse_responses(room, np.array([[1.5, 0.8, 0.1]]), FOA, np.random.default_rng(0))
    level = np.square(found[0, 0, : 240 * 30]).reshape(30, 240).mean(axis=1)
    smooth = 10 * np.log10(np.convolve(level, np.ones(3) / 3, "valid"))
    assert np.abs(np.diff(smooth[4:])).max() < 4


def test_moving_source_follows_its_trajectory_behind_the_array() -> None:
    trajectory = Trajectory(np.array([0.0, 3.0]), np.array([140.0, 220.0]), np.array([1.5, 2.0]), 0.2)
    wet = rendered(trajectory, noise(3.0))
    for frame in range(2, 28):
        here = wet[:, frame * 2400 : (frame + 1) * 2400]
        assert angle_between(intensity(here), trajectory.position((frame + 0.5) * 0.1)) < 3


def test_moving_source_makes_no_clicks() -> None:
    trajectory = Trajectory(np.array([0.0, 2.0]), np.array([0.0, 90.0]), np.array([1.2, 2.0]), 0.0)
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tone = (np.sin(2 * np.pi * 400 * time) * np.hanning(len(time)) ** 0.5).astype(np.float32)
    for room in (ANECHOIC, LIVELY):
        wet = rendered(trajectory, tone, room)[:, 2400:-2400]
        curvature = np.abs(np.diff(wet, n=2, axis=1)).max(axis=1)
        # The second difference of a sine is at most its amplitude times the squared phase step; a click exceeds it.
        smooth = np.abs(wet).max(axis=1) * (2 * np.pi * 400 / SAMPLE_RATE) ** 2
        assert (curvature < 1.3 * smooth).all()


def test_approaching_source_keeps_its_high_frequencies() -> None:
    trajectory = Trajectory(np.array([0.0, 2.0]), np.array([0.0, 20.0]), np.array([3.0, 2.0]), 0.0)
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    wet = rendered(trajectory, np.sin(2 * np.pi * 7000 * time).astype(np.float32))[0, 1200:-1200]
    level = np.sqrt(np.square(wet[: len(wet) // 240 * 240]).reshape(-1, 240).mean(axis=1)) * np.sqrt(2)
    assert level.min() > 0.9 / 3
    assert level.max() < 1.1 / 2


def test_waypoint_weights_add_up_to_one() -> None:
    sound, response = noise(0.5), np.random.default_rng(3).standard_normal((4, 300)).astype(np.float32)
    once = convolve_moving(sound, response[None], np.zeros(1, int))
    often = convolve_moving(sound, np.repeat(response[None], 4, axis=0), np.array([0, 3000, 7000, 12000]))
    np.testing.assert_allclose(often[:, : once.shape[1]], once, atol=2e-3 * np.abs(once).max())


def test_diffuse_noise_is_isotropic_and_uncorrelated_between_ambisonic_channels() -> None:
    ambience = diffuse_noise(20 * SAMPLE_RATE, FOA, np.random.default_rng(0))
    power = np.square(ambience).mean(axis=1)
    assert power[0] == pytest.approx(power[1:].sum(), rel=0.05)
    np.testing.assert_allclose(power[1:], power[0] / 3, rtol=0.1)
    assert np.abs(np.corrcoef(ambience) - np.eye(4)).max() < 0.05


@pytest.mark.parametrize("name", LAYERED)
def test_snr_polyphony_and_peak_level_are_those_of_the_preset(name: str) -> None:
    preset = get_preset(name)
    rng = np.random.default_rng(5)
    scene = draw_scene(draw_room(1, preset.rt60_s, rng), 12.0, preset, rng)
    rendering = render(scene, FOA, dry_sound, np.random.SeedSequence(5))
    frames = np.round(rendering.labels.onset * 10).astype(int)
    active = np.repeat(np.isin(np.arange(120), frames), 2400)
    ratio = np.square(rendering.events[:, active]).mean() / np.square(rendering.noise).mean()
    assert 10 * np.log10(ratio) == pytest.approx(scene.snr_db, abs=0.3)
    assert preset.snr_db[0] <= scene.snr_db <= preset.snr_db[1]
    assert 1 <= np.bincount(frames).max() <= len(preset.gaps_s)
    assert np.abs(rendering.mix).max() <= 0.951


def test_labels_cover_the_frames_in_which_the_sound_is_active() -> None:
    sound = np.zeros(round(1.5 * SAMPLE_RATE), np.float32)
    sound[: SAMPLE_RATE // 2] = 0.1
    rows = event_labels(SoundEvent(3, 1, 0.32, 1.5, Trajectory.stationary(0, 1, 0), 0.0), sound, 3.0)
    np.testing.assert_allclose(rows.onset, [0.3, 0.4, 0.5, 0.6, 0.7], atol=1e-9)


@pytest.mark.parametrize("label", range(len(CLASSES)), ids=[each.name for each in CLASSES])
def test_synthesis_varies_within_a_class_at_a_common_level(label: int) -> None:
    one, other = (dry_sound(label, 2.0, np.random.default_rng(seed)) for seed in (1, 2))
    assert len(STARSS23_SYNTHESIZERS) == len(CLASSES)
    assert abs(len(one) - 2 * SAMPLE_RATE) <= 1
    assert not np.array_equal(one, other)
    assert active_blocks(one).mean() > 0.6
    assert np.abs(one).max() <= 0.501
    assert one.std() < 2 * TARGET_RMS


def test_nearest_mean_spectrum_identifies_most_classes() -> None:
    """The nearest mean spectrum of other examples gives the class in over 60 % of cases; chance is 8 %."""

    def spectrum(label: int, seed: int) -> np.ndarray:
        sound = dry_sound(label, 2.0, np.random.default_rng(100 * seed + label))
        frames = np.abs(np.fft.rfft(sound[: len(sound) // 1024 * 1024].reshape(-1, 1024) * np.hanning(1024)))
        bands = np.add.reduceat(frames, np.unique(np.geomspace(1, 500, 32).astype(int)), axis=1)
        level = np.log(bands + 1e-3)
        return np.concatenate([level.mean(axis=0), level.std(axis=0)])

    means = np.array([np.mean([spectrum(label, seed) for seed in range(5)], axis=0) for label in range(13)])
    tries = [(label, spectrum(label, seed)) for label in range(13) for seed in (7, 8)]
    found = [np.linalg.norm(means - one, axis=1).argmin() == label for label, one in tries]
    assert np.mean(found) > 0.6


def test_footsteps_come_from_moving_sources() -> None:
    preset = get_preset("easy")
    for seed in range(6):
        rng = np.random.default_rng(seed)
        scene = draw_scene(draw_room(1, preset.rt60_s, rng), 40.0, preset, rng)
        steps = [event for event in scene.events if event.label == FOOTSTEPS]
        assert all(event.trajectory.moves(event.onset, event.onset + event.duration) for event in steps)


def test_sources_stay_inside_the_room() -> None:
    for name in LAYERED:
        preset = PRESETS[name]
        rng = np.random.default_rng(len(name))
        room = draw_room(1, preset.rt60_s, rng)
        scene = draw_scene(room, 60.0, preset, rng)
        for event in scene.events:
            place = (
                event.trajectory.position(np.linspace(event.onset, event.onset + event.duration, 50))
                + room.array_position
            )
            assert (place > 0).all()
            assert (place < room.size).all()


def test_human_sounds_follow_visible_people_and_some_have_no_visible_source() -> None:
    preset = get_preset("easy")
    seen, hidden = 0, 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        scene = draw_scene(draw_room(1, preset.rt60_s, rng), 60.0, preset, rng)
        for event in scene.events:
            if CLASSES[event.label].emitter not in ("person", "walker"):
                continue
            time = np.linspace(event.onset, event.onset + event.duration, 9)
            makers = [person for person in scene.people if person.source == event.source]
            if not makers:
                hidden += 1
                continue
            seen += 1
            np.testing.assert_allclose(
                makers[0].feet.position(time)[:, :2], event.trajectory.position(time)[:, :2], atol=1e-6
            )
    assert hidden > 0
    assert hidden / (hidden + seen) < 0.45


def test_sound_bank_supplies_sounds_and_logs_classes_without_files(
    shared: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    bank = scan_bank(shared("data/soundbank/dcase_classes"), SOUNDS)
    assert sorted(bank) == [0, 1, 3, 4, 7, 8, 9, 10]
    assert "clapping" in caplog.text
    train, test = split_bank(bank, False), split_bank(bank, True)
    assert all(set(train[label]).isdisjoint(test[label]) for label in bank)
    for label in bank:
        sound = dry_sound(label, 3.0, np.random.default_rng(0), train)
        assert 0.1 * SAMPLE_RATE < len(sound) <= 3 * SAMPLE_RATE
        assert 0 < np.abs(sound).max() <= 0.501
        assert not np.array_equal(sound, dry_sound(label, 3.0, np.random.default_rng(0)))


def test_unknown_folders_of_a_sound_bank_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("femaleSpeech", "helicopter"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes(b"RIFF")
    assert list(scan_bank(tmp_path, SOUNDS)) == [0]
    assert "helicopter" in caplog.text


def test_missing_empty_or_unreadable_sound_bank_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not found"):
        scan_bank(tmp_path / "none", SOUNDS)
    with pytest.raises(BadInput, match="no files of a known class"):
        scan_bank(tmp_path, IMAGE_SUFFIXES)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound")
    with pytest.raises(BadInput, match=r"broken\.wav"):
        dry_sound(0, 1.0, np.random.default_rng(0), {0: (broken,)})
