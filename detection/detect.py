"""Detect boxes in a video, and the command `boxes`: a boxes file for every video of a prepared folder."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint, takes_paths
from avseld.base.locks import sole_writer
from avseld.base.next_step import tell_next
from avseld.base.prefetch import prefetch
from avseld.io.boxes import PERSON, Boxes, read_boxes, write_boxes
from avseld.io.manifest import Recording, read_classes, read_manifest, write_manifest
from avseld.io.video import VideoInfo, check_panorama, sample_frames, video_info
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

MISSING_END_S = 0.5
"""how much earlier than its audio a video may end before a warning is logged"""

MAX_TILES = 12

DISTANCE_KEY = "distance_from_training"
"""entry of the description of boxes by a detector that comes with the package: median over the video of the distance of
its frames from the pictures that the detector was trained on (`detection.familiarity`)"""


@dataclass(frozen=True)
class DetectionJob:
    """A recording whose video may have to be processed."""

    recording: Recording
    video: Path
    target: Path
    """boxes file to write"""
    video_hash: str
    """fingerprint of the video"""
    info: VideoInfo
    """header of the video"""
    existing: dict[str, Any]
    """description in the existing boxes file; empty if there is none"""


@takes_paths
def boxes(
    prepared: Path,
    backend: Backend = "onnx",
    weights: Path | None = None,
    fps: float = 10.0,
    width: int | None = None,
    threads: int = 0,
    tiles: int = 1,
    mmdet_config: Path | None = None,
    replace_generated: bool = False,
    force: bool = False,
) -> int:
    """Detect the people in every video of a prepared folder.

    Existing boxes are kept if they are of the same video, detector, weights, rate and width, or if the scene
    generator wrote them.

    Args:
        prepared: folder with manifest.csv.
        backend: onnx (ONNX Runtime) or mmdet (MMDetection, see scripts/install_mmdet.sh).
        weights: weights file; people_drawn, which comes with the package and knows the people of generated scenes only;
            or yolox_nano.onnx, the small release; by default YOLOX-tiny, fetched once.
        fps: frames per second to process.
        width: scale wider videos down to this many pixels first (360 as published); by default the input size of
            the detector.
        threads: processor threads; 0 leaves the choice to the backend.
        tiles: number of overlapping tiles a 360-degree frame is cut into; 1 processes it whole, as published. More
            find smaller people, in as many times the computing time.
        mmdet_config: configuration of another mmdet YOLOX than YOLOX-tiny; a Python file, which is executed.
        replace_generated: detect people where the generator wrote boxes, too.
        force: detect everything anew, also what the generator wrote.

    Returns:
        0, or 1 if a recording failed; each failure is logged.

    Raises:
        BadInput: no prepared folder, or no detector.
    """
    recordings = read_manifest(prepared)
    jobs, failures = _jobs(Path(prepared).absolute(), recordings)
    generated = [job for job in jobs if not (force or replace_generated) and _is_generated(job)]
    rest = [job for job in jobs if job not in generated]
    detected = 0
    if rest:
        detector = in_tiles(load(backend, weights, threads, mmdet_config), tiles)
        logger.info("detector: YOLOX, backend %s, weights %s", detector.name, detector.weights[:8])
        detected = _detect_all(rest, detector, fps, width, force, failures)
    _update_manifest(prepared, jobs)
    logger.info(
        "boxes: %d recordings by YOLOX now, %d already done, %d by the scene generator%s, %d without video",
        detected,
        len(rest) - detected - sum(job.recording.name in failures for job in rest),
        len(generated),
        " (kept; --replace_generated true detects people there)" if generated else "",
        sum(recording.video is None for recording in recordings),
    )
    for name, error in failures.items():
        logger.error("%s failed: %s", name, error)
    if not failures:
        tell_next("avseld-prep", "check", prepared)
    return 1 if failures else 0


def boxes_of_video(
    video: Path,
    backend: Backend = "onnx",
    weights: Path | None = None,
    fps: float = 10.0,
    width: int | None = None,
    threads: int = 0,
    tiles: int = 1,
    like: str | None = None,
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

    Raises:
        BadInput: the video or the weights cannot be used.
    """
    if weights is None and like is not None and (card := card_of(like)) is not None:
        weights = card.path
    video_info(video)  # a wrong path is reported before weights are fetched
    detector = in_tiles(load(backend, weights, threads), tiles)
    found = detect(Path(video), detector, fps, width)
    _warn_if_unfamiliar({Path(video).name: found.about}, detector)
    return found


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
    about = _signature(detector, fingerprint(video), info, fps, width)
    about |= {"width": info.width, "height": info.height, "duration": info.end}
    if distances:
        about[DISTANCE_KEY] = round(float(np.median(distances)), 3)
    seen = np.concatenate([np.zeros(0), *times])
    # Nobody is seen before the first frame of a video that starts late.
    before = np.arange(round(float(seen[0]) * fps) if len(seen) else 0) / fps
    nothing = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    return _table(np.concatenate([before, seen]), [nothing] * len(before) + detections, about)


def _jobs(prepared: Path, recordings: list[Recording]) -> tuple[list[DetectionJob], dict[str, str]]:
    """List recordings with video, and name -> error of those whose video cannot be opened."""
    jobs, failures = [], {}
    for recording in recordings:
        if recording.video is None:
            continue
        existing = recording.boxes or prepared / "boxes" / f"{recording.name}.npz"
        # a boxes file outside the prepared folder belongs to the corpus and is only read
        inside = existing.is_relative_to(prepared)
        target = existing if inside else prepared / "boxes" / f"{recording.name}.npz"
        try:
            video_hash = fingerprint(recording.video)
            info = video_info(recording.video)
            jobs.append(DetectionJob(recording, recording.video, target, video_hash, info, _about(existing)))
        except BadInput as error:
            failures[recording.name] = str(error)
    return jobs, failures


def _about(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return read_boxes(path).about
    except BadInput as error:
        logger.warning("%s; it is made anew now", str(error).split("; make it")[0])
        return {}


def _is_generated(job: DetectionJob) -> bool:
    by_generator = job.existing.get("detector") == GENERATOR
    return by_generator and job.existing.get("video") in (None, job.video_hash)


def _signature(
    detector: Detector, video: str, info: VideoInfo, fps: float, width: int | None
) -> dict[str, Any]:
    """List what must be equal for existing boxes to be kept."""
    tiles = {"tiles": detector.n_tiles} if isinstance(detector, TiledDetector) else {}
    return (
        tiles
        | info.placing
        | {
            "detector": detector.name,
            "weights": detector.weights,
            "video": video,
            "fps": fps,
            "looked_at": width or detector.size,
        }
    )


def _is_done(existing: dict[str, Any], signature: dict[str, Any]) -> bool:
    """Return whether boxes have a signature; one without `tiles` is of whole frames."""
    return signature.items() <= existing.items() and existing.get("tiles") == signature.get("tiles")


def _detect_all(
    jobs: list[DetectionJob],
    detector: Detector,
    fps: float,
    width: int | None,
    force: bool,
    failures: dict[str, str],
) -> int:
    """Write the boxes files that are missing or out of date; return their number and add to `failures`."""
    # Sections of one recording share the boxes file of its video.
    stale = {
        job.target: job
        for job in jobs
        if force or not _is_done(job.existing, _signature(detector, job.video_hash, job.info, fps, width))
    }.values()
    made: dict[str, dict[str, Any]] = {}
    total = round(sum(job.recording.duration for job in stale) * fps)
    with tqdm(total=total or None, unit="frame", desc="boxes", disable=not stale) as bar:
        for job in stale:
            bar.set_postfix_str(job.recording.name, refresh=False)
            try:
                flat = check_panorama(job.video, job.info, job.recording.format)
                result = detect(job.video, detector, fps, width, bar.update)
                _warn_if_short(job, result.about["duration"])
                if flat:
                    logger.warning(flat)
                write_boxes(job.target, result)
                made[job.recording.name] = result.about
            except (BadInput, OSError) as error:
                failures[job.recording.name] = " ".join(str(error).split())
    _warn_if_unfamiliar(made, detector)
    return len(made)


def _familiarity(detector: Detector) -> Familiarity | None:
    """Return what a detector's training pictures looked like; None if it does not come with the package."""
    card = card_of(detector.weights)
    return Familiarity.from_dict(card.familiar) if card is not None and card.familiar else None


def _warn_if_unfamiliar(found: dict[str, dict[str, Any]], detector: Detector) -> None:
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


def _warn_if_short(job: DetectionJob, end: float) -> None:
    end += job.recording.video_offset
    if end < job.recording.duration - MISSING_END_S:
        logger.warning(
            "%s: the video ends after %.1f s, the audio after %.1f s; used as far as it goes",
            job.recording.name,
            end,
            job.recording.duration,
        )


def _update_manifest(prepared: Path, jobs: list[DetectionJob]) -> None:
    """Enter the boxes files into the manifest as it is now: other commands may have changed it meanwhile."""
    written = {job.recording.name: job.target for job in jobs if job.target.is_file()}

    def entered(recordings: list[Recording]) -> list[Recording]:
        return [replace(each, boxes=written.get(each.name, each.boxes)) for each in recordings]

    before = read_manifest(prepared)
    if entered(before) == before:  # the folder need not be writable
        return
    with sole_writer(prepared, math.inf):
        write_manifest(prepared, entered(read_manifest(prepared)), read_classes(prepared))


def _table(time: np.ndarray, detections: list[Detections], about: dict[str, Any]) -> Boxes:
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
