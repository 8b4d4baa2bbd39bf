"""Scores of energy maps (DCASE2026): ours, first and again, beside the official rules written plainly."""

import json
import os
import shutil
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.optimize import linear_sum_assignment
from scipy.spatial import Delaunay

from avseld.benchmarking.machine import alone
from avseld.benchmarking.shards import resident_mb
from avseld.io.energy_maps import EnergyMap, read_energy_maps, write_energy_maps
from avseld.metrics.imaging import MapPairs, match_files, scores_of
from avseld.metrics.imaging.thinning import thin

N_CLASSES = 13
FRAMES_A_SECOND = 10
SHORT_S, N_SHORT = 5.0, 4
"""recordings that are scored plainly, too"""
LONG_S = 60.0
N_PARTS = 4
"""times at which the memory of a long scoring is read"""
RADIUS_DEG = 18
"""of a map: a thousand pixels, as those of the labels"""
SOUNDS_A_FRAME = 1.6
CASES = ("first", "new", "other_confidences", "same")
LARGEST_DIFFERENCE = 1e-6
"""between ours and plain scores: single and double precision"""


def bench_imaging(hours: float) -> dict[str, Any]:
    """Time the scores of generated maps.

    Args:
        hours: of recordings of a minute in which the memory is watched.

    Returns:
        For full and for thinned predictions, `ratio` of the time as plainly written to ours: `first`, `new` predictions
        with the references kept, the same maps with `other_confidences`, and the `same` files again. `ours` and
        `published` are recordings of five seconds a second of processor time of new full ones, and `ratio` theirs;
        `difference` of the scores; `memory_mb` at the quarters of `hours`, and `peak_mb` of both.
    """
    with TemporaryDirectory() as folder:
        root = Path(folder)
        made = [_made(root / "short", f"mix{number}", SHORT_S, number) for number in range(N_SHORT)]
        full, thinned = ([pair[which] for pair in made] for which in (0, 1))
        results = {
            name: alone(_ours, pairs, root / name) for name, pairs in (("full", full), ("thinned", thinned))
        }
        plain = {name: alone(_plainly, pairs) for name, pairs in (("full", full), ("thinned", thinned))}
        count = max(round(60 * hours), N_PARTS)
        _, long = _made(root / "long", "minute", LONG_S, N_SHORT)
        watched = alone(_watched, _linked(root / "long", long, count), root / "long_cache")
    ratios = {
        name: {case: round(plain[name]["plain_s"] / results[name][f"{case}_s"], 2) for case in CASES}
        for name in results
    }
    return {
        "ours": N_SHORT / results["full"]["new_s"],
        "published": N_SHORT / plain["full"]["plain_s"],
        "ratio": ratios["full"]["new"],
        "unit": "recordings of 5 s a second of processor time",
        "ratios": ratios,
        "difference": max(abs(plain[name]["score"] - results[name]["score"]) for name in results),
        "recordings": count,
        "memory_mb": watched["memory_mb"],
        "peak_mb": {"ours": round(results["full"]["peak_mb"]), "published": round(plain["full"]["peak_mb"])},
    }


Pair = tuple[Path, Path]
"""files of references and of predictions"""


def _made(folder: Path, name: str, seconds: float, seed: int) -> tuple[Pair, Pair]:
    """Write labels of random sounds, predictions near them, and the same predictions thinned."""
    random = np.random.default_rng(seed)
    references, predictions = [], []
    for frame in range(round(seconds * FRAMES_A_SECOND)):
        for instance in range(random.poisson(SOUNDS_A_FRAME)):
            label, x, y = (int(random.integers(*limits)) for limits in ((0, N_CLASSES), (0, 360), (20, 160)))
            references.append(EnergyMap(frame, label, instance, (_disc(x, y, random),)))
            moved = _disc(x + int(random.integers(-8, 9)), y + int(random.integers(-8, 9)), random)
            predictions.append(EnergyMap(frame, label, instance, (moved,), score=float(random.random())))
    paths = [folder / side / f"{name}.json" for side in ("labels", "predictions", "thinned")]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    for path, maps in zip(paths, (references, predictions, [thin(one) for one in predictions]), strict=True):
        write_energy_maps(path, maps)
    return (paths[0], paths[1]), (paths[0], paths[2])


def _disc(x: int, y: int, random: np.random.Generator) -> np.ndarray:
    """Make the points of a map: a Gaussian with some noise on the pixels of a circle."""
    across, down = np.meshgrid(*[np.arange(-RADIUS_DEG, RADIUS_DEG + 1)] * 2)
    distance = np.hypot(across, down)
    inside = (distance <= RADIUS_DEG) & (y + down >= 0) & (y + down < 180)
    energy = np.exp(-((distance[inside] / 10) ** 2) / 2) * random.uniform(0.8, 1, inside.sum())
    return np.stack([(x + across[inside]) % 360, y + down[inside], energy], axis=1)


def _ours(pairs: list[Pair], cache: Path) -> dict[str, Any]:
    """Score with an empty cache, with the references in it, the same maps ranked otherwise, and the same files."""
    os.environ["XDG_CACHE_HOME"] = str(cache)
    ranked = [(reference, _ranked_otherwise(prediction, cache)) for reference, prediction in pairs]
    seconds, score = {}, 0.0
    for name, own in zip(CASES, (pairs, pairs, ranked, pairs), strict=True):
        if name == "new":
            shutil.rmtree(cache / "avseld" / "energy_maps" / "predictions")
        begin = time.process_time()
        scores = scores_of(match_files(_as_pairs(own)))
        seconds[f"{name}_s"] = time.process_time() - begin
        score = scores.macro_precision if own is pairs else score
    return {**seconds, "score": score}


def _ranked_otherwise(path: Path, folder: Path) -> Path:
    """Write the same maps with other confidences, as a threshold or a calibration changes them."""
    maps = read_energy_maps(path, True)
    other = folder / "ranked" / path.name
    write_energy_maps(other, [replace(one, score=one.score**2) for one in maps])
    return other


def _as_pairs(pairs: list[Pair]) -> MapPairs:
    references = {f"{place:05d}": reference for place, (reference, _) in enumerate(pairs)}
    return MapPairs(references, {f"{place:05d}": prediction for place, (_, prediction) in enumerate(pairs)})


def _linked(folder: Path, pair: Pair, count: int) -> list[Pair]:
    """Link a recording many times under other names."""
    pairs = []
    for number in range(count):
        links = tuple(folder / f"{side}{number}.json" for side in ("labels", "predictions"))
        for old, new in zip(pair, links, strict=True):
            os.link(old, new)
        pairs.append(links)
    return pairs  # type: ignore[return-value]


def _watched(pairs: list[Pair], cache: Path) -> dict[str, Any]:
    """Score recording after recording and read the memory at the quarters."""
    os.environ["XDG_CACHE_HOME"] = str(cache)
    memory = []
    for part in range(N_PARTS):
        own = pairs[len(pairs) * part // N_PARTS : len(pairs) * (part + 1) // N_PARTS]
        scores_of(match_files(_as_pairs(own)))
        memory.append(round(resident_mb()))
    return {"memory_mb": memory}


def _plainly(pairs: list[Pair]) -> dict[str, Any]:
    """Score as the rules say, each picture drawn whole: docs/sources.md, DCASE2026."""
    begin = time.process_time()
    rows: list[tuple[int, float, float]] = []
    n_references = np.zeros(N_CLASSES, int)
    for reference, prediction in pairs:
        cells: dict[tuple[int, int], tuple[list, list]] = defaultdict(lambda: ([], []))
        for side, path in enumerate((reference, prediction)):
            for one in json.loads(path.read_text())["annotations"]:
                drawn = _draw_plainly(one["segmentation"])
                cells[one["metadata_frame_index"], one["category_id"]][side].append((drawn, one.get("score")))
        for (_, label), (annotated, predicted) in cells.items():
            n_references[label] += len(annotated)
            overlaps = np.array([[_overlap(r, p) for p, _ in predicted] for r, _ in annotated])
            found = dict(zip(*linear_sum_assignment(overlaps.T, True), strict=True)) if overlaps.size else {}
            for place, (_, score) in enumerate(predicted):
                rows.append((label, score, overlaps[found[place], place] if place in found else -1.0))
    score = np.mean(
        [_precision_plainly(rows, label, n) for label, n in enumerate(n_references.tolist()) if n]
    )
    return {"plain_s": time.process_time() - begin, "score": float(score)}


def _draw_plainly(segmentation: list) -> np.ndarray:
    picture = np.zeros((50, 100))
    for points in map(np.array, segmentation):
        x = points[:, 0].astype(np.float32) * np.float32(100 / 360)
        y = points[:, 1].astype(np.float32) * np.float32(50 / 180)
        ordered = np.sort(x)
        gap = int(np.argmax(np.diff(ordered)))
        if ordered[gap + 1] - ordered[gap] > 50:
            x = np.where(x <= ordered[gap], x + np.float32(100), x)
        across, down = np.meshgrid(np.arange(200), np.arange(50))
        triangles = Delaunay(np.stack([x, y], axis=1).astype(float))
        drawn = LinearNDInterpolator(triangles, points[:, 2].astype(np.float32), 0.0)(across, down)
        picture = np.maximum(picture, np.maximum(drawn[:, :100], drawn[:, 100:]))
    return picture / picture.max()


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())


def _precision_plainly(rows: list[tuple[int, float, float]], label: int, n_references: int) -> float:
    ordered = sorted((row for row in rows if row[0] == label), key=lambda row: -row[1])
    values = []
    for least in (0.25, 0.5, 0.75):
        hits = np.cumsum([row[2] >= least for row in ordered])
        precision, recall = hits / np.arange(1, len(hits) + 1), hits / n_references
        reached = [precision[recall >= step - 1e-12] for step in np.linspace(0, 1, 101)]
        values.append(np.mean([part.max() if len(part) else 0.0 for part in reached]))
    return float(np.mean(values))
