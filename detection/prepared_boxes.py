"""The command `boxes`: a boxes file for every video of a prepared folder."""

import logging
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from avseld.base.engines import Engine, read_engine, threads_of_call
from avseld.base.errors import BadInput
from avseld.base.files import fingerprint, remove_partial, takes_paths
from avseld.base.job_shards import read_shard
from avseld.base.locks import sole_writer
from avseld.base.next_step import tell_next
from avseld.io.boxes import read_boxes, write_boxes
from avseld.io.manifest import Recording, read_classes, read_manifest, write_manifest
from avseld.io.video import VideoInfo, check_panorama, video_info
from detection.detect import GENERATOR, detect, seen_as, signature, warn_if_unfamiliar
from detection.detector import Backend, Detector, load

logger = logging.getLogger(__name__)

MISSING_END_S = 0.5
"""how much earlier than its audio a video may end before a warning is logged"""


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


@dataclass(frozen=True)
class DetectorOptions:
    """Options that a worker loads its detector with; they are those of `boxes`."""

    backend: Backend
    weights: Path | str | None
    threads: int
    mmdet_config: Path | None
    tiles: int
    field_deg: float


@dataclass(frozen=True)
class DetectedVideo:
    """What came of a video: the description of its boxes, or why it failed."""

    name: str
    """of the recording"""
    about: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    failure: str = ""
    n_frames: int = 0


@takes_paths
def boxes(
    prepared: Path,
    backend: Backend = "onnx",
    weights: Path | None = None,
    fps: float = 10.0,
    width: int | None = None,
    threads: int = 0,
    tiles: int = 1,
    field_deg: float = 0.0,
    mmdet_config: Path | None = None,
    replace_generated: bool = False,
    force: bool = False,
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
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
        threads: processor threads; 0 leaves the choice to the backend, and with --engine shares out the cores.
        tiles: number of overlapping tiles a 360-degree frame is cut into; 1 processes it whole, as published. More
            find smaller people, in as many times the computing time.
        field_deg: horizontal field of view of perspective pictures, degrees, for a detector of panoramas such as
            people_drawn, which is shown them as large as they would be there; 0 shows it pictures as they are.
        mmdet_config: configuration of another mmdet YOLOX than YOLOX-tiny; a Python file, which is executed.
        replace_generated: detect people where the generator wrote boxes, too.
        force: detect everything anew, also what the generator wrote.
        jobs: with --engine, videos processed at once; 0 for one per core.
        shard: share of the videos, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. See docs/clusters.md.
        engine: process several videos at once, each with a detector of its own: threads, loky (processes) or
            dask:ADDRESS, the workers of a Dask cluster; by default one video after the other.

    Returns:
        0, or 1 if a recording failed; each failure is logged.

    Raises:
        BadInput: no prepared folder, or no detector.
    """
    own_shard, workers = read_shard(shard), None if engine is None else read_engine(engine, jobs)
    recordings = read_manifest(prepared)
    seen = [each for each in recordings if each.video is not None]
    targets = [_target(Path(prepared).absolute(), each) for each in seen]
    own = set(own_shard.of(list(dict.fromkeys(targets)), "videos"))
    found, failures = _jobs([(each, path) for each, path in zip(seen, targets, strict=True) if path in own])
    generated = [job for job in found if not (force or replace_generated) and _is_generated(job)]
    rest = [job for job in found if job not in generated]
    detected = 0
    if rest:
        detector = seen_as(load(backend, weights, threads, mmdet_config), tiles, field_deg)
        logger.info("detector: YOLOX, backend %s, weights %s", detector.name, detector.weights[:8])
        stale = _stale(rest, detector, fps, width, force)
        threads = threads if workers is None else threads or threads_of_call(workers)
        # A name of weights is no relative path, which a worker elsewhere would be given as an absolute one.
        named = weights if weights is None or weights.is_file() else str(weights)
        options = DetectorOptions(backend, named, threads, mmdet_config, tiles, field_deg)
        made = _detect_all(stale, detector, options, fps, width, failures, workers)
        warn_if_unfamiliar(made, detector)
        detected = len(made)
    _update_manifest(prepared, found)
    logger.info(
        "boxes: %d recordings by YOLOX now, %d already done, %d by the scene generator%s, %d without video",
        detected,
        len(rest) - detected - sum(job.recording.name in failures for job in rest),
        len(generated),
        " (kept; --replace_generated true detects people there)" if generated else "",
        len(recordings) - len(seen),
    )
    for name, error in failures.items():
        logger.error("%s failed: %s", name, error)
    there = (
        path.is_file() or (each.boxes or path).is_file() for each, path in zip(seen, targets, strict=True)
    )
    if not failures and (own_shard.is_whole or all(there)):
        tell_next("avseld-prep", "check", prepared)
    return 1 if failures else 0


def _target(prepared: Path, recording: Recording) -> Path:
    """Return the boxes file to write; one outside the prepared folder belongs to the corpus and is only read."""
    existing = recording.boxes or prepared / "boxes" / f"{recording.name}.npz"
    return existing if existing.is_relative_to(prepared) else prepared / "boxes" / f"{recording.name}.npz"


def _jobs(due: list[tuple[Recording, Path]]) -> tuple[list[DetectionJob], dict[str, str]]:
    """List recordings with their boxes files, and name -> error of those whose video cannot be opened."""
    jobs, failures = [], {}
    for recording, target in due:
        assert recording.video is not None
        try:
            video_hash = fingerprint(recording.video)
            info = video_info(recording.video)
            about = _about(recording.boxes or target)
            jobs.append(DetectionJob(recording, recording.video, target, video_hash, info, about))
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


def _is_done(existing: dict[str, Any], signature: dict[str, Any]) -> bool:
    """Return whether boxes have a signature; one without `tiles` and `field_deg` is of frames as they are."""
    parts = ("tiles", "field_deg")
    return signature.items() <= existing.items() and all(
        existing.get(part) == signature.get(part) for part in parts
    )


def _stale(
    jobs: list[DetectionJob], detector: Detector, fps: float, width: int | None, force: bool
) -> list[DetectionJob]:
    """List the boxes files that are missing or out of date; sections of one recording share that of its video."""
    stale = {
        job.target: job
        for job in jobs
        if force or not _is_done(job.existing, signature(detector, job.video_hash, job.info, fps, width))
    }
    return list(stale.values())


def _detect_all(
    jobs: list[DetectionJob],
    detector: Detector,
    options: DetectorOptions,
    fps: float,
    width: int | None,
    failures: dict[str, str],
    engine: Engine | None,
) -> dict[str, dict[str, Any]]:
    """Write boxes files; return their descriptions by name of the recording, and add to `failures`."""
    made: dict[str, dict[str, Any]] = {}
    total = round(sum(job.recording.duration for job in jobs) * fps)
    with tqdm(total=total or None, unit="frame", desc="boxes", disable=not jobs) as bar:

        def one_after_the_other() -> Iterator[DetectedVideo]:
            for job in jobs:
                bar.set_postfix_str(job.recording.name, refresh=False)
                yield _detect_one(job, detector, fps, width, bar.update)

        def at_once(engine: Engine) -> Iterator[DetectedVideo]:
            for found in engine.run(_detect_with, [(job, options, fps, width) for job in jobs]):
                bar.update(found.n_frames)
                yield found
            if engine.is_remote:  # what a worker that was lost was writing
                for folder in {job.target.parent for job in jobs}:
                    remove_partial(folder, {job.target.stem for job in jobs})

        for found in one_after_the_other() if engine is None else at_once(engine):
            for warning in found.warnings:
                logger.warning("%s", warning)
            if found.failure:
                failures[found.name] = found.failure
            else:
                made[found.name] = found.about
    return made


def _detect_one(
    job: DetectionJob, detector: Detector, fps: float, width: int | None, progress: Callable[[int], object]
) -> DetectedVideo:
    """Write the boxes file of a video; an error is returned, not raised."""
    name = job.recording.name
    try:
        flat = check_panorama(job.video, job.info, job.recording.format)
        result = detect(job.video, detector, fps, width, progress)
        warnings = [text for text in (_why_short(job, result.about["duration"]), flat) if text]
        write_boxes(job.target, result)
    except (BadInput, OSError) as error:
        return DetectedVideo(name, failure=" ".join(str(error).split()))
    return DetectedVideo(name, result.about, warnings, n_frames=len(result.time))


LOADED = threading.local()
"""detector of each thread of a worker, with the options that it was loaded with"""


def _detect_with(job: DetectionJob, options: DetectorOptions, fps: float, width: int | None) -> DetectedVideo:
    """Write the boxes file of a video in a worker, which loads its detector once."""
    if getattr(LOADED, "options", None) != options:
        weights = None if options.weights is None else Path(options.weights)
        detector = load(options.backend, weights, options.threads, options.mmdet_config)
        LOADED.detector = seen_as(detector, options.tiles, options.field_deg)
        LOADED.options = options
    return _detect_one(job, LOADED.detector, fps, width, lambda _: None)


def _why_short(job: DetectionJob, end: float) -> str:
    end += job.recording.video_offset
    if end >= job.recording.duration - MISSING_END_S:
        return ""
    return (
        f"{job.recording.name}: the video ends after {end:.1f} s, the audio after {job.recording.duration:.1f} s; used "
        "as far as it goes"
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
