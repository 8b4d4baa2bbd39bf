"""YOLOX networks of any exporter give the same boxes, or are refused with the remedy."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, checker, helper, numpy_helper, save

from avseld.base.errors import BadInput
from detection.backends.onnx import STRIDES, cells, load
from detection.detect import boxes_table
from detection.detector import Detections, near_picture

HEIGHT, WIDTH = 64, 128
CELL = cells(HEIGHT, WIDTH)
TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def box_values(kind: str) -> np.ndarray:
    """The values (cell, 4) with which boxes of one cell are given, each as large as its cell."""
    centre, size = (CELL[:, :2] + 0.5) * CELL[:, 2:], np.repeat(CELL[:, 2:], 2, axis=1)
    unit = np.array([WIDTH, HEIGHT]) if "normalised" in kind else np.ones(2)
    if kind == "raw":
        return np.concatenate([np.full((len(CELL), 2), 0.5), np.zeros((len(CELL), 2))], axis=1)
    one, two = (centre - size / 2, centre + size / 2) if "corners" in kind else (centre, size)
    return np.concatenate([one / unit, two / unit], axis=1)


def write_network(
    path: Path, kind: str = "raw", channels_last: bool = False, type: str = "float32",
    batch: int | str = 1, inner_batch: int = 0, logits: bool = False, n_attributes: int = 6, nms: bool = False,
) -> Path:  # fmt: skip
    """Write a stand-in for a YOLOX: the objectness of a cell is that of white under it."""
    constants: dict[str, Any] = {
        "boxes": box_values(kind)[None].astype(np.float32), "zero": np.float32(0), "threshold": np.float32(150),
        "gain": np.float32(0.2), "classes": np.full((1, len(CELL), n_attributes - 5), 9 if logits else 1, np.float32),
        "axes": np.array([1]), "shape": np.array([inner_batch, -1, 1]),
    }  # fmt: skip
    taken = "images"
    nodes = []
    if type != "float32":
        nodes.append(helper.make_node("Cast", [taken], ["floats"], to=TensorProto.FLOAT))
        taken = "floats"
    if channels_last:
        nodes.append(helper.make_node("Transpose", [taken], ["moved"], perm=[0, 3, 1, 2]))
        taken = "moved"
    nodes.append(helper.make_node("ReduceMean", [taken, "axes"], ["grey"]))
    for stride in STRIDES:
        sides = {"kernel_shape": [stride] * 2, "strides": [stride] * 2}
        nodes.append(helper.make_node("AveragePool", ["grey"], [f"pool{stride}"], **sides))
        nodes.append(helper.make_node("Reshape", [f"pool{stride}", "shape"], [f"flat{stride}"]))
    nodes += [
        helper.make_node("Concat", [f"flat{stride}" for stride in STRIDES], ["level"], axis=1),
        helper.make_node("Sub", ["level", "threshold"], ["above"]),
        helper.make_node("Mul", ["above", "gain"], ["logit"]),
        helper.make_node("Identity" if logits else "Sigmoid", ["logit"], ["object"]),
        helper.make_node("Mul", ["logit", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "boxes"], ["box"]),
        helper.make_node("Add", ["nothing", "classes"], ["class"]),
        helper.make_node("Concat", ["box", "object", "class"], ["all"], axis=2),
    ]
    half = type == "float16"
    last = "all"
    if nms:
        constants["which"] = np.arange(5)  # as many as the best boxes
        nodes.append(helper.make_node("Gather", ["box", "which"], ["picked"], axis=1))
        last = "picked"
    nodes.append(helper.make_node("Cast", [last], ["output"], to=TYPES["float16" if half else "float32"]))
    shape = [batch, HEIGHT, WIDTH, 3] if channels_last else [batch, 3, HEIGHT, WIDTH]
    graph = helper.make_graph(
        nodes, "stand_in",
        [helper.make_tensor_value_info("images", TYPES[type], shape)],
        [helper.make_tensor_value_info("output", TYPES["float16" if half else "float32"], ["n", "rows", "columns"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    checker.check_model(model)
    save(model, path)
    return path


def frames(n: int = 3) -> np.ndarray:
    pictures = np.full((n, HEIGHT, WIDTH, 3), 60, np.uint8)
    pictures[:, 32:40, 80:88] = 255
    return pictures


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "raw"},
        {"kind": "centres"},
        {"kind": "corners"},
        {"kind": "centres normalised"},
        {"kind": "corners normalised"},
        {"kind": "raw", "logits": True},
        {"kind": "raw", "channels_last": True},
        {"kind": "centres", "channels_last": True, "type": "uint8"},
        {"kind": "centres", "type": "float16"},
        {"kind": "raw", "type": "float16", "batch": "n"},
        {"kind": "centres", "batch": 2},
        {"kind": "centres", "batch": "n"},
        {"kind": "raw", "batch": "n", "inner_batch": 1},
    ],
    ids=str,
)
def test_networks_of_any_exporter_give_the_same_boxes(tmp_path, options):
    detector = load(write_network(tmp_path / "yolox.onnx", **options), threads=1)
    found = detector(frames())
    assert len(found) == 3
    for each in found:
        np.testing.assert_allclose(each.box[0], [80 / 128, 32 / 64, 88 / 128, 40 / 64], atol=2e-3)
        assert len(each.box) == 1 and each.score[0] > 0.99 and each.label[0] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"nms": True},
            r"gives \(1, 5, 4\) instead of one \(n, 168, 5 \+ classes\); .*without non-maximum suppression",
        ),
        ({"n_attributes": 84}, "84 values a cell, no objectness"),
        ({"kind": "centres shifted"}, "neither raw nor decoded"),
    ],
)
def test_other_outputs_are_refused_with_the_remedy(tmp_path, options, message, monkeypatch):
    if "shifted" in options.get("kind", ""):
        monkeypatch.setitem(
            globals(), "box_values", lambda kind: 3 * np.arange(4.0 * len(CELL)).reshape(-1, 4)[::-1]
        )
    path = write_network(tmp_path / "yolox.onnx", **options)
    with pytest.raises(BadInput, match=rf"yolox\.onnx: .*{message}"):
        load(path, threads=1)


def test_boxes_far_outside_the_picture_are_not_written():
    box = np.array(
        [
            [0.1, 0.1, 0.2, 0.4],
            [-60.0, 0, 64, 1],
            [-6e12, 0, 6e12, 1],
            [np.nan] * 4,
            [0.9, 0.2, 1.3, 0.9],
            [0.5, 0.5, 0.5, 0.9],
        ]
    )
    assert near_picture(box).tolist() == [True, False, False, False, True, False]
    table = boxes_table(np.zeros(1), [Detections(box, np.linspace(1, 0.5, 6), np.zeros(6, int))], {})
    assert table.score[0].tolist() == pytest.approx([1.0, 0.6], abs=1e-3)
