"""Measures what a detector does to people in rendered films, and writes the numbers that the generator uses.

    python scripts/measure_detector.py IMAGES WEIGHTS OUT.json [--recordings N] [--width W] [--tiles N]

IMAGES is a folder of pictures of people (femaleSpeech, maleSpeech, ...), WEIGHTS a YOLOX in ONNX.
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
from data_prep.synth.video.detector_noise import places_of_people
from detection.detect import in_tiles
from detection.detector import Detector, load

FPS, THRESHOLD, BINS = 10.0, 0.10, (0.2, 0.3, 0.4, 0.55)
OVERLAP, WITHIN = 0.3, 0.6
"""a box is somebody's that shares so much with theirs, or lies so much within it (half of them, or a head)"""
PRESETS, SECONDS = ("easy", "crowded"), 10.0
RARE = 0.02
"""least share of misses, and of hits, that a person is said to have, so that its logit is finite"""


def shares(one: np.ndarray, two: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What boxes (n, 4) and (m, 4) share, across the picture's seam: of their union and of the second, each (n, m)."""
    best, within = np.zeros((len(one), len(two))), np.zeros((len(one), len(two)))
    for shift in (-1.0, 0.0, 1.0):
        moved = two + np.array([shift, 0, shift, 0])
        low = np.maximum(one[:, None, :2], moved[None, :, :2])
        high = np.minimum(one[:, None, 2:], moved[None, :, 2:])
        common = np.clip(high - low, 0, None).prod(axis=-1)
        other = (moved[:, 2:] - moved[:, :2]).prod(axis=-1)
        area = (one[:, 2:] - one[:, :2]).prod(axis=-1)[:, None] + other
        best = np.maximum(best, common / np.maximum(area - common, 1e-9))
        within = np.maximum(within, common / np.maximum(other, 1e-9))
    return best, within


@dataclass(eq=False)
class Tally:
    """What was seen so far."""

    pictures: int = 0
    height: list[float] = field(default_factory=list)
    missed: list[bool] = field(default_factory=list)
    person: list[int] = field(default_factory=list)
    """of every look at somebody: how tall, whether missed, who"""
    stretches: list[int] = field(default_factory=list)
    """lengths of the stretches of misses that begin and end within a film"""
    doubled: list[bool] = field(default_factory=list)
    place: list[np.ndarray] = field(default_factory=list)
    size: list[np.ndarray] = field(default_factory=list)
    double_place: list[np.ndarray] = field(default_factory=list)
    double_size: list[np.ndarray] = field(default_factory=list)
    """of the best box of somebody and of the others: how far from the exact one, in its widths and heights"""
    score: list[float] = field(default_factory=list)
    nobody: list[np.ndarray] = field(default_factory=list)
    """score, width and height of boxes of nobody"""
    stayed: list[bool] = field(default_factory=list)
    """whether such a box was there a look before"""

    def film(self, video: Path, detector: Detector) -> None:
        """Look at a film and compare with its exact boxes."""
        exact = read_boxes(Path(str(video).replace("video_dev", "boxes_dev")).with_suffix(".npz"))
        seen = [found for _, part in sample_frames(video, FPS, detector.size) for found in detector(part)]
        order = places_of_people(exact)
        history, before = [], np.zeros((0, 4))
        first = 1 + max(self.person, default=-1)
        for row, found in zip(range(len(exact.time)), seen, strict=False):
            self.pictures += 1
            chosen = (found.label == PERSON) & (found.score > THRESHOLD)
            truth, guess, sure = exact.box[row][order[row]], found.box[chosen], found.score[chosen]
            shared, within = shares(truth, guess)
            owner = (shared + within).argmax(axis=0) if len(truth) else np.zeros(len(guess), int)
            owned = (shared.max(axis=0, initial=0) >= OVERLAP) | (within.max(axis=0, initial=0) >= WITHIN)
            history.append(
                [
                    self.look(first + n, truth[n], guess[owned & (owner == n)], sure[owned & (owner == n)])
                    for n in range(len(truth))
                ]
            )
            alone = guess[~owned]
            extent = alone[:, 2:] - alone[:, :2]
            self.nobody += list(np.concatenate([sure[~owned][:, None], extent], axis=1))
            self.stayed += (shares(alone, before)[0].max(axis=1, initial=0) >= OVERLAP).tolist()
            before = alone
        for column in np.array(history).T:
            edges = np.flatnonzero(np.diff(column.astype(int)))
            starts = [edge for edge in edges if column[edge + 1]]
            self.stretches += [int(min(edges[edges > s]) - s) for s in starts if (edges > s).any()]

    def look(self, who: int, truth: np.ndarray, guess: np.ndarray, sure: np.ndarray) -> bool:
        """Note the boxes of a person in one picture; whether there are none."""
        self.person.append(who)
        self.height.append(truth[3] - truth[1])
        self.missed.append(len(guess) == 0)
        if not len(guess):
            return True
        self.doubled.append(len(guess) > 1)
        best = np.argmax(sure)
        self.score.append(sure[best])
        extent = truth[2:] - truth[:2]
        for number, box in enumerate(guess):
            off = (box[:2] + box[2:]) / 2 - (truth[:2] + truth[2:]) / 2
            off[0] = (off[0] + 0.5) % 1.0 - 0.5
            larger = np.log(np.maximum(box[2:] - box[:2], 1e-4) / extent)
            place, size = (self.place, self.size) if number == best else (self.double_place, self.double_size)
            place.append(off / extent)
            size.append(larger)
        return False

    def told(self) -> dict:
        """The numbers."""
        missed, bin_of = np.array(self.missed), np.searchsorted(BINS, self.height)
        bins = range(len(BINS) + 1)
        share = np.array([missed[bin_of == b].mean() if (bin_of == b).any() else missed.mean() for b in bins])
        people = np.array(self.person)
        logits = [
            _logit(missed[people == who].mean()) - _logit(share[bin_of[people == who]].mean())
            for who in np.unique(people)
        ]
        nobody = np.array(self.nobody).reshape(-1, 3)
        return {
            "height": list(BINS),
            "missed": _rounded(share),
            "people": [int((bin_of == b).sum()) for b in bins],
            "uneven": _rounded(np.std(logits)),
            "lasts": _rounded(np.mean(self.stretches) if self.stretches else 1.0),
            "doubled": _rounded(np.mean(self.doubled)),
            "place": _rounded(_spread(np.array(self.place))),
            "size": _rounded(_spread(np.array(self.size))),
            "double_place": _rounded(_spread(np.array(self.double_place).reshape(-1, 2))),
            "double_size": _rounded(_spread(np.array(self.double_size).reshape(-1, 2))),
            "score": _rounded([np.mean(self.score), np.std(self.score)]),
            "false": _rounded(len(nobody) / self.pictures),
            "false_lasts": _rounded(1 / max(1 - np.mean(self.stayed), 0.01) if self.stayed else 1.0),
            "false_score": _rounded(
                [nobody[:, 0].mean(), nobody[:, 0].std()] if len(nobody) else [0.15, 0.05]
            ),
            "false_size": _rounded(nobody[:, 1:].mean(axis=0) if len(nobody) else [0.05, 0.2]),
        }


def measure(images: Path, weights: Path, recordings: int, width: int, tiles: int) -> dict:
    """Render, look, compare."""
    detector = in_tiles(load("onnx", weights), tiles)
    tally = Tally()
    for number, preset in enumerate(PRESETS):
        with tempfile.TemporaryDirectory() as name:
            synth(
                Path(name) / "raw", recordings=recordings, seconds=SECONDS, preset=preset, images=images,
                width=width, fps=FPS, seed=900 + number,
            )  # fmt: skip
            for video in sorted((Path(name) / "raw" / "video_dev").rglob("*.mp4")):
                tally.film(video, detector)
    rendered = f"{tally.pictures} rendered pictures of {width} x {width // 2}, presets {', '.join(PRESETS)}"
    pieces = "" if tiles == 1 else f", in {tiles} tiles"
    return {"about": f"{weights.name} on {rendered}{pieces}", **tally.told()}


def _logit(share: float) -> float:
    share = RARE + (1 - 2 * RARE) * share
    return float(np.log(share / (1 - share)))


def _rounded(value: object) -> object:
    return np.round(np.asarray(value, float), 3).tolist()


def _spread(value: np.ndarray) -> np.ndarray:
    """Root mean square without the outermost percent on either side, which are boxes of somebody else."""
    if not len(value):
        return np.zeros(2)
    low, high = np.quantile(value, [0.01, 0.99], axis=0)
    return np.sqrt(np.square(np.clip(value, low, high)).mean(axis=0))


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--recordings", type=int, default=6)
    parser.add_argument("--width", type=int, default=1920)
    parser.add_argument("--tiles", type=int, default=4)
    words = parser.parse_args()
    result = measure(words.images, words.weights, words.recordings, words.width, words.tiles)
    words.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
