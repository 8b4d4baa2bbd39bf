"""A training lists how its boxes were made, each way once, from the boxes that it reads for its windows."""

from dataclasses import replace

import plane_waves

from avseld.config import Data, Hardware, Part
from avseld.io.boxes import read_boxes, write_boxes
from avseld.io.manifest import read_manifest
from avseld.prediction import load
from avseld.training.train import train

ONE, OTHER = {"detector": "onnx", "fps": 2.0, "looked_at": 416}, {"detector": "generator", "fps": 10.0}


def test_the_weights_of_a_training_name_each_way_of_its_boxes_once_and_none_without_video(tmp_path):
    prepared = plane_waves.make(tmp_path / "prepared", seconds=2)
    training = [recording for recording in read_manifest(prepared) if recording.room == "room1"]
    for recording, source in zip(training, (ONE, OTHER, ONE), strict=True):
        boxes = read_boxes(recording.boxes)
        write_boxes(recording.boxes, replace(boxes, about=boxes.about | source))
    for video, expected in (("aligned", [ONE, OTHER]), ("blank", [])):
        train(
            Data(prepared, validate=["fold3_room5"], batch_size=2, video=video),
            Part("logamplitude_iv"),
            Part("avcrnn", {"width": 8, "hidden": 8}),
            Part("multi_accdoa"),
            Part("adam"),
            tmp_path / video,
            steps=1,
            validate_every=1,
            hardware=Hardware("cpu", 1),
        )
        assert load(tmp_path / video).system.blueprint.boxes_from == expected
