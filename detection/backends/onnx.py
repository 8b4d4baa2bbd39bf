"""YOLOX by ONNX Runtime: letterbox, decoding, class-wise non-maximum suppression.

Ge et al., "YOLOX: Exceeding YOLO Series in 2021" (arXiv 2107.08430), and the ONNX files of its repository
(github.com/Megvii-BaseDetection/YOLOX): input (n, 3, height, width) BGR in 0..255, not normalised; output
(n, cell, 5 + class) with offset x y, logarithmic width and height, objectness and class probabilities. Other exporters
decode the boxes in the graph, or take the channels last; `detection.backends.output_layout` recognises them.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from avseld.base.errors import BadInput
from avseld.base.files import sha256
from avseld.io.boxes import PERSON
from detection.backends.output_layout import REMEDY, OutputLayout, recognise
from detection.detector import NMS_IOU, SCORE_THRESHOLD, Detections, near_picture
from detection.weights import find_weights

STRIDES = (8, 16, 32)
"""size in input pixels of the cells of each of the three grids"""

N_COLOURS = 3
INPUT_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
"""types of the input that are taken"""

PADDING_GREY = 114
"""value of the part of the input that the frame does not cover (YOLOX)"""

CLASSES_KEY = "classes"
"""entry of the metadata of an ONNX file: JSON list of the names of its classes; without it they are those of COCO"""
N_COCO_CLASSES = 80
"""classes of other names than `person` get ids from here on"""

PROVIDERS = ("CUDAExecutionProvider", "CoreMLExecutionProvider", "CPUExecutionProvider")
"""execution providers in order of preference; those that are not built in are left out"""


class OnnxDetector:
    """A YOLOX network in an ONNX file."""

    name = "onnx"

    def __init__(self, session: onnxruntime.InferenceSession, weights: str) -> None:
        self.session = session
        self.weights = weights
        graph = session.get_inputs()[0]
        self.input = graph.name
        self.batch = graph.shape[0] if isinstance(graph.shape[0], int) and graph.shape[0] > 0 else 0
        """fixed batch size of the graph; 0 = any"""
        self.channels_last = graph.shape[1] != N_COLOURS
        """whether the graph takes (n, height, width, 3)"""
        self.type = INPUT_TYPES[graph.type]
        self.height, self.width = graph.shape[1:3] if self.channels_last else graph.shape[2:]
        self.layout = OutputLayout("raw")
        """what the outputs mean; `load` finds it"""
        self.size = max(self.height, self.width)
        self.class_ids = _class_ids(session)
        """(class,) ids, of which that of people is 0; None where they are those of COCO already"""

    def __call__(self, frames: np.ndarray) -> list[Detections]:
        """Detect boxes.

        Args:
            frames: (n, height, width, 3) RGB, uint8.
        """
        if not len(frames):
            return []
        images, scale = letterbox(frames, self.height, self.width)
        step = self.batch or len(images)
        parts = [self.run(images[start : start + step]) for start in range(0, len(images), step)]
        raw = np.concatenate(parts)[: len(frames)]
        height, width = frames.shape[1:3]
        unit = np.array([scale[0] * width, scale[1] * height] * 2, np.float32)
        found = [_decode_frame(each, self.layout, self.height, self.width, unit) for each in raw]
        if self.class_ids is None:
            return found
        return [each._replace(label=self.class_ids[each.label]) for each in found]

    def run(self, images: np.ndarray) -> np.ndarray:
        """Run the network; a graph of fixed batch size gets copies of the last image to fill the batch.

        Args:
            images: (n, 3, height, width) BGR in 0..255, float32.

        Returns:
            (n, cell, 5 + class) float32, or more rows in a graph of fixed batch.
        """
        missing = self.batch - len(images)
        if missing > 0:
            images = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
        return self.outputs(images)[0]

    def outputs(self, images: np.ndarray) -> list[np.ndarray]:
        """Run the network on images (n, 3, height, width); returns all of its outputs, float32."""
        if self.channels_last:
            images = images.transpose(0, 2, 3, 1)
        outputs = self.session.run(None, {self.input: np.ascontiguousarray(images, self.type)})
        return [np.asarray(output, np.float32) for output in outputs]


def load(weights: Path | None = None, threads: int = 0) -> OnnxDetector:
    """Open an ONNX file.

    Args:
        weights: a YOLOX network, from `avseld-detect export`, a release, or another exporter: boxes raw or decoded,
            input (n, 3, height, width) or (n, height, width, 3), of float32, float16 or uint8; None takes YOLOX-tiny's
            release.
        threads: processor threads; 0 means all cores.

    Raises:
        BadInput: no ONNX file, or one with other inputs and outputs, such as after non-maximum suppression.
    """
    weights = find_weights("onnx", weights)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    available = onnxruntime.get_available_providers()
    try:
        session = onnxruntime.InferenceSession(
            str(weights), options, providers=[provider for provider in PROVIDERS if provider in available]
        )
    except Exception as error:  # ONNX Runtime's errors share no class
        reason = " ".join(str(error).split())[:120]
        raise BadInput(f"{weights}: no ONNX model that can be used ({reason}); give another file") from error
    _check_input(weights, session)
    try:
        detector = OnnxDetector(session, sha256(weights))
    except BadInput as error:
        raise BadInput(f"{weights}: {error}") from error
    try:
        detector.layout = _find_layout(detector)
    except BadInput as error:
        raise BadInput(f"{weights}: {error}") from error
    return detector


def letterbox(frames: np.ndarray, height: int, width: int) -> tuple[np.ndarray, tuple[float, float]]:
    """Scale frames to fit, keeping their proportions, and pad them on the right and below with grey.

    Args:
        frames: (n, frame height, frame width, 3) RGB, uint8.
        height: of the network's input, pixels.
        width: of the network's input, pixels.

    Returns:
        (n, 3, height, width) BGR in 0..255, float32, and the scale along x and along y (they differ by the
        rounding to whole pixels).
    """
    count, rows, columns = frames.shape[:3]
    ratio = min(height / rows, width / columns)
    high, wide = max(round(rows * ratio), 1), max(round(columns * ratio), 1)
    if (high, wide) != (rows, columns):
        frames = np.stack([_scaled(frame, high, wide) for frame in frames])
    images = np.full((count, 3, height, width), PADDING_GREY, np.float32)
    images[:, :, :high, :wide] = frames[..., ::-1].transpose(0, 3, 1, 2)
    return images, (wide / columns, high / rows)


def cells(height: int, width: int) -> np.ndarray:
    """List column, row and stride of every cell of the three grids, in the order of the network's output.

    Returns:
        (cell, 3), float32.
    """
    grids = []
    for stride in STRIDES:
        row, column = np.mgrid[: height // stride, : width // stride]
        grids.append(np.stack([column, row, np.full_like(row, stride)], axis=-1).reshape(-1, 3))
    return np.concatenate(grids).astype(np.float32)


def decode(raw: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Convert raw offsets and logarithmic sizes to boxes.

    Args:
        raw: (..., 4) x y width height as the head gives them.
        cell: (..., 3) from `cells`.

    Returns:
        (..., 4) x0 y0 x1 y1 in pixels of the network's input.
    """
    return OutputLayout("raw").corners(raw, cell)


def suppress(box: np.ndarray, score: np.ndarray, label: np.ndarray, overlap: float = NMS_IOU) -> np.ndarray:
    """Suppress all but the best of overlapping boxes of one class (greedy non-maximum suppression).

    Args:
        box: (m, 4) x0 y0 x1 y1.
        score: (m,).
        label: (m,) class ids; boxes of different classes do not suppress each other.
        overlap: intersection over union above which the weaker box is suppressed.

    Returns:
        (kept,) indices of the kept boxes in falling order of score; equal scores keep their order.
    """
    area = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
    left = np.argsort(-score, kind="stable")
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        low = np.maximum(box[best, :2], box[left, :2])
        high = np.minimum(box[best, 2:], box[left, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        union = np.maximum(area[best] + area[left] - shared, np.finfo(np.float32).tiny)
        left = left[(shared / union <= overlap) | (label[left] != label[best])]
    return np.array(kept, dtype=np.intp)


def _scaled(frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scale bilinearly without averaging (as cv2.INTER_LINEAR), as in the training of the network."""
    step = (frame.shape[1] / width, 0, 0, 0, frame.shape[0] / height, 0)
    return np.asarray(
        Image.fromarray(frame).transform(
            (width, height), Image.Transform.AFFINE, step, Image.Resampling.BILINEAR
        )
    )


def _decode_frame(
    output: np.ndarray, layout: OutputLayout, height: int, width: int, unit: np.ndarray
) -> Detections:
    """Decode the output (cell, 5 + class) of one frame; `unit` (4,) are the input pixels of 1."""
    probability = layout.probabilities(output)
    label = probability[:, 1:].argmax(axis=1)
    score = probability[:, 0] * np.take_along_axis(probability[:, 1:], label[:, None], axis=1)[:, 0]
    likely = np.flatnonzero(score >= SCORE_THRESHOLD)
    box = layout.corners(output[likely], cells(height, width)[likely]) / unit
    kept = near_picture(box)
    box, likely = box[kept], likely[kept]
    kept = suppress(box, score[likely], label[likely])
    chosen = likely[kept]
    return Detections(box[kept], score[chosen], label[chosen])


def _class_ids(session: onnxruntime.InferenceSession) -> np.ndarray | None:
    """Convert the class names in the metadata to ids (class,); None without metadata.

    Raises:
        BadInput: no class is called person.
    """
    text = session.get_modelmeta().custom_metadata_map.get(CLASSES_KEY)
    if text is None:
        return None
    names = json.loads(text)
    if "person" not in names:
        raise BadInput(f"detects {', '.join(names)}, no person; give a detector of people")
    return np.array(
        [PERSON if name == "person" else N_COCO_CLASSES + index for index, name in enumerate(names)]
    )


def _check_input(weights: Path, session: onnxruntime.InferenceSession) -> None:
    graph = session.get_inputs()[0]
    shape = graph.shape
    sides = shape[1:3] if len(shape) == 4 and shape[1] != N_COLOURS else shape[2:]
    fits = (
        len(shape) == 4 and N_COLOURS in (shape[1], shape[3]) and all(isinstance(side, int) for side in sides)
    )
    if not fits or any(side % STRIDES[-1] for side in sides) or graph.type not in INPUT_TYPES:
        raise BadInput(
            f"{weights}: takes {graph.type} {shape} instead of float (n, 3, height, width) with fixed sides, multiples "
            f"of {STRIDES[-1]}; export it with fixed sides, as avseld-detect export does"
        )


def _find_layout(detector: OnnxDetector) -> OutputLayout:
    """Run a probe picture, because exporters do not always declare the shapes, and never the meaning of the outputs.

    Raises:
        BadInput: no outputs of a YOLOX.
    """
    probe = _probe(detector.height, detector.width)
    try:
        if not detector.batch:
            detector.outputs(np.repeat(probe, 2, axis=0))
    except Exception:  # ONNX Runtime's errors share no class
        detector.batch = 1  # declared as any number, but a shape inside is fixed
    try:
        outputs = detector.outputs(np.repeat(probe, detector.batch or 1, axis=0))
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise BadInput(f"cannot run a picture ({reason}); export it anew") from error
    cell = cells(detector.height, detector.width)
    shapes = ", ".join(str(output.shape) for output in outputs)
    if (
        len(outputs) != 1
        or outputs[0].ndim != 3
        or outputs[0].shape[1] != len(cell)
        or outputs[0].shape[2] < 6
    ):
        raise BadInput(
            f"gives {shapes} instead of one (n, {len(cell)}, 5 + classes); export it without non-maximum suppression "
            f"and with one output, or {REMEDY}"
        )
    n_classes = outputs[0].shape[2] - 5
    if detector.class_ids is not None and len(detector.class_ids) != n_classes:
        raise BadInput(f"names {len(detector.class_ids)} classes, but gives {n_classes}; export it anew")
    return recognise(outputs[0], cell, detector.width, detector.height)


def _probe(height: int, width: int) -> np.ndarray:
    """Make a picture of coarse and fine noise, the same every time: (1, 3, height, width) in 0..255, float32."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (1, N_COLOURS, height // STRIDES[-1], width // STRIDES[-1]))
    picture = coarse.repeat(STRIDES[-1], axis=2).repeat(STRIDES[-1], axis=3)
    noise = rng.normal(0, 20, (1, N_COLOURS, height, width))
    return np.clip(picture + noise, 0, 255).round().astype(np.float32)
