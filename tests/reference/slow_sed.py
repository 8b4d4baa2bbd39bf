"""Segment-based and event-based counts and average precision, from their definitions, slowly."""

import math
from itertools import combinations, permutations

import numpy as np

from avseld.io.events import Events

Event = tuple[float, float, int]


def rows(events: Events) -> list[Event]:
    return list(zip(events.onset.tolist(), events.offset.tolist(), events.label.tolist(), strict=True))


def segments(reference: Events, prediction: Events, n_classes: int, resolution: float) -> dict:
    """Walk over segments; an event is in all that it touches (times divided as raw doubles)."""
    truth, guess = rows(reference), rows(prediction)
    last = max([math.ceil(off * 1 / resolution) for _, off, _ in truth + guess], default=0)
    out = {name: np.zeros(n_classes) for name in ("reference", "prediction", "tp", "fp", "fn")}
    out |= {"substitutions": 0, "deletions": 0, "insertions": 0}

    def active(events: list[Event], segment: int) -> set[int]:
        return {
            c
            for on, off, c in events
            if math.floor(on * 1 / resolution) <= segment < math.ceil(off * 1 / resolution)
        }

    for segment in range(last):
        here, there = active(truth, segment), active(guess, segment)
        for name, classes in (
            ("reference", here),
            ("prediction", there),
            ("tp", here & there),
            ("fp", there - here),
            ("fn", here - there),
        ):
            for c in classes:
                out[name][c] += 1
        out["substitutions"] += min(len(here), len(there)) - len(here & there)
        out["deletions"] += max(0, len(here) - len(there))
        out["insertions"] += max(0, len(there) - len(here))
    return out


def near(truth: Event, guess: Event, collar: float = 0.2, share: float = 0.2) -> bool:
    tolerance = max(collar, share * (truth[1] - truth[0]))
    return abs(truth[0] - guess[0]) <= collar and abs(truth[1] - guess[1]) <= tolerance


def events(reference: Events, prediction: Events, n_classes: int) -> dict:
    """Try all ways to pair the events of a class; the one with the most pairs counts."""
    out = {name: np.zeros(n_classes) for name in ("reference", "prediction", "tp", "fp", "fn")}
    for c in range(n_classes):
        truth = [row for row in rows(reference) if row[2] == c]
        guess = [row for row in rows(prediction) if row[2] == c]
        edges = {(i, j) for i, t in enumerate(truth) for j, g in enumerate(guess) if near(t, g)}
        most = 0
        for size in range(min(len(truth), len(guess), len(edges)), 0, -1):
            if any(
                all(pair in edges for pair in zip(some, order, strict=True))
                for some in combinations(sorted({i for i, _ in edges}), size)
                for order in permutations(sorted({j for _, j in edges}), size)
            ):
                most = size
                break
        out["reference"][c], out["prediction"][c] = len(truth), len(guess)
        out["tp"][c], out["fn"][c], out["fp"][c] = most, len(truth) - most, len(guess) - most
    return out


def precision_area(target: np.ndarray, score: np.ndarray) -> float:
    """Lower the threshold step by step and add precision times gain of recall."""
    if not target.any():
        return 0.0
    area, before = 0.0, 0.0
    for threshold in sorted(set(score.tolist()), reverse=True):
        chosen = score >= threshold
        recall, precision = target[chosen].sum() / target.sum(), target[chosen].mean()
        area += (recall - before) * precision
        before = recall
    return float(area)
