"""Pictures of generated scenes: the annotations are where the people are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from avseld.base.errors import BadInput
from data_prep.synth.acoustics.rooms import Room
from data_prep.synth.motion import Trajectory
from data_prep.synth.scene import Scene
from data_prep.synth.video.camera import Camera
from data_prep.synth.video.coco import annotate
from data_prep.synth.video.people import Person
from data_prep.synth.video.pictures import pictures

ROOM = Room(1, (6.5, 5.5, 2.8), (3.3, 2.6, 1.4), 0.3, 7)
WIDTH = 480


def standing(azimuth: float, radius: float, number: int = 0, height: float = 1.7) -> Person:
    feet = Trajectory.stationary(azimuth, radius, -ROOM.array_position[2])
    return Person(number, "female", height, feet, 5 + number)


def picture_of(*people: Person) -> tuple[np.ndarray, list[Any], list[dict[str, Any]]]:
    """Render people in a room: the changed pixels (row, column), the people as seen, their annotations."""
    camera = Camera(Scene(ROOM, 9.0, 20.0, (), people, ()), WIDTH, {})
    frame, seen = camera.frame_and_people(0.0)
    return np.abs(frame.astype(int) - camera.background).max(axis=-1) > 12, seen, list(annotate(seen))


def edges(mask: np.ndarray) -> np.ndarray:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def corners(annotation: dict[str, Any]) -> np.ndarray:
    x, y, width, height = annotation["bbox"]
    return np.array([x, y, x + width, y + height])


@pytest.mark.parametrize(("azimuth", "radius"), [(10.0, 1.2), (-75.0, 2.5), (140.0, 4.0)])
def test_a_box_covers_the_pixels_of_its_person(azimuth: float, radius: float) -> None:
    changed, seen, (annotation,) = picture_of(standing(azimuth, radius))
    np.testing.assert_allclose(corners(annotation), edges(changed), atol=2)
    np.testing.assert_allclose(annotation["area"], changed.sum(), rtol=0.15)
    assert annotation["category_id"] == 1 and not annotation["iscrowd"] and annotation["visible_share"] == 1
    assert (seen[0].whole == seen[0].visible).all()


def test_a_person_across_the_edge_of_the_frame_has_two_boxes_that_end_there() -> None:
    changed, _, annotations = picture_of(standing(179.0, 1.5))
    right, left = sorted(annotations, key=lambda each: -each["bbox"][0])
    assert corners(left)[0] == 0 and corners(right)[2] == WIDTH
    half = WIDTH // 2
    np.testing.assert_allclose(corners(left), edges(changed[:, :half]), atol=2)
    np.testing.assert_allclose(corners(right) - [half, 0, half, 0], edges(changed[:, half:]), atol=2)


def test_a_partly_hidden_person_has_a_box_of_the_visible_part() -> None:
    near, far = standing(0.0, 1.0), standing(12.0, 3.0, 1, 1.2)  # a child, below the shoulders of the other
    _, _, annotations = picture_of(near, far)
    _, _, (whole,) = picture_of(far)
    behind = annotations[1]
    assert 0.25 <= behind["visible_share"] < 0.9 and not behind["iscrowd"]
    assert behind["bbox"][0] == pytest.approx(whole["bbox"][0], abs=0.1)  # the left edge is free
    assert corners(behind)[2] < corners(whole)[2] - 1
    assert annotations[0]["visible_share"] == 1


def test_a_person_who_can_hardly_be_seen_is_marked() -> None:
    _, seen, annotations = picture_of(standing(0.0, 1.0), standing(0.5, 3.5, 1))
    assert [each["iscrowd"] for each in annotations] == [0, 1]
    assert seen[1].visible.sum() < 0.25 * seen[1].whole.sum()


def test_an_empty_room_has_no_annotation() -> None:
    assert picture_of()[2] == []


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pictures") / "made"
    pictures(out, scenes=4, frames=2, rendered="96,128", width=96, empty_share=0.0, presets="easy", jobs=1)
    return out


def test_the_annotations_are_in_the_format_of_coco(made: Path) -> None:
    content = json.loads((made / "annotations.json").read_text())
    assert content["categories"] == [{"id": 1, "name": "person"}]
    assert [each["id"] for each in content["annotations"]] == list(range(1, len(content["annotations"]) + 1))
    sizes = {each["id"]: (each["width"], each["height"]) for each in content["images"]}
    assert len(sizes) == 8 and {each["image_id"] for each in content["annotations"]} <= set(sizes)
    for image in content["images"]:
        assert Image.open(made / image["file_name"]).size == sizes[image["id"]] == (96, 48)
    for each in content["annotations"]:
        box = corners(each)
        assert (box >= 0).all() and (box <= [96, 48, 96, 48]).all() and min(each["bbox"][2:]) > 0


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_rooms(made: Path, tmp_path: Path) -> None:
    options = {
        "frames": 2,
        "rendered": "96,128",
        "width": 96,
        "empty_share": 0.0,
        "presets": "easy",
        "jobs": 1,
    }
    pictures(tmp_path / "again", scenes=1, **options)
    pictures(tmp_path / "other", scenes=1, seed=1, **options)
    name = "images/scene00000_1.jpg"
    assert (made / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert (made / name).read_bytes() != (tmp_path / "other" / name).read_bytes()


def test_a_folder_that_exists_and_options_out_of_range_are_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="give a new folder"):
        pictures(made)
    with pytest.raises(BadInput, match="empty_share 2"):
        pictures(tmp_path / "new", empty_share=2.0)
    with pytest.raises(BadInput, match="rendered big"):
        pictures(tmp_path / "new", rendered="big")
    assert not (tmp_path / "new").exists()
