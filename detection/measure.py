"""Score a detector of people on pictures with COCO annotations: average precision, recall by height, false boxes."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avseld.base.errors import BadInput
from avseld.base.files import replacing, takes_paths
from avseld.io.boxes import PERSON
from detection.detect import in_tiles
from detection.detector import Backend, Detections, Detector, load

logger = logging.getLogger(__name__)

MIN_IOU = 0.5
"""intersection over union from which a box belongs to a person: AP50"""
RECALL_POINTS = np.linspace(0, 1, 101)
"""recalls at which COCO reads precision"""
MIN_SCORE = 0.10
"""recall and false boxes are counted from this score on, that of the published system"""
HEIGHT_EDGES = (0.1, 0.2, 0.3)
"""edges of the height bins, as shares of the picture's height"""


@dataclass(frozen=True, eq=False)
class AnnotatedPicture:
    """A picture and the boxes of its people."""

    pixels: np.ndarray
    """(row, column, 3) RGB, uint8"""
    box: np.ndarray
    """(n, 4) x0 y0 x1 y1 in 0..1"""
    crowd: np.ndarray
    """(n,) bool: neither to be detected nor false if detected"""


@dataclass(eq=False)
class DetectorScores:
    """Matches of detections and people, collected over pictures."""

    score: list[float] = field(default_factory=list)
    """of every detection that counts"""
    correct: list[bool] = field(default_factory=list)
    """whether it belongs to a person"""
    height: list[float] = field(default_factory=list)
    """of every person that counts, share of the picture's height"""
    found: list[bool] = field(default_factory=list)
    """whether a detection from `MIN_SCORE` on belongs to this person"""
    n_pictures: int = 0
    n_empty: int = 0
    false_in_empty: int = 0
    """false boxes from `MIN_SCORE` on in pictures without people"""

    def add(self, picture: AnnotatedPicture, detections: Detections) -> None:
        """Match the detections of a picture with its people, as COCO does."""
        people = detections.label == PERSON
        box, score = detections.box[people], detections.score[people]
        owner, ignored = match(box, picture.box, picture.crowd)
        self.score += score[~ignored].tolist()
        self.correct += (owner[~ignored] >= 0).tolist()
        counted = np.flatnonzero(~picture.crowd)
        self.height += (picture.box[counted, 3] - picture.box[counted, 1]).tolist()
        self.found += np.isin(counted, owner[score >= MIN_SCORE]).tolist()
        self.n_pictures += 1
        if not len(picture.box):
            self.n_empty += 1
            self.false_in_empty += int((score >= MIN_SCORE).sum())

    def summarize(self) -> dict[str, Any]:
        """Compute ap50, recall and n_people by bin of height, and false boxes per picture."""
        height, found = np.array(self.height), np.array(self.found)
        bins = np.searchsorted(HEIGHT_EDGES, height)
        false = ~np.array(self.correct, bool) & (np.array(self.score) >= MIN_SCORE)
        edges = (0.0, *HEIGHT_EDGES, 1.0)
        return {
            "ap50": round(average_precision(np.array(self.score), np.array(self.correct), len(height)), 4),
            "recall": round(float(found.mean()), 4) if len(found) else None,
            "recall_by_height": {
                f"{low:g}-{high:g}": [round(float(found[bins == b].mean()), 4), int((bins == b).sum())]
                for b, (low, high) in enumerate(pairwise(edges))
                if (bins == b).any()
            },
            "false_per_picture": round(float(false.sum()) / max(self.n_pictures, 1), 4),
            "false_per_empty_picture": round(self.false_in_empty / max(self.n_empty, 1), 4),
            "pictures": self.n_pictures,
            "people": len(height),
        }


@takes_paths
def measure(
    pictures: Path,
    backend: Backend = "onnx",
    weights: Path | None = None,
    threads: int = 0,
    tiles: int = 1,
    json: Path | None = None,
) -> None:
    """Score a detector of people on pictures with COCO annotations.

    Prints the average precision at an intersection over union of 0.5 (COCO's AP50), the recall by the height of people,
    and the number of false boxes; recall and false boxes from a score of 0.10 on.

    Args:
        pictures: folder with annotations.json in COCO's format, as `avseld-prep pictures` writes it.
        backend: onnx or mmdet.
        weights: weights file, or a name as in `avseld-detect boxes`; by default YOLOX-tiny.
        threads: processor threads; 0 leaves the choice to the backend.
        tiles: number of overlapping tiles a frame is cut into; 1 processes it whole.
        json: file to write the scores to.

    Raises:
        BadInput: no annotations, or no detector.
    """
    detector = in_tiles(load(backend, weights, threads), tiles)
    scores = score_pictures(read_pictures(pictures), detector)
    print(describe(scores))  # noqa: T201 - the result of the command
    if json is not None:
        write_scores(json, scores)


def write_scores(path: Path, scores: dict[str, Any]) -> None:
    """Write scores to a JSON file."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")


def score_pictures(pictures: Iterator[AnnotatedPicture], detector: Detector) -> dict[str, Any]:
    """Run a detector on pictures and score it; see `DetectorScores.summarize`."""
    scores = DetectorScores()
    for picture in pictures:
        (found,) = detector(picture.pixels[None])
        scores.add(picture, found)
    return scores.summarize()


def describe(scores: dict[str, Any]) -> str:
    """Write scores as a table in Markdown."""
    rows = [
        ("AP50", f"{scores['ap50']:.3f}", scores["people"]),
        ("recall, all", f"{scores['recall'] or 0:.3f}", scores["people"]),
        *(
            (f"recall, height {name}", f"{recall:.3f}", number)
            for name, (recall, number) in scores["recall_by_height"].items()
        ),
        ("false boxes a picture", f"{scores['false_per_picture']:.3f}", ""),
        ("false boxes an empty picture", f"{scores['false_per_empty_picture']:.3f}", ""),
    ]
    lines = [f"| {scores['pictures']} pictures | | people |", "|---|--:|--:|"]
    return "\n".join([*lines, *(f"| {name} | {value} | {number} |" for name, value, number in rows)])


def read_pictures(folder: Path) -> Iterator[AnnotatedPicture]:
    """Yield the pictures of a folder with the annotations of people.

    Args:
        folder: with annotations.json in COCO's format; names of files are relative to it.

    Raises:
        BadInput: no annotations that can be read, or a picture that is missing.
    """
    path = folder / "annotations.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        names = {each["id"]: each["name"] for each in content["categories"]}
        boxes: dict[int, list[tuple[list[float], bool]]] = {each["id"]: [] for each in content["images"]}
        for each in content["annotations"]:
            if names[each["category_id"]] == "person":
                boxes[each["image_id"]].append((each["bbox"], bool(each.get("iscrowd"))))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path}: no COCO annotations that can be read ({error}); make pictures by avseld-prep pictures"
        ) from error
    for image in content["images"]:
        try:
            pixels = np.asarray(Image.open(folder / image["file_name"]).convert("RGB"))
        except OSError as error:
            raise BadInput(f"{folder / image['file_name']}: not a readable picture ({error})") from error
        box = np.array([each for each, _ in boxes[image["id"]]], float).reshape(-1, 4)
        box[:, 2:] += box[:, :2]
        rows, columns = pixels.shape[:2]
        crowd = np.array([each for _, each in boxes[image["id"]]], bool)
        yield AnnotatedPicture(pixels, box / [columns, rows, columns, rows], crowd)


def match(box: np.ndarray, people: np.ndarray, crowd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Assign detections to people in falling order of score, each to the free person it overlaps most.

    A detection without a person that lies in a crowd (the intersection over its own area counts) is ignored.

    Args:
        box: (m, 4) detections, in falling order of score.
        people: (n, 4).
        crowd: (n,) bool.

    Returns:
        (m,) index of the person, -1 for none, and (m,) bool, whether the detection is ignored.
    """
    low = np.maximum(box[:, None, :2], people[None, :, :2])
    high = np.minimum(box[:, None, 2:], people[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    own = (box[:, 2:] - box[:, :2]).prod(axis=1)[:, None]
    union = own + (people[:, 2:] - people[:, :2]).prod(axis=1)[None] - shared
    overlap = shared / np.maximum(np.where(crowd[None], own, union), 1e-12)
    owner, ignored = np.full(len(box), -1), np.zeros(len(box), bool)
    free = ~crowd
    for index, row in enumerate(overlap):
        candidates = np.where(free & (row >= MIN_IOU), row, -1.0)
        if len(row) and candidates.max() > 0:
            owner[index] = candidates.argmax()
            free[owner[index]] = False
        else:
            ignored[index] = bool((row[crowd] >= MIN_IOU).any())
    return owner, ignored


def average_precision(score: np.ndarray, correct: np.ndarray, n_people: int) -> float:
    """Compute the average precision as COCO does: the mean of the interpolated precision at 101 recalls.

    Args:
        score: (m,) of all detections.
        correct: (m,) bool, whether each belongs to a person.
        n_people: number of people.

    Returns:
        0..1; 0 without detections or people.
    """
    if not len(score) or not n_people:
        return 0.0
    hits = correct[np.argsort(-score, kind="stable")].cumsum()
    precision = hits / np.arange(1, len(score) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(hits / n_people, RECALL_POINTS, side="left")
    return float(np.where(place < len(score), precision[np.minimum(place, len(score) - 1)], 0.0).mean())
