"""Simulated detections: exact boxes become missed, duplicated, displaced, and false boxes are added.

The statistics in detector_noise.json, beside this file, are measured: `scripts/measure_detector.py` renders videos,
runs YOLOX-Nano on them and compares with the exact boxes.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from avseld.io.boxes import PERSON, Boxes

NOISE_FILE = Path(__file__).with_name("detector_noise.json")
MAX_BOXES = 12
"""boxes kept per frame, highest scores first"""
DUPLICATE_SCORE = (0.3, 0.9)
"""score of a duplicate relative to that of the first box"""
FALSE_LOG_SIZE_STD = 0.3
"""standard deviation, between false boxes, of the logarithm of width and height"""


@dataclass(frozen=True)
class DetectorNoise:
    """Error statistics of a person detector; frames are those of the boxes file, 10 per second.

    Args:
        height_edges: upper edges of the height bins, as shares of the frame height; the last bin is open.
        miss_rate: (bin,) share of people without a box.
        miss_logit_std: standard deviation, between people, of the logit of the miss rate.
        miss_frames: mean length of a run of misses, frames.
        duplicate_rate: share of detected people with a second box.
        centre_std: standard deviation of the box centre, in box widths and heights.
        log_size_std: standard deviation of the logarithm of width and height.
        duplicate_centre_rms: root mean square displacement of the second box, in box widths and heights; it is large,
            because second boxes often cover half a person.
        duplicate_log_size_rms: root mean square of the logarithm of its width and height relative to the exact box.
        score: mean and standard deviation of the score of people.
        false_per_frame: mean number of false boxes per frame.
        false_frames: mean number of frames for which a false box stays.
        false_score: mean and standard deviation of the score of false boxes.
        false_size: mean width and height of false boxes, as shares of the frame.
    """

    height_edges: tuple[float, ...]
    miss_rate: tuple[float, ...]
    miss_logit_std: float
    miss_frames: float
    duplicate_rate: float
    centre_std: tuple[float, float]
    log_size_std: tuple[float, float]
    duplicate_centre_rms: tuple[float, float]
    duplicate_log_size_rms: tuple[float, float]
    score: tuple[float, float]
    false_per_frame: float
    false_frames: float
    false_score: tuple[float, float]
    false_size: tuple[float, float]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "DetectorNoise":
        """Create from the output of `scripts/measure_detector.py`; other keys are ignored."""
        known: dict[str, Any] = {name: values[name] for name in cls.__dataclass_fields__}
        for name, value in known.items():
            if isinstance(value, list):
                known[name] = tuple(value)
        return cls(**known)

    def apply(self, exact: Boxes, rng: np.random.Generator) -> Boxes:
        """Simulate a detector on exact boxes.

        Args:
            exact: one box per person and frame, in any order within a frame.
            rng: the only source of randomness.

        Returns:
            Boxes of the same times, highest scores first, at most `MAX_BOXES` per frame.
        """
        n, k = exact.score.shape
        height = exact.box[..., 3] - exact.box[..., 1]
        miss_rate = np.array(self.miss_rate)[np.searchsorted(self.height_edges, height)]
        miss_rate = _by_person(exact, miss_rate)
        if self.miss_logit_std:
            odds = miss_rate / np.maximum(1 - miss_rate, 1e-9) * np.exp(self._logit_offsets(miss_rate, rng))
            miss_rate = odds / (1 + odds)
        missed = _by_column(exact, self._draw_misses(miss_rate, rng))
        first_box = self._displaced(exact.box, rng, self.centre_std, self.log_size_std)
        first_score = np.where(missed, 0.0, self._draw_scores(self.score, (n, k), rng))
        second_box = self._displaced(exact.box, rng, self.duplicate_centre_rms, self.duplicate_log_size_rms)
        duplicated = ~missed & (rng.random((n, k)) < self.duplicate_rate)
        second_score = np.where(duplicated, first_score * rng.uniform(*DUPLICATE_SCORE, (n, k)), 0.0)
        false_box, false_score = self._false_boxes(n, rng)
        box = np.concatenate([first_box, second_box, false_box], axis=1)
        score = np.concatenate([first_score, second_score, false_score], axis=1)
        order = np.argsort(-score, axis=1, kind="stable")[:, :MAX_BOXES]
        score = np.take_along_axis(score, order, axis=1)
        box = np.where(score[..., None] > 0, np.take_along_axis(box, order[..., None], axis=1), 0)
        label = np.where(score > 0, PERSON, -1)
        return Boxes(exact.time, box, score, label, exact.about | {"noise": "measured"})

    def _logit_offsets(self, miss_rate: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw an offset of the logit for each person (person,), corrected so that the mean miss rate stays."""
        offset = np.asarray(self.miss_logit_std * rng.standard_normal(miss_rate.shape[1]))
        if miss_rate.size == 0:
            return offset
        # Averaged over Gaussian logits, a rate moves towards 0.5. The probit approximation of MacKay (Neural
        # Computation 4, 1992) says by which factor; scaling the mean logit up beforehand compensates for it.
        mean = np.clip(miss_rate.mean(axis=0), 1e-3, 1 - 1e-3)
        logit = np.log(mean / (1 - mean))
        return np.asarray(offset + logit * (np.sqrt(1 + np.pi * self.miss_logit_std**2 / 8) - 1))

    def _false_boxes(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw false boxes (frame, slot, 4), each staying for some frames, and their scores (frame, slot)."""
        duration = max(self.false_frames, 1.0)
        rows: list[list[tuple[np.ndarray, float]]] = [[] for _ in range(n)]
        warm_up = int(10 * duration)  # frames before the first, so that boxes are as frequent there as later
        for begin, number in enumerate(rng.poisson(self.false_per_frame / duration, size=n + warm_up)):
            for _ in range(number):
                middle = rng.random(2)
                half = np.array(self.false_size) * np.exp(FALSE_LOG_SIZE_STD * rng.standard_normal(2)) / 2
                first = begin - warm_up
                for row in range(max(first, 0), min(first + int(rng.geometric(1 / duration)), n)):
                    box = self._displaced(
                        np.concatenate([middle - half, middle + half]),
                        rng,
                        self.centre_std,
                        self.log_size_std,
                    )
                    rows[row].append((box, float(self._draw_scores(self.false_score, (1,), rng)[0])))
        n_slots = max([1, *map(len, rows)])
        box, score = np.zeros((n, n_slots, 4)), np.zeros((n, n_slots))
        for row, entries in enumerate(rows):
            for slot, (one_box, one_score) in enumerate(entries):
                box[row, slot], score[row, slot] = one_box, one_score
        return box, score

    def _draw_misses(self, miss_rate: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw misses (frame, person) in runs of mean length `miss_frames`, by a two-state Markov chain."""
        missed = np.zeros(miss_rate.shape, bool)
        end = 1 / max(self.miss_frames, 1.0)
        state = rng.random(miss_rate.shape[1]) < miss_rate[0] if len(miss_rate) else np.zeros(0, bool)
        for row, rate in enumerate(np.clip(miss_rate, 0, 0.95)):
            begin = np.minimum(end * rate / (1 - rate), 1.0)
            draw = rng.random(len(rate))
            state = np.where(state, draw >= end, draw < begin)
            missed[row] = state
        return missed

    @staticmethod
    def _displaced(
        box: np.ndarray, rng: np.random.Generator, centre: tuple[float, float], log_size: tuple[float, float]
    ) -> np.ndarray:
        middle, half = (box[..., :2] + box[..., 2:]) / 2, (box[..., 2:] - box[..., :2]) / 2
        middle = middle + 2 * half * np.array(centre) * rng.standard_normal(middle.shape)
        half = half * np.exp(np.array(log_size) * rng.standard_normal(half.shape))
        return np.concatenate([middle - half, middle + half], axis=-1)

    @staticmethod
    def _draw_scores(
        moments: tuple[float, float], shape: tuple[int, ...], rng: np.random.Generator
    ) -> np.ndarray:
        """Draw scores between 0 and 1 from the beta distribution with a mean and a standard deviation."""
        mean, deviation = moments
        count = max(mean * (1 - mean) / max(deviation, 1e-3) ** 2 - 1, 0.1)
        return np.clip(rng.beta(mean * count, (1 - mean) * count, shape), 0.02, 0.99)


@lru_cache
def yolox_nano_noise() -> DetectorNoise:
    """Read the measured statistics of YOLOX-Nano."""
    return DetectorNoise.from_dict(json.loads(NOISE_FILE.read_text(encoding="utf-8")))


def person_columns(exact: Boxes) -> np.ndarray:
    """Follow people through exact boxes, whose order within a frame may change.

    Each person takes the box nearest in azimuth to the person's box of the frame before.

    Returns:
        (frame, person) column of the person's box; people are numbered as in the first frame.
    """
    n, k = exact.score.shape
    columns: np.ndarray = np.zeros((n, k), int)
    if n == 0:
        return columns
    columns[0] = np.arange(k)
    middle = (exact.box[..., 0] + exact.box[..., 2]) / 2
    for row in range(1, n):
        before = middle[row - 1][columns[row - 1]]
        distance = np.abs((middle[row][None] - before[:, None] + 0.5) % 1.0 - 0.5)
        free: np.ndarray = np.ones(k, bool)
        for person in range(k):
            column = int(np.argmin(np.where(free, distance[person], np.inf)))
            columns[row, person], free[column] = column, False
    return columns


def _by_person(exact: Boxes, value: np.ndarray) -> np.ndarray:
    """Reorder values (frame, column) to (frame, person)."""
    return np.take_along_axis(value, person_columns(exact), axis=1)


def _by_column(exact: Boxes, value: np.ndarray) -> np.ndarray:
    """Reorder values (frame, person) to (frame, column)."""
    by_column = np.empty_like(value)
    np.put_along_axis(by_column, person_columns(exact), value, axis=1)
    return by_column
