"""Boxes of a video, and the verb `boxes`: a boxes file for every video of a prepared folder, made once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from avseld.base.errors import BadInput
from avseld.base.files import fingerprint
from avseld.base.prefetch import ahead
from avseld.io.boxes import PERSON, Boxes, read_boxes, write_boxes
from avseld.io.manifest import Recording, read_classes, read_manifest, write_manifest
from avseld.io.video import sample_frames, video_info
from detection.backends.tiles import Tiles
from detection.detector import Backend, Detector, Found, load

logger = logging.getLogger(__name__)

KEPT = 12
"""Boxes kept of a picture, twice the published system's: people first, then whatever else scored highest."""

LEAST = 0.05
"""Score from which a box is kept: half the threshold of the published system (Sony spec, section 5)."""

GRAIN = 1 << 13
"""Boxes and scores are kept in steps of 1 / GRAIN (a quarter pixel of 1920): a third less to store."""

GENERATOR = "generator"
"""Detector of boxes that the scene generator wrote: it knows where it drew the people."""

LATE = 0.5
"""Seconds by which a video may end before its audio without a word."""


@dataclass(frozen=True)
class Job:
    """A recording whose video may have to be looked at."""

    recording: Recording
    video: Path
    target: Path
    """boxes file to write"""
    video_hash: str
    """fingerprint of the video"""
    before: dict[str, Any]
    """what the boxes file that is there says about itself; empty if there is none"""


def boxes(
    prepared: Path,
    backend: Backend = "onnx",
    weights: Path | None = None,
    fps: float = 10.0,
    width: int | None = None,
    threads: int = 0,
    tiles: int = 1,
    mmdet_config: Path | None = None,
    force: bool = False,
) -> int:
    """Find the people in every video of a prepared folder and write boxes/NAME.npz.

    What is there already is left alone: boxes of the same video by the same detector, weights, rate and
    width, and boxes that the scene generator wrote.

    Args:
        prepared: folder with manifest.csv.
        backend: onnx (ONNX Runtime) or mmdet (MMDetection, see scripts/install_mmdet.sh).
        weights: weights file, or yolox_nano.onnx for the small release; by default YOLOX-tiny, fetched once.
        fps: pictures per second to look at.
        width: scale wider videos down to this many pixels first (360 as published); by default what the
            detector sees.
        threads: processor threads; 0 leaves the choice to the backend.
        tiles: pieces in which a 360-degree picture is looked at; 1 shows it to the detector whole, as published. More
            find smaller people, and take as many times as long.
        mmdet_config: configuration of another mmdet YOLOX than YOLOX-tiny.
        force: detect everything anew, also what the generator wrote.

    Returns:
        0, or 1 if a recording failed; each failure is logged.

    Raises:
        BadInput: no prepared folder, or no detector.
    """
    recordings = read_manifest(prepared)
    jobs, failures = _jobs(Path(prepared).absolute(), recordings)
    given = [job for job in jobs if not force and _generated(job)]
    rest = [job for job in jobs if job not in given]
    detected = 0
    if rest:
        detector = in_tiles(load(backend, weights, threads, mmdet_config), tiles)
        logger.info("detector: YOLOX, backend %s, weights %s", detector.name, detector.weights[:8])
        detected = _detect_all(rest, detector, fps, width, force, failures)
    _enter(prepared, recordings, jobs)
    logger.info(
        "boxes: %d recordings by YOLOX now, %d there already, %d by the scene generator%s, %d without video",
        detected,
        len(rest) - detected - sum(job.recording.name in failures for job in rest),
        len(given),
        " (kept; --force detects them anew)" if given else "",
        sum(recording.video is None for recording in recordings),
    )
    for name, error in failures.items():
        logger.error("%s failed: %s", name, error)
    return 1 if failures else 0


def boxes_of_video(
    video: Path,
    backend: Backend = "onnx",
    weights: Path | None = None,
    fps: float = 10.0,
    width: int | None = None,
    threads: int = 0,
    tiles: int = 1,
) -> Boxes:
    """Find boxes in one video.

    Args:
        video: video file.
        backend: `onnx` or `mmdet`.
        weights: weights file, or the bare name of a release; None takes YOLOX-tiny's.
        fps: pictures per second to look at.
        width: scale wider videos down to this many pixels first; None takes what the detector sees.
        threads: processor threads; 0 leaves the choice to the backend.
        tiles: pieces in which a 360-degree picture is looked at; 1 shows it whole.

    Raises:
        BadInput: the video or the weights cannot be used.
    """
    video_info(video)  # a wrong path is said before weights are fetched
    return detect(Path(video), in_tiles(load(backend, weights, threads), tiles), fps, width)


def in_tiles(detector: Detector, tiles: int) -> Detector:
    """A detector that looks at panoramas in so many pieces.

    Raises:
        BadInput: less than one piece, or more than 12.
    """
    if not 1 <= tiles <= 12:
        raise BadInput(f"tiles {tiles}: give 1 (the picture as a whole) to 12")
    return detector if tiles == 1 else Tiles(detector, tiles)


def detect(
    video: Path,
    detector: Detector,
    fps: float = 10.0,
    width: int | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Boxes:
    """Look at a video once, in order, while a thread decodes ahead.

    Args:
        video: video file.
        detector: what finds the boxes.
        fps: pictures per second to look at.
        width: scale wider videos down to this many pixels first; None takes what the detector sees.
        progress: called with the number of pictures just looked at.

    Raises:
        BadInput: the video cannot be read.
    """
    info = video_info(video)
    times: list[np.ndarray] = []
    found: list[Found] = []
    for time, pictures in ahead(sample_frames(video, fps, width or detector.size)):
        times.append(time)
        found += detector(pictures)
        progress(len(time))
    about = _signature(detector, fingerprint(video), fps, width)
    about |= {"width": info.width, "height": info.height, "duration": info.end}
    return _table(np.concatenate(times), found, about)


def _jobs(prepared: Path, recordings: list[Recording]) -> tuple[list[Job], dict[str, str]]:
    """Recordings with video, and name -> error of those whose video cannot be opened."""
    jobs, failures = [], {}
    for recording in recordings:
        if recording.video is None:
            continue
        there = recording.boxes or prepared / "boxes" / f"{recording.name}.npz"
        # a boxes file outside the prepared folder belongs to the corpus and is only read
        target = there if there.is_relative_to(prepared) else prepared / "boxes" / f"{recording.name}.npz"
        try:
            jobs.append(Job(recording, recording.video, target, fingerprint(recording.video), _about(there)))
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


def _generated(job: Job) -> bool:
    return job.before.get("detector") == GENERATOR and job.before.get("video") in (None, job.video_hash)


def _signature(detector: Detector, video: str, fps: float, width: int | None) -> dict[str, Any]:
    """What must agree for boxes to count as done."""
    pieces = {"tiles": detector.n_tiles} if isinstance(detector, Tiles) else {}
    return pieces | {
        "detector": detector.name,
        "weights": detector.weights,
        "video": video,
        "fps": fps,
        "looked_at": width or detector.size,
    }


def _done(before: dict[str, Any], signature: dict[str, Any]) -> bool:
    """Whether boxes were made as a signature says; one that names no tiles is of the picture as a whole."""
    return signature.items() <= before.items() and before.get("tiles") == signature.get("tiles")


def _detect_all(
    jobs: list[Job], detector: Detector, fps: float, width: int | None, force: bool, failures: dict[str, str]
) -> int:
    """Write the boxes files that are missing or out of date; returns their number and adds to `failures`."""
    stale = [
        job
        for job in jobs
        if force or not _done(job.before, _signature(detector, job.video_hash, fps, width))
    ]
    detected = 0
    total = round(sum(job.recording.duration for job in stale) * fps)
    with tqdm(total=total or None, unit="picture", desc="boxes", disable=not stale) as bar:
        for job in stale:
            bar.set_postfix_str(job.recording.name, refresh=False)
            try:
                found = detect(job.video, detector, fps, width, bar.update)
                _warn_if_short(job, found.about["duration"])
                write_boxes(job.target, found)
                detected += 1
            except (BadInput, OSError) as error:
                failures[job.recording.name] = " ".join(str(error).split())
    return detected


def _warn_if_short(job: Job, duration: float) -> None:
    if duration < job.recording.duration - LATE:
        logger.warning(
            "%s: the video ends after %.1f s, the audio after %.1f s; used as far as it goes",
            job.recording.name,
            duration,
            job.recording.duration,
        )


def _enter(prepared: Path, recordings: list[Recording], jobs: list[Job]) -> None:
    """Name the new boxes files in the manifest."""
    written = {job.recording.name: job.target for job in jobs if job.target.is_file()}
    now = [replace(each, boxes=written.get(each.name, each.boxes)) for each in recordings]
    if now != recordings:
        write_manifest(prepared, now, read_classes(prepared))


def _table(time: np.ndarray, found: list[Found], about: dict[str, Any]) -> Boxes:
    """Put what was found into rows of equal length.

    Args:
        time: (time,) seconds.
        found: what was found at each time.
        about: origin, as in the boxes file.
    """
    kept = [_kept(each) for each in found]
    k = max([1, *(len(each.score) for each in kept)])
    box = np.zeros((len(time), k, 4), np.float32)
    score = np.zeros((len(time), k), np.float32)
    label = np.full((len(time), k), -1, np.int16)
    for row, each in enumerate(kept):
        n = len(each.score)
        box[row, :n] = np.round(each.box * GRAIN) / GRAIN
        score[row, :n] = np.round(each.score * GRAIN) / GRAIN
        label[row, :n] = each.label
    return Boxes(time, box, score, label, about)


def _kept(found: Found) -> Found:
    likely = np.flatnonzero(found.score >= LEAST)
    people_first = np.argsort(found.label[likely] != PERSON, kind="stable")
    chosen = np.sort(likely[people_first][:KEPT])
    return Found(found.box[chosen], found.score[chosen], found.label[chosen])
