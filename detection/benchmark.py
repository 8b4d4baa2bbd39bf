"""Detection: pictures a second, ours and the published way."""

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
from avseld.benchmarking.published import picture_at
from avseld.io.boxes import PERSON
from detection.backends.onnx import OnnxDetector
from detection.detect import detect
from detection.detector import load
from detection.weights import NANO, cache_folder

SECONDS, FPS, THRESHOLD = 20, 10.0, 0.10


class Look:
    """The people in one picture, as the published loader asks for them; YOLOX-Nano in place of YOLOX-tiny favours it.

    Args of the constructor:
        detector: looks.
    """

    about = "YOLOX of the given weights by ONNX Runtime, one picture a call"

    def __init__(self, detector: OnnxDetector) -> None:
        self.detector = detector

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """(height, width, 3) -> (n, 4) in 0..1."""
        (found,) = self.detector(picture[None])
        return found.box[(found.label == PERSON) & (found.score > THRESHOLD)]


def look(weights: Path | None) -> Callable[[np.ndarray], np.ndarray] | None:
    """The detector of one picture, or None without weights: a file, or YOLOX-Nano in the user's cache."""
    if weights is None:
        weights = cache_folder() / NANO.name
        if not weights.is_file():
            return None
    return Look(load("onnx", weights))  # type: ignore[arg-type]


def bench_detection(weights: Path | None = None) -> dict[str, Any]:
    """Time detection in a video of 360 x 180 at 29.97 pictures a second, 10 of which are looked at.

    Args:
        weights: YOLOX-Nano, or another ONNX file; that in the user's cache if left out.

    Returns:
        Pictures a second: `ours`, `published` (the video opened and sought for each), `ratio`; `real_time`, how many
        seconds of video a second; `floor`, what the network does with pictures at hand; peak memory of each.

    Raises:
        BadInput: no weights.
    """
    if look(weights) is None:
        raise BadInput(f"no detector weights; give --weights, or put {NANO.name} into {cache_folder()}")
    with tempfile.TemporaryDirectory() as name:
        (recording,) = write_corpus(Path(name), 1, SECONDS)
        ours = alone(ours_a_second, recording.video, weights)
        theirs = alone(published_a_second, recording.video, weights)
        floor = alone(network_a_second, weights)
    return {
        "ours": ours["rate"],
        "published": theirs["rate"],
        "ratio": ours["rate"] / theirs["rate"],
        "unit": "pictures/s",
        "real_time": ours["rate"] / FPS,
        "floor": floor["rate"],
        "peak_mb": {"ours": ours["peak_mb"], "published": theirs["peak_mb"]},
    }


def ours_a_second(video: Path, weights: Path | None) -> dict[str, Any]:
    """Decode once, in order, while the detector works."""
    keep_freed_memory()
    found = look(weights)
    assert isinstance(found, Look)
    begin = time.perf_counter()
    boxes = detect(video, found.detector, FPS)
    return {"rate": len(boxes.time) / (time.perf_counter() - begin)}


def network_a_second(weights: Path | None, pictures: int = 8) -> dict[str, Any]:
    """The detector alone on pictures of nobody: no video, no decoding."""
    keep_freed_memory()
    found = look(weights)
    assert isinstance(found, Look)
    batch = np.full((pictures, 180, 360, 3), 114, np.uint8)
    found.detector(batch)
    return {"rate": pictures / best(lambda: found.detector(batch))}


def published_a_second(video: Path, weights: Path | None, pictures: int = 60) -> dict[str, Any]:
    """Open, seek, decode and look at one picture at a time."""
    found = look(weights)
    assert found is not None
    begin = time.perf_counter()
    for number in range(pictures):
        found(picture_at(video, number * SECONDS / pictures))
    return {"rate": pictures / (time.perf_counter() - begin)}
