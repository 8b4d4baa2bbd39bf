"""Detect boxes in a video."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint
from avseld.base.prefetch import prefetch
from avseld.io.boxes import PERSON, Boxes
from avseld.io.video import VideoInfo, sample_frames, video_info
from detection.backends.placed import PlacedDetector
from detection.backends.tiles import TiledDetector
from detection.detector import Backend, Detections, Detector, load, near_picture
from detection.familiarity import Familiarity
from detection.shipped import card_of

logger = logging.getLogger(__name__)

MAX_BOXES = 12
"""boxes kept per frame, twice those of the published system: people first, then the other classes by score"""

MIN_SCORE = 0.05
"""lowest score of a kept box: half the threshold of the published system (docs/sources.md, Person boxes)"""

STEPS_PER_UNIT = 1 << 13
"""coordinates and scores are rounded to 1 / STEPS_PER_UNIT (a quarter pixel of 1920): a third less to store"""

GENERATOR = "generator"
"""`detector` of the boxes that the scene generator writes: their places are exact"""

MAX_TILES = 12

DISTANCE_KEY = "distance_from_training"
"""entry of the description of boxes by a detector that comes with the package: median over the video of the distance of
its frames from the pictures that the detector was trained on (`detection.familiarity`)"""


def boxes_of_video(
    video: Path,
    backend: Backend = "onnx",
    weights: Path | None = None,
    fps: float = 10.0,
    width: int | None = None,
    threads: int = 0,
    tiles: int = 1,
    like: str | None = None,
    field_deg: float = 0.0,
) -> Boxes:
    """Detect boxes in one video.

    Args:
        video: video file.
        backend: `onnx` or `mmdet`.
        weights: weights file, `people_drawn`, or the bare name of a release; None takes YOLOX-tiny's.
        fps: frames per second to process.
        width: scale wider videos down to this many pixels first; None takes the input size of the detector.
        threads: processor threads; 0 leaves the choice to the backend.
        tiles: number of overlapping tiles a 360-degree frame is cut into; 1 processes it whole.
        like: SHA-256 of the weights that made other boxes; those are taken if they come with the package and `weights`
            is None.
        field_deg: horizontal field of view of a perspective picture that a detector of panoramas looks at; 0 for a
            panorama.

    Raises:
        BadInput: the video or the weights cannot be used.
    """
    if weights is None and like is not None and (card := card_of(like)) is not None:
        weights = card.path
    video_info(video)  # a wrong path is reported before weights are fetched
    detector = seen_as(load(backend, weights, threads), tiles, field_deg)
    found = detect(Path(video), detector, fps, width)
    warn_if_unfamiliar({Path(video).name: found.about}, detector)
    return found


def seen_as(detector: Detector, tiles: int = 1, field_deg: float = 0.0) -> Detector:
    """Wrap a detector so that it processes panoramas in tiles, or perspective pictures as parts of panoramas.

    Args:
        detector: of whole pictures.
        tiles: number of tiles; 1 for none.
        field_deg: horizontal field of view of perspective pictures, degrees; 0 for pictures as they are.

    Raises:
        BadInput: both, or a number out of range.
    """
    if field_deg and tiles != 1:
        raise BadInput(
            f"field_deg {field_deg:g}: a perspective picture is not cut into tiles; give one of the two"
        )
    return PlacedDetector(detector, field_deg) if field_deg else in_tiles(detector, tiles)


def view_of(detector: Detector) -> dict[str, Any]:
    """Describe how a detector looks at pictures, if not as they are: number of tiles, or field of view."""
    if isinstance(detector, TiledDetector):
        return {"tiles": detector.n_tiles}
    return {"field_deg": detector.field_deg} if isinstance(detector, PlacedDetector) else {}


def in_tiles(detector: Detector, tiles: int) -> Detector:
    """Wrap a detector so that it processes panoramas in tiles; 1 returns it as it is.

    Raises:
        BadInput: fewer than one tile, or more than 12.
    """
    if not 1 <= tiles <= MAX_TILES:
        raise BadInput(f"tiles {tiles}: give 1 (the whole frame) to {MAX_TILES}")
    return detector if tiles == 1 else TiledDetector(detector, tiles)


def detect(
    video: Path,
    detector: Detector,
    fps: float = 10.0,
    width: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Boxes:
    """Run a detector on a video, decoded once and in order by a background thread.

    Args:
        video: video file.
        detector: finds the boxes of a batch of frames.
        fps: frames per second to process.
        width: scale wider videos down to this many pixels first; None takes the input size of the detector.
        progress: called with the number of frames just processed.

    Raises:
        BadInput: the video cannot be read.
    """
    info = video_info(video)
    familiarity = _familiarity(detector)
    distances: list[np.ndarray] = []
    times: list[np.ndarray] = []
    detections: list[Detections] = []
    for time, frames in prefetch(sample_frames(video, fps, width or detector.size)):
        times.append(time)
        detections += detector(frames)
        if familiarity is not None:
            distances.append(familiarity.distance(frames[:1]))
        progress(len(time))
    about = signature(detector, fingerprint(video), info, fps, width)
    about |= {"width": info.width, "height": info.height, "duration": info.end}
    if distances:
        about[DISTANCE_KEY] = round(float(np.median(distances)), 3)
    seen = np.concatenate([np.zeros(0), *times])
    # Nobody is seen before the first frame of a video that starts late.
    before = np.arange(round(float(seen[0]) * fps) if len(seen) else 0) / fps
    nothing = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    return boxes_table(np.concatenate([before, seen]), [nothing] * len(before) + detections, about)


def signature(
    detector: Detector, video: str, info: VideoInfo, fps: float, width: int | None
) -> dict[str, Any]:
    """List what must be equal for existing boxes to be kept."""
    return (
        view_of(detector)
        | info.placing
        | {
            "detector": detector.name,
            "weights": detector.weights,
            "video": video,
            "fps": fps,
            "looked_at": width or detector.size,
        }
    )


def _familiarity(detector: Detector) -> Familiarity | None:
    """Return what a detector's training pictures looked like; None if it does not come with the package."""
    card = card_of(detector.weights)
    return Familiarity.from_dict(card.familiar) if card is not None and card.familiar else None


def warn_if_unfamiliar(found: dict[str, dict[str, Any]], detector: Detector) -> None:
    """Warn about videos that are unlike the pictures that a detector was trained on.

    Args:
        found: name of each video -> description of its boxes.
        detector: that made them.
    """
    card, familiarity = card_of(detector.weights), _familiarity(detector)
    if card is None or familiarity is None:
        return
    distances = {name: about[DISTANCE_KEY] for name, about in found.items()}
    unlike = {name: value for name, value in distances.items() if value > familiarity.threshold}
    if unlike:
        logger.warning(
            "%d of %d videos are unlike the pictures that %s was trained on (first %s, distance %.1f, limit %.1f); do "
            "not trust its boxes there: it %s",
            len(unlike),
            len(found),
            card.name,
            *next(iter(unlike.items())),
            familiarity.threshold,
            card.limits,
        )


def boxes_table(time: np.ndarray, detections: list[Detections], about: dict[str, Any]) -> Boxes:
    """Pad detections to rows of equal length.

    Args:
        time: (time,) seconds.
        detections: at each time.
        about: description for the boxes file.
    """
    kept = [_best(each) for each in detections]
    k = max([1, *(len(each.score) for each in kept)])
    box = np.zeros((len(time), k, 4), np.float32)
    score = np.zeros((len(time), k), np.float32)
    label = np.full((len(time), k), -1, np.int16)
    for row, each in enumerate(kept):
        n = len(each.score)
        box[row, :n] = np.round(each.box * STEPS_PER_UNIT) / STEPS_PER_UNIT
        score[row, :n] = np.round(each.score * STEPS_PER_UNIT) / STEPS_PER_UNIT
        label[row, :n] = each.label
    return Boxes(time, box, score, label, about)


def _best(detections: Detections) -> Detections:
    likely = np.flatnonzero((detections.score >= MIN_SCORE) & near_picture(detections.box))
    people_first = np.argsort(detections.label[likely] != PERSON, kind="stable")
    chosen = np.sort(likely[people_first][:MAX_BOXES])
    chosen = chosen[np.argsort(-detections.score[chosen], kind="stable")]
    return Detections(detections.box[chosen], detections.score[chosen], detections.label[chosen])
