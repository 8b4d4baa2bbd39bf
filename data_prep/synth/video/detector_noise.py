"""Boxes as a detector would give them: missed for a while, doubled, beside their place, and some of nobody for a while.

How much of each is measured, not guessed: `scripts/measure_detector.py` renders pictures of people, lets YOLOX-Nano
look at them, compares with the exact boxes and writes detector_noise.json, which lies beside this file.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from avseld.io.boxes import PERSON, Boxes

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
    uneven: float
    """deviation of the logit of that share from person to person: some are hardly ever missed, some mostly"""
    lasts: float
    """mean length of a stretch of misses, looks"""
    doubled: float
    """share of those found that are found twice"""
    place: tuple[float, float]
    """deviation of the middle, in widths and heights of the box"""
    size: tuple[float, float]
    """deviation of the logarithm of width and height"""
    double_place: tuple[float, float]
    double_size: tuple[float, float]
    """the same of the second box of somebody, root mean square: it may be of a half of them"""
    score: tuple[float, float]
    """mean and deviation of the score of people"""
    false: float
    """boxes of nobody in a picture"""
    false_lasts: float
    """looks for which such a box stays, on average"""
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
        chance = _by_person(exact, chance)
        if self.uneven:
            odds = chance / np.maximum(1 - chance, 1e-9) * np.exp(self._bias(chance, rng))
            chance = odds / (1 + odds)
        missed = self._stretches(chance, rng)
        missed = _back(exact, missed)
        found = (
            self._moved(exact.box, rng, self.place, self.size),
            np.where(missed, 0.0, self._scores(self.score, (n, k), rng)),
        )
        again = (
            self._moved(exact.box, rng, self.double_place, self.double_size),
            np.where(
                ~missed & (rng.random((n, k)) < self.doubled), found[1] * rng.uniform(0.3, 0.9, (n, k)), 0.0
            ),
        )
        others = self._nobody(n, rng)
        box = np.concatenate([found[0], again[0], others[0]], axis=1)
        score = np.concatenate([found[1], again[1], others[1]], axis=1)
        order = np.argsort(-score, axis=1, kind="stable")[:, :PLACES]
        score = np.take_along_axis(score, order, axis=1)
        box = np.where(score[..., None] > 0, np.take_along_axis(box, order[..., None], axis=1), 0)
        label = np.where(score > 0, PERSON, -1)
        return Boxes(exact.time, box, score, label, exact.about | {"noise": "measured"})

    def _bias(self, chance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """What each person (person,) adds to the logit of being missed, so that the shares stay on average."""
        drawn = np.asarray(self.uneven * rng.standard_normal(chance.shape[1]))
        if chance.size == 0:
            return drawn
        # A spread of logits pulls shares below a half up; this undoes it (MacKay, Neural Computation 4, 1992).
        share = np.clip(chance.mean(axis=0), 1e-3, 1 - 1e-3)
        typical = np.log(share / (1 - share))
        return np.asarray(drawn + typical * (np.sqrt(1 + np.pi * self.uneven**2 / 8) - 1))

    def _nobody(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (time, place, 4) of nobody, each staying for a while, and their scores (time, place)."""
        lasts = max(self.false_lasts, 1.0)
        rows: list[list[tuple[np.ndarray, float]]] = [[] for _ in range(n)]
        reach = int(10 * lasts)  # some were there before the film began
        for begin, number in enumerate(rng.poisson(self.false / lasts, size=n + reach)):
            for _ in range(number):
                middle = rng.random(2)
                spread = np.array(self.false_size) * np.exp(0.3 * rng.standard_normal(2)) / 2
                first = begin - reach
                for row in range(max(first, 0), min(first + int(rng.geometric(1 / lasts)), n)):
                    box = self._moved(
                        np.concatenate([middle - spread, middle + spread]), rng, self.place, self.size
                    )
                    rows[row].append((box, float(self._scores(self.false_score, (1,), rng)[0])))
        m = max([1, *map(len, rows)])
        box, score = np.zeros((n, m, 4)), np.zeros((n, m))
        for row, those in enumerate(rows):
            for place, (one, sure) in enumerate(those):
                box[row, place], score[row, place] = one, sure
        return box, score

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

    @staticmethod
    def _moved(
        box: np.ndarray, rng: np.random.Generator, place: tuple[float, float], size: tuple[float, float]
    ) -> np.ndarray:
        middle, spread = (box[..., :2] + box[..., 2:]) / 2, (box[..., 2:] - box[..., :2]) / 2
        middle = middle + 2 * spread * np.array(place) * rng.standard_normal(middle.shape)
        spread = spread * np.exp(np.array(size) * rng.standard_normal(spread.shape))
        return np.concatenate([middle - spread, middle + spread], axis=-1)

    @staticmethod
    def _scores(moments: tuple[float, float], shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """Scores between 0 and 1 of a mean and a deviation (a beta distribution)."""
        mean, deviation = moments
        count = max(mean * (1 - mean) / max(deviation, 1e-3) ** 2 - 1, 0.1)
        return np.clip(rng.beta(mean * count, (1 - mean) * count, shape), 0.02, 0.99)


@lru_cache
def measured() -> DetectorNoise:
    """The noise of YOLOX-Nano."""
    return DetectorNoise.from_dict(json.loads(MEASURED.read_text(encoding="utf-8")))


def places_of_people(exact: Boxes) -> np.ndarray:
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
    return np.take_along_axis(value, places_of_people(exact), axis=1)


def _back(exact: Boxes, value: np.ndarray) -> np.ndarray:
    there = np.empty_like(value)
    np.put_along_axis(there, places_of_people(exact), value, axis=1)
    return there
