"""The detector that comes with the package: its card, drawn people in rooms of no training, pictures unlike it."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from docs.stand_ins import write_detector
from onnx import numpy_helper
from PIL import Image
from yolox_material import picture, write_video

from avseld.base.errors import BadInput
from avseld.io.boxes import PERSON, people
from data_prep.synth.video.pictures import Picture, PictureOptions, draw_pictures
from detection.detect import DISTANCE_KEY, boxes_of_video
from detection.detector import Detector, load
from detection.export import write_classes
from detection.familiarity import Familiarity
from detection.measure import AnnotatedPicture, score_pictures
from detection.shipped import card_of, find, shipped
from detection.weights import find_weights, sha256

NAME = "people_drawn"
CARD = shipped()[NAME]
UNSEEN_SEED = 987_654
"""of rooms that are neither in the training nor in its validation and test"""


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load("onnx", Path(NAME), threads=1)


@pytest.fixture(scope="module")
def unseen() -> list[Picture]:
    """Two pictures of each of three rooms."""
    options = PictureOptions(2, ("easy", "crowded", "noisy"), (360,), 384, 0.5, 0.0, UNSEEN_SEED)
    return [each for number in range(3) for each in draw_pictures(number, options, {})]


@pytest.fixture(scope="module")
def familiarity() -> Familiarity:
    return Familiarity.from_dict(CARD.familiar)


def test_the_card_agrees_with_the_file() -> None:
    assert CARD.path == find(NAME) == find_weights("onnx", Path(NAME)) and find(f"./{NAME}.onnx") is None
    assert CARD.sha256 == sha256(CARD.path) and card_of(CARD.sha256) == CARD and card_of("0") is None
    assert CARD.path.stat().st_size < 4_000_000
    model = onnx.load(str(CARD.path))
    assert CARD.parameters == sum(numpy_helper.to_array(each).size for each in model.graph.initializer)
    shape = [side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim]
    assert CARD.size == shape[:1:-1] and CARD.classes == ["person"]
    assert CARD.license == "Apache-2.0" and "train_detector.sh" in CARD.command
    assert "drawn people only" in CARD.limits and "yolox_tiny.onnx" in CARD.limits
    assert CARD.scores["ap50"] >= 0.9 and "0.1-0.2" in CARD.scores["recall_by_height"]


def test_drawn_people_are_detected_in_rooms_of_no_training(detector, unseen) -> None:
    pictures = [annotated(each) for each in unseen]
    scores = score_pictures(iter(pictures), detector)
    assert scores["people"] >= 12
    assert scores["ap50"] > 0.8 and scores["recall"] > 0.85
    assert {label for each in pictures for label in detector(each.pixels[None])[0].label} == {PERSON}


def annotated(each: Picture) -> AnnotatedPicture:
    rows, columns = each.pixels.shape[:2]
    box = np.array([one["bbox"] for one in each.annotations], float).reshape(-1, 4)
    box[:, 2:] += box[:, :2]
    crowd = np.array([one["iscrowd"] for one in each.annotations], bool)
    return AnnotatedPicture(each.pixels, box / [columns, rows, columns, rows], crowd)


def test_a_generated_video_is_familiar_and_its_people_get_boxes(
    unseen, familiarity, tmp_path, caplog
) -> None:
    shown = unseen[2]
    path = write_video(tmp_path / "generated.mp4", [shown.pixels] * 3, 10)
    found = boxes_of_video(path, weights=Path(NAME), threads=1)
    assert "unlike" not in caplog.text and found.about[DISTANCE_KEY] < familiarity.threshold
    assert (people(found)[0].any(axis=-1)).sum() >= 2


def test_boxes_like_those_of_the_training_are_made_by_the_same_weights(unseen, tmp_path) -> None:
    path = write_video(tmp_path / "generated.mp4", [unseen[0].pixels], 10)
    assert boxes_of_video(path, threads=1, like=CARD.sha256).about["weights"] == CARD.sha256


def test_a_real_panorama_is_warned_about(shared, familiarity, tmp_path, caplog) -> None:
    real = Image.fromarray(picture(shared("data/images/equirect/gvr_testRoom1_2kMono.jpg")))
    path = write_video(tmp_path / "real.mp4", [np.asarray(real.resize((384, 192)))] * 2, 10)
    found = boxes_of_video(path, weights=Path(NAME), threads=1)
    assert found.about[DISTANCE_KEY] > familiarity.threshold
    assert "unlike the pictures that people_drawn was trained on" in caplog.text
    assert "yolox_tiny.onnx" in caplog.text and "real.mp4" in caplog.text


def test_most_photographs_and_few_generated_pictures_are_beyond_the_limit(
    shared, unseen, familiarity
) -> None:
    paths = sorted(shared("data/images/objects").rglob("*.jpg"))[::4]
    photographs = np.array([familiarity.distance(picture(path)[None])[0] for path in paths])
    assert (photographs > familiarity.threshold).mean() > 0.9
    generated = np.array([familiarity.distance(each.pixels[None])[0] for each in unseen])
    assert (generated < familiarity.threshold).all()


def test_the_shipped_detector_is_for_one_backend_and_listed_where_a_name_is_unknown() -> None:
    with pytest.raises(BadInput, match="people_drawn: runs with --backend onnx only"):
        find_weights("mmdet", Path(NAME))
    with pytest.raises(BadInput, match="not found; give a weights file, or one of people_drawn, yolox_tiny"):
        find_weights("onnx", Path("people"))


def test_the_class_of_people_is_known_by_its_name(tmp_path) -> None:
    path = tmp_path / "one.onnx"
    write_detector(path)  # finds one thing in every image, of the first of 80 classes
    frame = np.zeros((1, 64, 128, 3), np.uint8)
    assert load("onnx", path)(frame)[0].label.tolist() == [PERSON]
    others = [f"thing {number}" for number in range(78)]
    write_classes(path, ["chair", "person", *others])
    assert load("onnx", path)(frame)[0].label.tolist() == [80]
    write_classes(path, ["person", "chair", *others])
    assert load("onnx", path)(frame)[0].label.tolist() == [PERSON]
    write_classes(path, ["chair", "table", *others])
    with pytest.raises(BadInput, match=r"one\.onnx: detects chair, table, .* no person"):
        load("onnx", path)
