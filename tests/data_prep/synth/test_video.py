"""Video of generated scenes: people, objects and boxes in the directions of the sources."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avseld.base.errors import BadInput
from avseld.io.boxes import centre_direction
from avseld.io.geometry import from_frame, to_frame, wrap
from data_prep.synth.acoustics.rooms import Room
from data_prep.synth.motion import Trajectory
from data_prep.synth.scene import Scene, SceneObject
from data_prep.synth.sounds.banks import IMAGE_SUFFIXES, scan_bank
from data_prep.synth.video.camera import Camera, PlacedSprite, draw_sprite
from data_prep.synth.video.people import Person
from data_prep.synth.video.room_picture import render_room
from data_prep.synth.video.sprites import DRAWN_CLASSES, Sprite, object_sprite, person_sprites, read_image
from data_prep.synth.video.writer import frame_rate, frame_times

ROOM = Room(1, (6.5, 5.5, 2.8), (3.3, 2.6, 1.4), 0.3, 7)
WIDTH = 720


def person(feet: Trajectory, look: int = 5) -> Person:
    return Person(0, "female", 1.7, feet, look)


def standing_person(azimuth: float, radius: float = 2.0) -> Person:
    return person(
        Trajectory(np.array([0.0, 9.0]), np.full(2, azimuth), np.full(2, radius), -ROOM.array_position[2])
    )


def scene(*people: Person, objects: tuple[SceneObject, ...] = ()) -> Scene:
    return Scene(ROOM, 9.0, 20.0, (), people, objects)


def changed(camera: Camera, time: float) -> np.ndarray:
    """Find the pixels (row, column) that differ from the background."""
    return np.abs(camera.frame(time).astype(int) - camera.background).max(axis=-1) > 12


@pytest.mark.parametrize("azimuth", [0.0, 75.0, -120.0, 179.0, -179.5, 540.0])
def test_box_centre_has_the_azimuth_of_the_person(azimuth: float) -> None:
    camera = Camera(scene(standing_person(azimuth)), WIDTH, {})
    boxes = camera.boxes(np.array([0.0, 1.0]), {}, np.random.default_rng(0))
    found, _ = centre_direction(boxes.box[:, 0])
    assert np.abs(wrap(found - azimuth)).max() < 0.01


@pytest.mark.parametrize("azimuth", [10.0, 90.0, -165.0, 178.0])
def test_box_is_tight_around_the_drawn_person(azimuth: float) -> None:
    camera = Camera(scene(standing_person(azimuth, 1.6)), WIDTH, {})
    shift = round((azimuth / 360) * WIDTH)
    drawn = np.roll(changed(camera, 0.0), shift, axis=1)
    box = camera.boxes(np.zeros(1), {}, np.random.default_rng(0)).box[0, 0]
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    left = (box[0] + azimuth / 360) % 1 * WIDTH
    right = (box[2] + azimuth / 360) % 1 * WIDTH
    np.testing.assert_allclose([columns[0], columns[-1] + 1], [left, right], atol=3)
    np.testing.assert_allclose([rows[0], rows[-1] + 1], box[[1, 3]] * WIDTH / 2, atol=3)


def test_person_on_the_seam_is_drawn_on_both_sides() -> None:
    camera = Camera(scene(standing_person(180.0)), WIDTH, {})
    drawn = changed(camera, 0.0)
    assert drawn[:, :8].any()
    assert drawn[:, -8:].any()
    assert not drawn[:, WIDTH // 4 : 3 * WIDTH // 4].any()
    box = camera.boxes(np.zeros(1), {}, np.random.default_rng(0)).box[0, 0]
    assert box[0] < 0 < box[2] or box[0] < 1 < box[2]
    assert 0 <= (box[0] + box[2]) / 2 < 1


def test_nearer_people_are_larger_and_stand_on_the_floor() -> None:
    near, far = (Camera(scene(standing_person(0.0, radius)), WIDTH, {}) for radius in (1.2, 2.8))
    tall = [c.boxes(np.zeros(1), {}, np.random.default_rng(0)).box[0, 0] for c in (near, far)]
    assert tall[0][3] - tall[0][1] > 1.7 * (tall[1][3] - tall[1][1])
    for box, radius in zip(tall, (1.2, 2.8), strict=True):
        _, elevation = from_frame(0.5, box[3])
        assert np.tan(np.radians(elevation)) * radius == pytest.approx(-ROOM.array_position[2], abs=1e-6)


def test_moving_person_follows_the_trajectory_and_walks() -> None:
    trajectory = Trajectory(
        np.array([0.0, 4.0]), np.array([160.0, 200.0]), np.array([1.5, 1.5]), -ROOM.array_position[2]
    )
    camera = Camera(scene(person(trajectory)), WIDTH, {})
    times = np.arange(1, 40) * 0.1
    boxes = camera.boxes(times, {}, np.random.default_rng(0))
    found, _ = centre_direction(boxes.box[:, 0])
    np.testing.assert_allclose(wrap(found - 160 - 10 * times), 0, atol=0.01)
    assert len({id(camera.people(float(t))[0].sprite) for t in times}) >= 3
    assert camera.people(8.0)[0].sprite is camera.person_sprites[0][0]


def test_nearer_person_hides_the_farther_one() -> None:
    behind, front = standing_person(30.0, 2.8), standing_person(30.0, 1.2)
    both = Camera(scene(behind, front), WIDTH, {}).frame(0.0)
    alone = Camera(scene(front), WIDTH, {}).frame(0.0)
    u, v = to_frame(30.0, 0.0)
    np.testing.assert_array_equal(
        both[int(v * WIDTH / 2), int(u * WIDTH)], alone[int(v * WIDTH / 2), int(u * WIDTH)]
    )


def test_object_is_drawn_at_its_direction() -> None:
    for label in DRAWN_CLASSES:
        thing = SceneObject(label, Trajectory.stationary(-60.0, 2.0, 0.1), 3)
        bare = Camera(scene(), WIDTH, {}).background.astype(int)
        drawn = np.abs(Camera(scene(objects=(thing,)), WIDTH, {}).background - bare).max(axis=-1) > 12
        rows, columns = np.nonzero(drawn)
        azimuth, elevation = from_frame((columns.mean() + 0.5) / WIDTH, (rows.mean() + 0.5) / WIDTH * 2)
        assert azimuth == pytest.approx(-60, abs=3)
        assert elevation == pytest.approx(np.degrees(np.arctan2(0.1, 2.0)), abs=12)


def test_room_picture_is_deterministic_and_continuous_across_the_seam() -> None:
    picture = render_room(ROOM, WIDTH).astype(int)
    render_room.cache_clear()
    np.testing.assert_array_equal(picture, render_room(ROOM, WIDTH))
    assert picture.shape == (WIDTH // 2, WIDTH, 3)
    other = Room(2, ROOM.size, ROOM.array_position, ROOM.rt60, 8)
    assert np.abs(picture - render_room(other, WIDTH)).mean() > 5
    seam = np.median(np.abs(picture[:, 0] - picture[:, -1]))
    assert seam <= 2 * np.median(np.abs(np.diff(picture, axis=1))) + 2


def test_boxes_are_sorted_by_score_and_larger_people_score_higher() -> None:
    people = tuple(standing_person(azimuth, radius) for azimuth, radius in ((0, 3.0), (90, 1.1), (180, 2.0)))
    boxes = Camera(scene(*people), WIDTH, {}).boxes(np.arange(20) / 10, {}, np.random.default_rng(0))
    assert (np.diff(boxes.score, axis=1) <= 0).all()
    assert (boxes.score > 0.3).all()
    assert (boxes.label == 0).all()
    azimuth, _ = centre_direction(boxes.box[:, 0])
    np.testing.assert_allclose(azimuth, 90, atol=0.1)


def test_image_files_replace_drawn_sprites(shared: Callable[[str], Path]) -> None:
    bank = scan_bank(shared("data/images/objects"), IMAGE_SUFFIXES)
    assert len(bank[0]) == 13
    assert len(bank[1]) == 21
    real = person_sprites("male", 1.8, 3, bank)[0]
    size = [round(side) for side in read_image(bank[1][0]).size]
    assert min(size) > 8
    shapes = {read_image(path).size[::-1] for path in bank[1]}
    assert real.levels[0].shape[:2] in shapes
    assert object_sprite(3, 0, bank).levels[0].shape[:2] in {read_image(p).size[::-1] for p in bank[3]}
    drawn, pasted = (
        Camera(scene(standing_person(0.0)), WIDTH, pictures).frame(0.0) for pictures in ({}, bank)
    )
    assert np.abs(drawn.astype(int) - pasted).max() > 50


def test_unreadable_image_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    with pytest.raises(BadInput, match=r"broken\.jpg"):
        read_image(broken)


def test_projection_of_a_vertical_pole_is_exact() -> None:
    """The ends of a thin pole 2 m away, from -1 m to 0 m, are at the angles given by trigonometry."""
    pole = Sprite(Image.new("RGBA", (40, 400), (255, 0, 0, 255)), 0.1, 1.0)
    picture = np.zeros((900, 1800, 3), np.uint8)
    draw_sprite(picture, PlacedSprite(pole, 45.0, 2.0, -1.0))
    rows, columns = np.nonzero(picture[..., 0])
    assert (rows.min() / 5) == pytest.approx(90, abs=0.3)
    assert ((rows.max() + 1) / 5) == pytest.approx(90 + np.degrees(np.arctan2(1, 2)), abs=0.3)
    assert (columns.mean() + 0.5) / 5 == pytest.approx(180 - 45, abs=0.1)
    assert np.ptp(columns) + 1 == pytest.approx(5 * 2 * np.degrees(np.arctan(0.05 / 2)), abs=2)


def test_fps_29_97_is_30000_over_1001() -> None:
    assert frame_rate(29.97).as_integer_ratio() == (30000, 1001)
    assert frame_rate(10).as_integer_ratio() == (10, 1)
    assert len(frame_times(6.0, frame_rate(29.97))) == 180
    assert frame_times(6.0, frame_rate(29.97))[-1] < 6.0
    with pytest.raises(BadInput, match="fps"):
        frame_rate(0.0)
