"""Measures what a detector does to people in rendered pictures, and writes the numbers that the generator uses.

    python scripts/measure_detector.py IMAGES WEIGHTS OUT.json [--recordings N] [--width W]

IMAGES is a folder of pictures of people (femaleSpeech, maleSpeech, ...), WEIGHTS a YOLOX in ONNX.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from avseld.boxes import PERSON, read_boxes
from data_prep.synth.corpus import synth
from detection.detector import load
from detection.video import frames

FPS, THRESHOLD, OVERLAP, BINS = 10.0, 0.10, 0.3, (0.2, 0.3, 0.4, 0.55)
PRESETS = ("easy", "crowded")


def overlap(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Intersection over union (n, m) of boxes (n, 4) and (m, 4), across the picture's seam."""
    best = np.zeros((len(one), len(two)))
    for shift in (-1.0, 0.0, 1.0):
        moved = two + np.array([shift, 0, shift, 0])
        low = np.maximum(one[:, None, :2], moved[None, :, :2])
        high = np.minimum(one[:, None, 2:], moved[None, :, 2:])
        common = np.clip(high - low, 0, None).prod(axis=-1)
        area = (one[:, 2:] - one[:, :2]).prod(axis=-1)[:, None] + (moved[:, 2:] - moved[:, :2]).prod(axis=-1)
        best = np.maximum(best, common / np.maximum(area - common, 1e-9))
    return best


def measure(images: Path, weights: Path, recordings: int, width: int) -> dict:
    """Render, look, compare."""
    detector = load("onnx", weights)
    height, lost, runs, doubles, place, size, score, nobody = [], [], [], [], [], [], [], []
    pictures = 0
    for number, preset in enumerate(PRESETS):
        with tempfile.TemporaryDirectory() as name:
            synth(
                Path(name) / "raw", recordings=recordings, seconds=10.0, preset=preset, images=images, width=width,
                fps=FPS, seed=900 + number,
            )  # fmt: skip
            for video in sorted((Path(name) / "raw" / "video_dev").rglob("*.mp4")):
                exact = read_boxes(Path(str(video).replace("video_dev", "boxes_dev")).with_suffix(".npz"))
                seen = [found for _, part in frames(video, FPS, detector.size) for found in detector(part)]
                pictures += min(len(seen), len(exact.time))
                history = []
                for row, found in zip(range(len(exact.time)), seen, strict=False):
                    people = (found.label == PERSON) & (found.score > THRESHOLD)
                    truth, guess, sure = exact.box[row], found.box[people], found.score[people]
                    shared = overlap(truth, guess)
                    owner = shared.argmax(axis=0) if len(truth) else np.zeros(len(guess), int)
                    owned = shared.max(axis=0, initial=0) >= OVERLAP
                    nobody += [
                        (s, *(b[2:] - b[:2])) for s, b in zip(sure[~owned], guess[~owned], strict=True)
                    ]
                    missing = []
                    for person in range(len(truth)):
                        mine = np.flatnonzero(owned & (owner == person))
                        height.append(truth[person, 3] - truth[person, 1])
                        lost.append(len(mine) == 0)
                        missing.append(len(mine) == 0)
                        if len(mine):
                            doubles.append(len(mine) > 1)
                            first = guess[mine[np.argmax(sure[mine])]]
                            score.append(sure[mine].max())
                            extent = truth[person, 2:] - truth[person, :2]
                            off = (first[:2] + first[2:]) / 2 - (truth[person, :2] + truth[person, 2:]) / 2
                            off[0] = (off[0] + 0.5) % 1.0 - 0.5
                            place.append(off / extent)
                            size.append(np.log(np.maximum(first[2:] - first[:2], 1e-4) / extent))
                    history.append(missing)
                runs += _runs(np.array(history))
    place, size, height, lost = np.array(place), np.array(size), np.array(height), np.array(lost)
    bin_of = np.searchsorted(BINS, height)
    alone = np.array(nobody).reshape(-1, 3)
    bins = range(len(BINS) + 1)
    share = [lost[bin_of == b].mean() if (bin_of == b).any() else lost.mean() for b in bins]
    rendered = f"{pictures} rendered pictures of {width} x {width // 2}, presets {', '.join(PRESETS)}"
    return {
        "about": f"{weights.name} on {rendered}",
        "height": list(BINS),
        "missed": _rounded(share),
        "people": [int((bin_of == b).sum()) for b in bins],
        "lasts": _rounded(np.mean(runs) if runs else 1.0),
        "doubled": _rounded(np.mean(doubles)),
        "place": _rounded(_spread(place)),
        "size": _rounded(_spread(size)),
        "score": _rounded([np.mean(score), np.std(score)]),
        "false": _rounded(len(alone) / pictures),
        "false_score": _rounded([alone[:, 0].mean(), alone[:, 0].std()] if len(alone) else [0.15, 0.05]),
        "false_size": _rounded(alone[:, 1:].mean(axis=0) if len(alone) else [0.05, 0.2]),
    }


def _rounded(value: object) -> object:
    return np.round(np.asarray(value, float), 3).tolist()


def _spread(value: np.ndarray) -> np.ndarray:
    """Root mean square without the outermost percent on either side, which are boxes of somebody else."""
    low, high = np.quantile(value, [0.01, 0.99], axis=0)
    return np.sqrt(np.square(np.clip(value, low, high)).mean(axis=0))


def _runs(missing: np.ndarray) -> list[int]:
    """Lengths of the stretches of misses; people keep their places, since the pictures' largest comes first."""
    lengths = []
    for column in missing.T:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], column.astype(int), [0]])))
        lengths += (edges[1::2] - edges[::2]).tolist()
    return lengths


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
    words = parser.parse_args()
    result = measure(words.images, words.weights, words.recordings, words.width)
    words.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
