"""Benchmark of detection: frames per second, and the same for the published way."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.memory import keep_freed_memory
from avseld.benchmarking.corpus import write_corpus
from avseld.benchmarking.machine import alone, best
from avseld.benchmarking.published import video_frame_at
from avseld.io.boxes import PERSON
from detection.backends.onnx import OnnxDetector
from detection.detect import detect
from detection.detector import load
from detection.weights import NANO, cache_folder

SECONDS, FPS, MIN_SCORE = 20, 10.0, 0.10
BLANK_GREY = 114
"""grey of the frames that only the network sees; YOLOX pads with it"""


class FramePeople:
    """Detects the people in one frame, as the published loader does; YOLOX-Nano in place of YOLOX-tiny favours it.

    Args:
        detector: finds the boxes.
    """

    about = "YOLOX of the given weights by ONNX Runtime, one frame a call"

    def __init__(self, detector: OnnxDetector) -> None:
        self.detector = detector

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """(height, width, 3) -> (n, 4) in 0..1."""
        (found,) = self.detector(frame[None])
        return found.box[(found.label == PERSON) & (found.score > MIN_SCORE)]


def look(weights: Path | None) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return a detector of one frame, or None without weights.

    Args:
        weights: an ONNX file; None takes YOLOX-Nano in the user's cache.
    """
    if weights is None:
        weights = cache_folder() / NANO.name
        if not weights.is_file():
            return None
    return FramePeople(load("onnx", weights))  # type: ignore[arg-type]


def bench_detection(weights: Path | None = None) -> dict[str, Any]:
    """Measure the speed of detection in a video of 360 x 180 at 29.97 frames per second, 10 of which are processed.

    Args:
        weights: YOLOX-Nano, or another ONNX file; that in the user's cache if left out.

    Returns:
        Frames per second: `ours`, `published` (the video opened and sought for each), `ratio`; `real_time`, seconds of
        video per second; `floor`, the network alone; peak memory of each.

    Raises:
        BadInput: no weights.
    """
    if look(weights) is None:
        raise BadInput(f"no detector weights; give --weights, or put {NANO.name} into {cache_folder()}")
    with tempfile.TemporaryDirectory() as name:
        (recording,) = write_corpus(Path(name), 1, SECONDS)
        ours = alone(ours_a_second, recording.video, weights)
        published = alone(published_a_second, recording.video, weights)
        floor = alone(network_a_second, weights)
    return {
        "ours": ours["rate"],
        "published": published["rate"],
        "ratio": ours["rate"] / published["rate"],
        "unit": "frames/s",
        "real_time": ours["rate"] / FPS,
        "floor": floor["rate"],
        "peak_mb": {"ours": ours["peak_mb"], "published": published["peak_mb"]},
    }


def ours_a_second(video: Path, weights: Path | None) -> dict[str, Any]:
    """Decode once, in order, while the detector works."""
    keep_freed_memory()
    people = look(weights)
    assert isinstance(people, FramePeople)
    begin = time.perf_counter()
    boxes = detect(video, people.detector, FPS)
    return {"rate": len(boxes.time) / (time.perf_counter() - begin)}


def network_a_second(weights: Path | None, n_frames: int = 8) -> dict[str, Any]:
    """Run the detector alone on blank frames: no video, no decoding."""
    keep_freed_memory()
    people = look(weights)
    assert isinstance(people, FramePeople)
    batch = np.full((n_frames, 180, 360, 3), BLANK_GREY, np.uint8)
    people.detector(batch)
    return {"rate": n_frames / best(lambda: people.detector(batch))}


def published_a_second(video: Path, weights: Path | None, n_frames: int = 60) -> dict[str, Any]:
    """Open, seek, decode and detect one frame at a time."""
    people = look(weights)
    assert people is not None
    begin = time.perf_counter()
    for number in range(n_frames):
        people(video_frame_at(video, number * SECONDS / n_frames))
    return {"rate": n_frames / (time.perf_counter() - begin)}
