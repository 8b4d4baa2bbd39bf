"""Boxes as a detector would give them: missed for a while, doubled, beside their place, and some of nobody.

How much of each is measured, not guessed: `scripts/measure_detector.py` renders pictures of people, lets YOLOX-Nano
look at them, compares with the exact boxes and writes detector_noise.json, which lies beside this file.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from avseld.boxes import PERSON, Boxes

MEASURED = Path(__file__).with_name("detector_noise.json")
PLACES = 12
"""boxes of a picture that are kept"""


@dataclass(frozen=True)
class DetectorNoise:
    """What a detector does to people of some heights."""

    height: tuple[float, ...]
    """upper edges of the bins below, shares of the picture's height; the last bin has none"""
    missed: tuple[float, ...]
    """share of people that are not found, by their height"""
    lasts: float
    """mean length of a stretch of misses, looks"""
    doubled: float
    """share of those found that are found twice"""
    place: tuple[float, float]
    """deviation of the middle, in widths and heights of the box"""
    size: tuple[float, float]
    """deviation of the logarithm of width and height"""
    score: tuple[float, float]
    """mean and deviation of the score of people"""
    false: float
    """boxes of nobody in a picture"""
    false_score: tuple[float, float]
    """mean and deviation of their score"""
    false_size: tuple[float, float]
    """their mean width and height, shares of the picture"""

    @classmethod
    def from_dict(cls, words: dict[str, Any]) -> "DetectorNoise":
        """Read what `scripts/measure_detector.py` wrote; other words are passed over."""
        known: dict[str, Any] = {name: words[name] for name in cls.__dataclass_fields__}
        for name, value in known.items():
            if isinstance(value, list):
                known[name] = tuple(value)
        return cls(**known)

    def apply(self, exact: Boxes, rng: np.random.Generator) -> Boxes:
        """Boxes of everybody, all the time, become what a detector gives.

        Args:
            exact: one box a person and time, in any order within a time.
            rng: all chance comes from it.
        """
        n, k = exact.score.shape
        tall = exact.box[..., 3] - exact.box[..., 1]
        chance = np.array(self.missed)[np.searchsorted(self.height, tall)]
        missed = self._stretches(_by_person(exact, chance), rng)
        missed = _back(exact, missed)
        found = self._moved(exact.box, rng), np.where(missed, 0.0, self._scores(self.score, (n, k), rng))
        again = (
            self._moved(exact.box, rng),
            np.where(
                ~missed & (rng.random((n, k)) < self.doubled), found[1] * rng.uniform(0.3, 0.9, (n, k)), 0.0
            ),
        )
        number = np.asarray(rng.poisson(self.false, size=(n,)))
        m = max(int(number.max(initial=0)), 1)
        nobody = np.arange(m) < number[:, None]
        middle = rng.random((n, m, 2))
        spread = np.array(self.false_size) * np.exp(0.3 * rng.standard_normal((n, m, 2))) / 2
        others = (
            np.concatenate([middle - spread, middle + spread], axis=-1),
            np.where(nobody, self._scores(self.false_score, (n, m), rng), 0.0),
        )
        box = np.concatenate([found[0], again[0], others[0]], axis=1)
        score = np.concatenate([found[1], again[1], others[1]], axis=1)
        order = np.argsort(-score, axis=1, kind="stable")[:, :PLACES]
        score = np.take_along_axis(score, order, axis=1)
        box = np.where(score[..., None] > 0, np.take_along_axis(box, order[..., None], axis=1), 0)
        label = np.where(score > 0, PERSON, -1)
        return Boxes(exact.time, box, score, label, exact.about | {"noise": "measured"})

    def _stretches(self, chance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Misses (time, person) that come in stretches and are as frequent as `chance` says."""
        missed = np.zeros(chance.shape, bool)
        end = 1 / max(self.lasts, 1.0)
        now = rng.random(chance.shape[1]) < chance[0] if len(chance) else np.zeros(0, bool)
        for row, wanted in enumerate(np.clip(chance, 0, 0.95)):
            begin = np.minimum(end * wanted / (1 - wanted), 1.0)
            draw = rng.random(len(wanted))
            now = np.where(now, draw >= end, draw < begin)
            missed[row] = now
        return missed

    def _moved(self, box: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        middle, spread = (box[..., :2] + box[..., 2:]) / 2, (box[..., 2:] - box[..., :2]) / 2
        middle = middle + 2 * spread * np.array(self.place) * rng.standard_normal(middle.shape)
        spread = spread * np.exp(np.array(self.size) * rng.standard_normal(spread.shape))
        return np.concatenate([middle - spread, middle + spread], axis=-1)

    @staticmethod
    def _scores(moments: tuple[float, float], shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """Scores between 0 and 1 of a mean and a deviation (a beta distribution)."""
        mean, deviation = moments
        count = max(mean * (1 - mean) / max(deviation, 1e-3) ** 2 - 1, 0.1)
        return np.clip(rng.beta(mean * count, (1 - mean) * count, shape), 0.02, 0.99)


@lru_cache
def measured() -> DetectorNoise:
    """The noise of YOLOX-Nano."""
    return DetectorNoise.from_dict(json.loads(MEASURED.read_text(encoding="utf-8")))


def _person(exact: Boxes) -> np.ndarray:
    """Which place of each row holds which person (time, person): the nearest to where the person was before."""
    n, k = exact.score.shape
    order: np.ndarray = np.zeros((n, k), int)
    if n == 0:
        return order
    order[0] = np.arange(k)
    middle = (exact.box[..., 0] + exact.box[..., 2]) / 2
    for row in range(1, n):
        before = middle[row - 1][order[row - 1]]
        apart = np.abs((middle[row][None] - before[:, None] + 0.5) % 1.0 - 0.5)
        left: np.ndarray = np.ones(k, bool)
        for person in range(k):
            place = int(np.argmin(np.where(left, apart[person], np.inf)))
            order[row, person], left[place] = place, False
    return order


def _by_person(exact: Boxes, value: np.ndarray) -> np.ndarray:
    return np.take_along_axis(value, _person(exact), axis=1)


def _back(exact: Boxes, value: np.ndarray) -> np.ndarray:
    there = np.empty_like(value)
    np.put_along_axis(there, _person(exact), value, axis=1)
    return there
