"""Boxes files: the detections in the sampled frames of a video."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from avseld.io.geometry import Array, from_frame
from avseld.io.npz import check_numbers, check_times, latest, read_npz, write_npz
from avseld.io.picture import has_panorama_shape

PERSON = 0
"""class id of a person in COCO, whose classes YOLOX has"""
COMMAND = "avseld-detect boxes"
SOURCE_KEYS = ("detector", "weights", "fps", "looked_at", "tiles", "field_deg", "noise")
"""entries of the description that say how boxes were made: all but those of the video itself"""
SHOWN_DIGITS = 8
"""digits of a hash that messages show"""
FAR_OUTSIDE = 10.0
"""widths or heights of the picture beyond which no box reaches; boxes that leave the frame end within a width of it"""
MAX_CLASS = 2**15 - 1
"""largest class id that a file holds"""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Detections at n times, at most k at each; rows with fewer are padded with score 0."""

    time: np.ndarray
    """(time,) seconds from the start of the video, rising"""
    box: np.ndarray
    """(time, k, 4) x0 y0 x1 y1 in 0..1 of width and height; outside 0..1 where a box leaves the frame"""
    score: np.ndarray
    """(time, k) in 0..1, falling along k"""
    label: np.ndarray
    """(time, k) class id of the detector (COCO: 0 is a person); -1 in the padding"""
    about: dict[str, Any] = field(default_factory=dict)
    """detector, weights (hash), video (fingerprint), width, height, fps, duration (s)"""

    def __post_init__(self) -> None:
        n, k = self.score.shape
        if self.time.shape != (n,) or self.box.shape != (n, k, 4) or self.label.shape != (n, k):
            raise ValueError(
                f"shapes {self.time.shape} {self.box.shape} {self.score.shape} {self.label.shape}"
            )

    def equals(self, other: "Boxes") -> bool:
        """Return whether a file of these would have the content of one of the others."""
        stored = (np.float64, np.float32, np.float32, np.int16)
        names = ("time", "box", "score", "label")
        return self.about == other.about and all(
            np.array_equal(getattr(self, name).astype(kind), getattr(other, name).astype(kind))
            for name, kind in zip(names, stored, strict=True)
        )

    def at(self, time: np.ndarray | float) -> np.ndarray:
        """Find the row that holds at each time: the latest one not after it, the first one before the start.

        Args:
            time: (...,) seconds.

        Returns:
            (...,) row indices.
        """
        return latest(self.time, time)


def people(boxes: Boxes, n_boxes: int = 6, threshold: float = 0.10, scored: bool = False) -> np.ndarray:
    """Pick the person boxes of highest score in every row, in falling order of score.

    The defaults are those of the audio-visual baseline of DCASE 2023 (docs/sources.md, Person boxes).

    Args:
        boxes: detections.
        n_boxes: boxes per row; zeros where there are fewer.
        threshold: a box needs a score above it.
        scored: append the score to every box.

    Returns:
        (time, n_boxes, 4), float32, x0 y0 x1 y1 in 0..1; (time, n_boxes, 5) with the score last if `scored`.
    """
    found = np.zeros((len(boxes.time), n_boxes, 4 + scored), np.float32)
    score = np.where((boxes.label == PERSON) & (boxes.score > threshold), boxes.score, -1.0)
    order = np.argsort(-score, axis=1, kind="stable")[:, :n_boxes]
    kept = np.take_along_axis(score, order, axis=1) > 0
    picked = np.take_along_axis(boxes.box, order[..., None], axis=1)
    if scored:
        picked = np.concatenate([picked, np.take_along_axis(score, order, axis=1)[..., None]], axis=2)
    found[:, : order.shape[1]] = np.where(kept[..., None], picked, 0)
    return found


def centre_direction(box: np.ndarray) -> tuple[Array, Array]:
    """Compute the direction of the centre of boxes in an equirectangular frame.

    Args:
        box: (..., 4) x0 y0 x1 y1 in 0..1.

    Returns:
        azimuth (...,) and elevation (...,), degrees.
    """
    return from_frame((box[..., 0] + box[..., 2]) / 2, (box[..., 1] + box[..., 3]) / 2)


def is_perspective(about: Mapping[str, Any]) -> bool:
    """Tell boxes of a picture that by its shape is no panorama: it has no seam, and pixels are no angles.

    Args:
        about: description of a boxes file; without the size of the picture it is taken for a panorama.
    """
    width, height = about.get("width"), about.get("height")
    if not width or not height:
        return False
    return not has_panorama_shape(width / height)


def source_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what says how boxes were made: detector, weights (hash), frames per second, and how it looked at pictures.

    Args:
        about: description of a boxes file.
    """
    return {key: about[key] for key in SOURCE_KEYS if about.get(key) is not None}


def describe_source(source: Mapping[str, Any]) -> str:
    """Write in words how boxes were made.

    Args:
        source: as from `source_of`.
    """
    words = [str(source.get("detector", "unknown detector"))]
    if "weights" in source:
        words.append(f"weights {str(source['weights'])[:SHOWN_DIGITS]}")
    if "fps" in source:
        words.append(f"{source['fps']:g} frames per second")
    if "looked_at" in source:
        words.append(f"{source['looked_at']} pixels wide")
    if "tiles" in source:
        words.append(f"{source['tiles']} tiles")
    if "field_deg" in source:
        words.append(f"pictures of {source['field_deg']:g} degrees as parts of panoramas")
    if "noise" in source:
        words.append("with simulated errors")
    return ", ".join(words)


def write_boxes(path: Path | str, boxes: Boxes) -> None:
    """Write a boxes file (compressed npz, a few tens of kB a minute)."""
    arrays: dict[str, np.ndarray] = {
        "time": boxes.time.astype(np.float64),
        "box": boxes.box.astype(np.float32),
        "score": boxes.score.astype(np.float32),
        "label": boxes.label.astype(np.int16),
    }
    write_npz(path, arrays, boxes.about)


def read_boxes(path: Path | str, video: Path | str | None = None) -> Boxes:
    """Read a boxes file.

    Args:
        path: a file written by `write_boxes`.
        video: if given, the boxes must have been made from this very video.

    Raises:
        BadInput: missing, damaged, with values that are no detections, or made from another video.
    """

    def build(arrays: Mapping[str, np.ndarray], about: dict[str, Any]) -> Boxes:
        boxes = Boxes(arrays["time"], arrays["box"], arrays["score"], arrays["label"], about)
        _check(boxes)
        return boxes

    return read_npz(path, build, "boxes", COMMAND, video)


def _check(boxes: Boxes) -> None:
    """Refuse values that are no detections.

    Raises:
        ValueError: says which.
    """
    check_times(boxes.time, boxes.about)
    check_numbers("score", boxes.score, 0, 1)
    check_numbers("label", boxes.label, -1, MAX_CLASS)
    check_numbers("box", boxes.box, -FAR_OUTSIDE, 1 + FAR_OUTSIDE)
    if (np.diff(boxes.score, axis=1) > 0).any():
        raise ValueError("scores do not fall along the boxes of a frame")
    if (boxes.label % 1 != 0).any():
        raise ValueError("a label is no whole number")
    if (boxes.box[..., :2] > boxes.box[..., 2:]).any():
        raise ValueError("a box ends before it begins (x0 > x1 or y0 > y1)")
