"""Scores of a detector: COCO's average precision with known values, matches of detections and people."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from yolox_material import with_mmdet

from avseld.base.errors import BadInput
from avseld.io.boxes import PERSON
from detection.detector import Detections
from detection.measure import (
    AnnotatedPicture,
    DetectorScores,
    average_precision,
    describe,
    match,
    read_pictures,
    score_pictures,
)

LEFT, RIGHT = [0.1, 0.4, 0.2, 0.7], [0.6, 0.45, 0.65, 0.6]


def picture(*boxes: list[float], crowd: tuple[int, ...] = ()) -> AnnotatedPicture:
    marks = np.isin(np.arange(len(boxes)), crowd)
    return AnnotatedPicture(np.zeros((2, 4, 3), np.uint8), np.array(boxes, float).reshape(-1, 4), marks)


def detections(*found: tuple[list[float], float]) -> Detections:
    box = np.array([each for each, _ in found], float).reshape(-1, 4)
    return Detections(box, np.array([score for _, score in found]), np.full(len(found), PERSON))


def test_average_precision_of_a_false_box_between_two_people() -> None:
    found = average_precision(np.array([0.7, 0.9, 0.8]), np.array([True, True, False]), 2)
    assert found == pytest.approx((51 + 50 * 2 / 3) / 101)  # precision 1 up to recall 0.5, 2/3 beyond
    assert average_precision(np.array([0.9]), np.array([True]), 2) == pytest.approx(51 / 101)
    assert average_precision(np.zeros(0), np.zeros(0, bool), 2) == 0


def test_a_second_box_of_one_person_is_false_and_a_box_of_low_overlap_too() -> None:
    near, half = [0.1, 0.4, 0.2, 0.68], [0.1, 0.4, 0.2, 0.5]
    box = np.array([LEFT, near, half])
    owner, ignored = match(box, np.array([RIGHT, LEFT]), np.zeros(2, bool))
    assert owner.tolist() == [1, -1, -1] and not ignored.any()


def test_a_detection_takes_the_person_it_overlaps_most() -> None:
    people = np.array([[0.0, 0.0, 0.10, 1.0], [0.02, 0.0, 0.12, 1.0]])
    owner, _ = match(np.array([[0.021, 0.0, 0.121, 1.0], [0.02, 0.0, 0.12, 1.0]]), people, np.zeros(2, bool))
    assert owner.tolist() == [1, 0]


def test_boxes_in_a_crowd_count_neither_as_right_nor_as_wrong() -> None:
    scores = DetectorScores()
    scores.add(picture(LEFT, RIGHT, crowd=(1,)), detections((LEFT, 0.9), (RIGHT, 0.8)))
    result = scores.summarize()
    assert result["ap50"] == 1.0 and result["people"] == 1 and result["false_per_picture"] == 0


def test_recall_is_told_apart_by_height_and_false_boxes_in_empty_pictures() -> None:
    scores = DetectorScores()
    scores.add(picture(LEFT, RIGHT), detections((LEFT, 0.9), (RIGHT, 0.09)))  # 0.3 and 0.15 high
    scores.add(picture(), detections((LEFT, 0.5), (RIGHT, 0.01)))
    result = scores.summarize()
    assert result["recall_by_height"] == {"0.1-0.2": [0.0, 1], "0.2-0.3": [1.0, 1]}
    assert result["recall"] == 0.5 and result["false_per_picture"] == 0.5
    assert result["false_per_empty_picture"] == 1.0
    assert "| recall, height 0.1-0.2 | 0.000 | 1 |" in describe(result)


def write_pictures(folder: Path, boxes: list[list[list[float]]]) -> Path:
    """Write grey pictures of 100 x 50 with boxes x y width height, and a car in each."""
    folder.mkdir()
    images, annotations = [], []
    for number, people in enumerate(boxes, start=1):
        Image.new("RGB", (100, 50), (90, 90, 90)).save(folder / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 100, "height": 50})
        for category, box in [(1, each) for each in people] + [(3, [1, 1, 5, 5])]:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": category,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def test_pictures_are_read_with_the_boxes_of_people_only(tmp_path: Path) -> None:
    first, second = read_pictures(write_pictures(tmp_path / "set", [[[10, 20, 10, 15]], []]))
    np.testing.assert_allclose(first.box, [[0.1, 0.4, 0.2, 0.7]])
    assert second.box.shape == (0, 4) and first.pixels.shape == (50, 100, 3)


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"annotations\.json: no COCO annotations.*avseld-prep pictures"):
        next(read_pictures(tmp_path))


@with_mmdet
def test_average_precision_is_that_of_pycocotools(tmp_path: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rng = np.random.default_rng(0)
    people = [
        [[*rng.uniform(0, 40, 2).round(2).tolist(), 8.0, 9.0] for _ in range(rng.integers(0, 5))]
        for _ in range(12)
    ]
    folder = write_pictures(tmp_path / "set", people)
    found, rows = [], []
    for number, boxes in enumerate(people, start=1):
        moved = [[x + rng.normal(0, 1), y + rng.normal(0, 1), w, h] for x, y, w, h in boxes]
        moved += [[*rng.uniform(0, 40, 2), 8.0, 9.0] for _ in range(2)]
        score = np.sort(rng.random(len(moved)))[::-1]
        box = np.array(moved).reshape(-1, 4)
        corners = np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1) / [100, 50, 100, 50]
        found.append(Detections(corners, score, np.full(len(moved), PERSON)))
        rows += [
            {"image_id": number, "category_id": 1, "bbox": each, "score": float(s)}
            for each, s in zip(moved, score, strict=True)
        ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "annotations.json"))
        evaluation = COCOeval(truth, truth.loadRes(rows), "bbox")
        evaluation.params.catIds = [1]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    left = iter(found)
    ours = score_pictures(read_pictures(folder), lambda frames: [next(left)])
    assert 0.2 < ours["ap50"] < 0.95
    assert ours["ap50"] == pytest.approx(evaluation.stats[1], abs=1e-3)
