"""Measures the errors of a person detector on rendered videos, for the simulated detections of `avseld-prep synth`.

    python scripts/measure_detector.py IMAGES WEIGHTS OUT.json [--recordings N] [--width W] [--tiles N]

IMAGES is a folder of images of people (femaleSpeech, maleSpeech, ...), WEIGHTS a YOLOX model in ONNX. OUT.json is
read by `data_prep.synth.video.detector_noise.DetectorNoise`.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avseld.io.boxes import PERSON, read_boxes
from avseld.io.video import sample_frames
from data_prep.synth.corpus import synth
from data_prep.synth.video.detector_noise import person_columns
from detection.detect import in_tiles
from detection.detector import Detector, load

FPS = 10.0
"""frames per second, as in boxes files"""
MIN_SCORE = 0.10
"""detections of lower scores are dropped"""
HEIGHT_EDGES = (0.2, 0.3, 0.4, 0.55)
"""edges of the height bins, as shares of the frame height"""
MIN_IOU = 0.3
"""a detection belongs to a person from this intersection over union with the exact box ..."""
MIN_INSIDE = 0.6
"""... or from this share of its area inside the exact box (half a person, a head)"""
PRESETS = ("easy", "crowded")
SECONDS = 10.0
"""duration of a recording"""
MIN_RATE = 0.02
"""miss rates of single persons are mapped to MIN_RATE..1 - MIN_RATE, so that their logits are finite"""
SEED = 900
"""seed of the first corpus"""


def overlaps(exact: np.ndarray, detected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute overlaps of boxes (n, 4) and (m, 4) across the seam of the frame.

    Returns:
        Intersection over union, and intersection over the area of the second box; each (n, m).
    """
    iou, inside = np.zeros((len(exact), len(detected))), np.zeros((len(exact), len(detected)))
    for shift in (-1.0, 0.0, 1.0):
        moved = detected + np.array([shift, 0, shift, 0])
        low = np.maximum(exact[:, None, :2], moved[None, :, :2])
        high = np.minimum(exact[:, None, 2:], moved[None, :, 2:])
        common = np.clip(high - low, 0, None).prod(axis=-1)
        area = (moved[:, 2:] - moved[:, :2]).prod(axis=-1)
        both = (exact[:, 2:] - exact[:, :2]).prod(axis=-1)[:, None] + area
        iou = np.maximum(iou, common / np.maximum(both - common, 1e-9))
        inside = np.maximum(inside, common / np.maximum(area, 1e-9))
    return iou, inside


@dataclass(eq=False)
class DetectorStatistics:
    """Errors of a detector, collected over videos. Displacements are in widths and heights of the exact box."""

    n_frames: int = 0
    height: list[float] = field(default_factory=list)
    """of every exact box, share of the frame height"""
    missed: list[bool] = field(default_factory=list)
    """of every exact box"""
    person: list[int] = field(default_factory=list)
    """number of the person of every exact box"""
    miss_frames: list[int] = field(default_factory=list)
    """lengths of the runs of misses that begin and end within a video"""
    duplicated: list[bool] = field(default_factory=list)
    """of every detected person and frame"""
    centre: list[np.ndarray] = field(default_factory=list)
    """displacement of the best box"""
    log_size: list[np.ndarray] = field(default_factory=list)
    """logarithm of width and height of the best box relative to the exact one"""
    duplicate_centre: list[np.ndarray] = field(default_factory=list)
    duplicate_log_size: list[np.ndarray] = field(default_factory=list)
    """the same for the other boxes of a person"""
    score: list[float] = field(default_factory=list)
    """of the best box"""
    false: list[np.ndarray] = field(default_factory=list)
    """score, width and height of every false box"""
    false_stayed: list[bool] = field(default_factory=list)
    """whether a false box was there in the frame before"""

    def add_video(self, video: Path, detector: Detector) -> None:
        """Run a detector on a video and compare with its exact boxes."""
        exact = read_boxes(Path(str(video).replace("video_dev", "boxes_dev")).with_suffix(".npz"))
        detections = [
            found for _, batch in sample_frames(video, FPS, detector.size) for found in detector(batch)
        ]
        columns = person_columns(exact)
        history, false_before = [], np.zeros((0, 4))
        first = 1 + max(self.person, default=-1)
        for row, found in zip(range(len(exact.time)), detections, strict=False):
            self.n_frames += 1
            chosen = (found.label == PERSON) & (found.score > MIN_SCORE)
            reference, box, score = exact.box[row][columns[row]], found.box[chosen], found.score[chosen]
            iou, inside = overlaps(reference, box)
            owner = (iou + inside).argmax(axis=0) if len(reference) else np.zeros(len(box), int)
            owned = (iou.max(axis=0, initial=0) >= MIN_IOU) | (inside.max(axis=0, initial=0) >= MIN_INSIDE)
            history.append(
                [
                    self._add_person(first + n, each, box[owned & (owner == n)], score[owned & (owner == n)])
                    for n, each in enumerate(reference)
                ]
            )
            false = box[~owned]
            self.false += list(np.concatenate([score[~owned][:, None], false[:, 2:] - false[:, :2]], axis=1))
            self.false_stayed += (overlaps(false, false_before)[0].max(axis=1, initial=0) >= MIN_IOU).tolist()
            false_before = false
        for missed in np.array(history).T:
            edges = np.flatnonzero(np.diff(missed.astype(int)))
            starts = [edge for edge in edges if missed[edge + 1]]
            self.miss_frames += [int(min(edges[edges > s]) - s) for s in starts if (edges > s).any()]

    def _add_person(self, person: int, reference: np.ndarray, box: np.ndarray, score: np.ndarray) -> bool:
        """Add the boxes (n, 4) of a person in one frame; return whether there are none."""
        self.person.append(person)
        self.height.append(reference[3] - reference[1])
        self.missed.append(len(box) == 0)
        if not len(box):
            return True
        self.duplicated.append(len(box) > 1)
        best = np.argmax(score)
        self.score.append(score[best])
        size = reference[2:] - reference[:2]
        for number, each in enumerate(box):
            offset = (each[:2] + each[2:]) / 2 - (reference[:2] + reference[2:]) / 2
            offset[0] = (offset[0] + 0.5) % 1.0 - 0.5
            is_best = number == best
            (self.centre if is_best else self.duplicate_centre).append(offset / size)
            log_size = np.log(np.maximum(each[2:] - each[:2], 1e-4) / size)
            (self.log_size if is_best else self.duplicate_log_size).append(log_size)
        return False

    def summarize(self) -> dict:
        """Compute the fields of `DetectorNoise`, and n_boxes, the number of exact boxes per height bin."""
        missed, bin_of = np.array(self.missed), np.searchsorted(HEIGHT_EDGES, self.height)
        bins = range(len(HEIGHT_EDGES) + 1)
        rate = np.array([missed[bin_of == b].mean() if (bin_of == b).any() else missed.mean() for b in bins])
        person = np.array(self.person)
        logits = [
            _logit(missed[person == each].mean()) - _logit(rate[bin_of[person == each]].mean())
            for each in np.unique(person)
        ]
        false = np.array(self.false).reshape(-1, 3)
        return {
            "height_edges": list(HEIGHT_EDGES),
            "miss_rate": _rounded(rate),
            "n_boxes": [int((bin_of == b).sum()) for b in bins],
            "miss_logit_std": _rounded(np.std(logits)),
            "miss_frames": _rounded(np.mean(self.miss_frames) if self.miss_frames else 1.0),
            "duplicate_rate": _rounded(np.mean(self.duplicated)),
            "centre_std": _rounded(_rms(np.array(self.centre))),
            "log_size_std": _rounded(_rms(np.array(self.log_size))),
            "duplicate_centre_rms": _rounded(_rms(np.array(self.duplicate_centre).reshape(-1, 2))),
            "duplicate_log_size_rms": _rounded(_rms(np.array(self.duplicate_log_size).reshape(-1, 2))),
            "score": _rounded([np.mean(self.score), np.std(self.score)]),
            "false_per_frame": _rounded(len(false) / self.n_frames),
            "false_frames": _rounded(
                1 / max(1 - np.mean(self.false_stayed), 0.01) if self.false_stayed else 1.0
            ),
            "false_score": _rounded([false[:, 0].mean(), false[:, 0].std()] if len(false) else [0.15, 0.05]),
            "false_size": _rounded(false[:, 1:].mean(axis=0) if len(false) else [0.05, 0.2]),
        }


def measure(images: Path, weights: Path, recordings: int, width: int, tiles: int) -> dict:
    """Render corpora, run the detector and summarize its errors.

    Args:
        images: folder of images of people.
        weights: YOLOX model in ONNX.
        recordings: number of recordings per preset.
        width: columns of the video.
        tiles: tiles into which the detector splits a frame.
    """
    detector = in_tiles(load("onnx", weights), tiles)
    statistics = DetectorStatistics()
    for number, preset in enumerate(PRESETS):
        with tempfile.TemporaryDirectory() as name:
            synth(
                Path(name) / "raw", recordings=recordings, seconds=SECONDS, preset=preset, images=images,
                width=width, fps=FPS, seed=SEED + number,
            )  # fmt: skip
            for video in sorted((Path(name) / "raw" / "video_dev").rglob("*.mp4")):
                statistics.add_video(video, detector)
    rendered = (
        f"{statistics.n_frames} rendered frames of {width} x {width // 2}, presets {', '.join(PRESETS)}"
    )
    in_pieces = "" if tiles == 1 else f", in {tiles} tiles"
    return {"about": f"{weights.name} on {rendered}{in_pieces}", **statistics.summarize()}


def _logit(rate: float) -> float:
    rate = MIN_RATE + (1 - 2 * MIN_RATE) * rate
    return float(np.log(rate / (1 - rate)))


def _rounded(value: object) -> object:
    return np.round(np.asarray(value, float), 3).tolist()


def _rms(value: np.ndarray) -> np.ndarray:
    """Root mean square of (n, 2), clipped to the central 98 %: outliers are boxes assigned to the wrong person."""
    if not len(value):
        return np.zeros(2)
    low, high = np.quantile(value, [0.01, 0.99], axis=0)
    return np.sqrt(np.square(np.clip(value, low, high)).mean(axis=0))


def main() -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recordings", type=int, default=6)
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--tiles", type=int, default=4)
    args = parser.parse_args()
    result = measure(args.images, args.weights, args.recordings, args.width, args.tiles)
    args.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
