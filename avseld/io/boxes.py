"""Boxes files: what a detector saw in a video, at the times it looked."""

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint, replacing
from avseld.io.geometry import Array, from_picture

PERSON = 0
"""Class id of a person in COCO, the classes that YOLOX knows."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Detections at n times, at most k a time; rows are filled up with score 0."""

    time: np.ndarray
    """(time,) seconds from the start of the video, rising"""
    box: np.ndarray
    """(time, k, 4) x0 y0 x1 y1 in 0..1 of width and height; outside 0..1 where a box leaves the picture"""
    score: np.ndarray
    """(time, k) in 0..1, falling along k"""
    label: np.ndarray
    """(time, k) class id of the detector (COCO: 0 is a person); -1 where filled up"""
    about: dict[str, Any] = field(default_factory=dict)
    """detector, weights (hash), video (fingerprint), width, height, fps, duration (s)"""

    def __post_init__(self) -> None:
        n, k = self.score.shape
        if self.time.shape != (n,) or self.box.shape != (n, k, 4) or self.label.shape != (n, k):
            raise ValueError(
                f"shapes {self.time.shape} {self.box.shape} {self.score.shape} {self.label.shape}"
            )

    def at(self, time: np.ndarray | float) -> np.ndarray:
        """Row that holds at each time: the latest one not after it (the first one before the start).

        Args:
            time: (...,) seconds.

        Returns:
            (...,) row indices.
        """
        rows = np.searchsorted(self.time, np.asarray(time) + 1e-6, side="right") - 1
        return np.clip(rows, 0, max(len(self.time) - 1, 0))


def people(boxes: Boxes, n_boxes: int = 6, threshold: float = 0.10, scored: bool = False) -> np.ndarray:
    """The best person boxes of every row, in falling order of score, zeros where there are fewer.

    Source: Sony audio-visual SELD spec, section 5 (score above 0.10, first six).

    Returns:
        (time, n_boxes, 4), float32, x0 y0 x1 y1 in 0..1; (time, n_boxes, 5) with the score behind if `scored`.
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
    """Direction of the centre of boxes in an equirectangular picture.

    Args:
        box: (..., 4) x0 y0 x1 y1 in 0..1.

    Returns:
        azimuth (...,) and elevation (...,), degrees.
    """
    return from_picture((box[..., 0] + box[..., 2]) / 2, (box[..., 1] + box[..., 3]) / 2)


def write_boxes(path: Path | str, boxes: Boxes) -> None:
    """Write a boxes file (compressed npz, a few tens of kB a minute)."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            time=boxes.time.astype(np.float64),
            box=boxes.box.astype(np.float32),
            score=boxes.score.astype(np.float32),
            label=boxes.label.astype(np.int16),
            about=np.array(json.dumps(boxes.about, sort_keys=True)),
        )


def read_boxes(path: Path | str, video: Path | str | None = None) -> Boxes:
    """Read a boxes file.

    Args:
        path: a file written by `write_boxes`.
        video: if given, the boxes must have been made from this very video.

    Raises:
        BadInput: missing, damaged, or made from another video.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: not found; make it with avseld-detect boxes")
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            boxes = Boxes(file["time"], file["box"], file["score"], file["label"], about)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise BadInput(f"{path}: no boxes file ({error}); make it anew with avseld-detect boxes") from error
    if video is not None and about.get("video") not in (None, fingerprint(video)):
        raise BadInput(
            f"{path}: boxes of another video than {video}; make them anew with avseld-detect boxes"
        )
    return boxes
