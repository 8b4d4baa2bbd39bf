"""Time to score, from files and with the jackknife: ours and the published way.

The published way is that of the official scorer of 2022 and 2023 (sharathadavanne/seld-dcase2023 @ 24d14c9,
`SELD_evaluation_metrics.py`), written anew: a dictionary per file filled line by line, dictionaries of segments, loops
over segments, classes and frames with the Hungarian method in each, and for the jackknife all of it again for each
recording that is left out.
"""

import math
import tempfile
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from avseld.benchmarking.machine import alone
from avseld.io.dcase_csv import write_dcase
from avseld.io.events import Events
from avseld.metrics import RULES, score, scores_from_counts
from avseld.metrics.api import count_pairs
from avseld.metrics.seld import ScoringOptions

Rows = dict[int, list[list[float]]]
"""label frame -> class, azimuth, elevation of each event; degrees"""
YEAR = 2023
N_FILES = 54
"""recordings written to files, as many as a test set of STARSS22"""
N_GENERATED = 10_000
"""recordings scored from memory"""
N_LEFT_OUT = 4
"""recordings of the published jackknife that are timed; the time of the others is extrapolated from them"""


def bench_metrics(
    reference: Path | None = None, prediction: Path | None = None, generated: int = N_GENERATED
) -> dict[str, Any]:
    """Time scoring, ours and the published way, on the same files.

    Args:
        reference: folder of references of 2022 or 2023; 54 generated recordings of three minutes if None.
        prediction: folder of predictions.
        generated: recordings of the large set, scored from memory.

    Returns:
        Seconds: `ours` and `published` from files to scores, `ratio`, `unit`; `jackknife`, the same for the jackknife;
        `many`, counting and jackknife of the large set and its memory in MB; `difference`, the largest between the
        scores of both; `peak_mb`, peak memory of both.
    """
    with tempfile.TemporaryDirectory() as folder:
        if reference is None or prediction is None:
            reference, prediction = _write_files(Path(folder))
        n_files = len(list(reference.rglob("*.csv")))
        ours, theirs = alone(_ours, reference, prediction), alone(_published, reference, prediction)
    difference = max(abs(ours["scores"][name] - value) for name, value in theirs["scores"].items())
    return {
        "ours": ours["seconds"],
        "published": theirs["seconds"],
        "ratio": theirs["seconds"] / ours["seconds"],
        "unit": "s",
        "recordings": n_files,
        "difference": difference,
        "jackknife": {
            "ours": max(0.0, ours["with_jackknife"] - ours["seconds"]),
            "published": theirs["left_out"] * n_files,
            "published_is_extrapolated_from": N_LEFT_OUT,
        },
        "many": _many(generated),
        "peak_mb": {"ours": ours["peak_mb"], "published": theirs["peak_mb"]},
    }


def _ours(reference: Path, prediction: Path) -> dict[str, Any]:
    """Time our scoring."""
    seconds, result = _timed(lambda: score(reference, prediction, YEAR))
    with_jackknife, _ = _timed(lambda: score(reference, prediction, YEAR, jackknife=True))
    return {
        "seconds": seconds,
        "with_jackknife": with_jackknife,
        "scores": {name: result[name] for name in ("ER", "F", "LE", "LR", "seld_score")},
    }


def _published(reference: Path, prediction: Path) -> dict[str, Any]:
    """Time the published scoring."""
    seconds, (values, parsed) = _timed(lambda: published_score(reference, prediction), repeats=1)
    left_out, _ = _timed(
        lambda: [published_values(parsed[:i] + parsed[i + 1 :]) for i in range(N_LEFT_OUT)], repeats=1
    )
    return {"seconds": seconds, "scores": values, "left_out": left_out / N_LEFT_OUT}


def _timed(work: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Measure the seconds of the fastest of some repetitions; return them and the result."""
    best, result = math.inf, None
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    return best, result


def _many(n_recordings: int) -> dict[str, float]:
    """Measure seconds of counting and of the jackknife, and its peak memory, over generated recordings."""
    options = ScoringOptions(RULES[YEAR].n_classes)
    start = time.perf_counter()
    counts = count_pairs(scenes(n_recordings), RULES[YEAR], options)
    counted = time.perf_counter() - start
    start = time.perf_counter()
    for _ in scenes(n_recordings):
        pass
    generating = time.perf_counter() - start
    jackknife, _ = _timed(lambda: scores_from_counts(counts, "macro", YEAR, jackknife=True), repeats=1)
    tracemalloc.start()
    scores_from_counts(counts, "macro", YEAR, jackknife=True)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return {
        "recordings": n_recordings,
        "counting": counted - generating,
        "jackknife": jackknife,
        "jackknife_peak_MB": peak,
    }


def scenes(n_recordings: int, seconds: int = 60, seed: int = 0) -> Iterator[tuple[Events, Events]]:
    """Generate references and predictions with misses, substitutions and errors of direction.

    Args:
        n_recordings: recordings.
        seconds: length of each.
        seed: the same seed gives the same scenes.

    Yields:
        Reference and prediction of each recording.
    """
    generator = np.random.default_rng(seed)
    for _ in range(n_recordings):
        n_events = seconds // 4
        first = generator.integers(0, 10 * seconds - 40, n_events)
        length = generator.integers(5, 40, n_events)
        row = np.repeat(np.arange(n_events), length)
        frame = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
        label = generator.integers(0, 13, n_events)[row]
        azimuth = np.round(generator.uniform(-180, 180, n_events)[row] + (frame % 10))
        elevation = np.round(generator.uniform(-45, 45, n_events))[row]
        reference = _rows(frame, label, row, azimuth, elevation)
        detected = generator.random(len(row)) < 0.7
        substituted = np.where(generator.random(n_events) < 0.1, 1, 0)[row]
        prediction = _rows(
            frame,
            (label + substituted) % 13,
            0 * row,
            azimuth + generator.normal(0, 12, len(row)),
            0.9 * elevation,
        )
        yield reference.sorted(), prediction.select(detected).sorted()


def _rows(
    frame: np.ndarray, label: np.ndarray, source: np.ndarray, azimuth: np.ndarray, elevation: np.ndarray
) -> Events:
    """Make events of one label frame each, with azimuths wrapped."""
    azimuth = (azimuth + 180) % 360 - 180
    return Events(frame / 10, (frame + 1) / 10, label, source, azimuth, elevation, np.full(len(frame), 2.0))


def _write_files(folder: Path) -> tuple[Path, Path]:
    """Write generated recordings as DCASE csv files; return the folders of references and predictions."""
    for index, pair in enumerate(scenes(N_FILES, seconds=180, seed=1)):
        for side, events in zip(("reference", "prediction"), pair, strict=True):
            write_dcase(folder / side / f"fold4_room{index % 5}_mix{index:03d}.csv", events)
    return folder / "reference", folder / "prediction"


# ---- the published way


def published_score(reference: Path, prediction: Path) -> tuple[dict[str, float], list[tuple[Rows, Rows]]]:
    """Score as the official scorer of 2022 and 2023 does, file by file and line by line.

    Args:
        reference: folder of references.
        prediction: folder of predictions with the same file names.

    Returns:
        Macro scores by name, and the parsed files, for the jackknife.
    """
    predictions = {path.name: path for path in prediction.rglob("*.csv")}
    parsed = [(_parse(path), _parse(predictions[path.name])) for path in sorted(reference.rglob("*.csv"))]
    return published_values(parsed), parsed


def _parse(path: Path) -> Rows:
    """Read a DCASE csv file with polar or Cartesian directions."""
    frames: Rows = {}
    with path.open() as file:
        for line in file:
            words = line.strip().split(",")
            frame = int(words[0])
            values = [float(word) for word in words[3:]]
            if len(values) == 4:
                x, y, z = values[:3]
                values = [math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))]
            frames.setdefault(frame, []).append([int(words[1]), values[0], values[1]])
    return frames


def published_values(parsed: list[tuple[Rows, Rows]], n_classes: int = 13) -> dict[str, float]:
    """Compute the macro scores of parsed recordings; the jackknife calls this once for each recording left out."""
    sums = {name: np.zeros(n_classes) for name in ("tp", "far", "fp", "fn", "matched", "angle", "reference")}
    errors = 0
    for reference, prediction in parsed:
        last = max(reference) if reference else 0
        for pair in zip(_segments(reference, last), _segments(prediction, last), strict=True):
            errors += _count_segment(*pair, sums, n_classes)
    eps = np.finfo(float).eps
    rate = errors / (sums["reference"].sum() + eps)
    f_score = sums["tp"] / (eps + sums["tp"] + sums["far"] + 0.5 * (sums["fp"] + sums["fn"]))
    angle = np.where(sums["matched"] > 0, sums["angle"] / (sums["matched"] + eps), 180)
    recall = sums["matched"] / (eps + sums["matched"] + sums["fn"])
    total = np.mean([np.full(n_classes, rate), 1 - f_score, angle / 180, 1 - recall], axis=0)
    means = {"F": f_score, "LE": angle, "LR": recall, "seld_score": total}
    return {"ER": rate} | {name: float(value.mean()) for name, value in means.items()}


def _segments(frames: Rows, last: int) -> list[dict[int, dict[int, list[list[float]]]]]:
    """Split frames into segments of one second, each class -> frame of the segment -> directions."""
    segments = []
    for start in range(0, last, 10):
        segment: dict[int, dict[int, list[list[float]]]] = defaultdict(dict)
        for frame in range(start, start + 10):
            for label, *direction in frames.get(frame, []):
                segment[int(label)].setdefault(frame - start, []).append(direction)
        segments.append(dict(segment))
    return segments


def _count_segment(
    reference: dict[int, dict[int, list[list[float]]]],
    prediction: dict[int, dict[int, list[list[float]]]],
    sums: dict[str, np.ndarray],
    n_classes: int,
) -> int:
    """Add the counts of one segment to the sums; return its errors: substitutions, insertions and deletions."""
    misses = alarms = 0
    for c in range(n_classes):
        own, other = reference.get(c, {}), prediction.get(c, {})
        n, m = (max(map(len, side.values()), default=0) for side in (own, other))
        sums["reference"][c] += n
        angles = defaultdict(list)
        for frame, directions in own.items():
            if frame in other:
                for row, degrees in _assign(np.radians(directions), np.radians(other[frame])):
                    angles[row].append(degrees)
        if n and m and not angles:
            missed, extra = m, 0
        else:
            missed, extra = max(0, n - m), max(0, m - n)
        for degrees_of_source in angles.values():
            mean = sum(degrees_of_source) / len(degrees_of_source)
            sums["matched"][c] += 1
            sums["angle"][c] += mean
            sums["tp" if mean <= 20 else "far"][c] += 1
            alarms += mean > 20
        sums["fn"][c] += missed
        sums["fp"][c] += extra
        misses, alarms = misses + missed, alarms + extra
    return max(misses, alarms)


def _assign(reference: np.ndarray, prediction: np.ndarray) -> list[tuple[int, float]]:
    """Assign directions (row, azimuth and elevation), radians; return the reference's row and degrees of each pair."""
    azimuth, elevation = reference[:, None, 0], reference[:, None, 1]
    azimuth2, elevation2 = prediction[None, :, 0], prediction[None, :, 1]
    cosine = np.sin(elevation) * np.sin(elevation2)
    cosine = cosine + np.cos(elevation) * np.cos(elevation2) * np.cos(np.abs(azimuth - azimuth2))
    cost = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    rows, columns = linear_sum_assignment(cost)
    return list(zip(rows.tolist(), cost[rows, columns].tolist(), strict=True))
