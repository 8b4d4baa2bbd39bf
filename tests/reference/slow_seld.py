"""The definitions of DCASE 2019 to 2025, word by word and slowly: loops over frames and classes.

A scene is a list of rows (frame, class, source, azimuth, elevation, distance, onscreen) in file order.
"""

import math
from collections import defaultdict

import numpy as np
from scipy.optimize import linear_sum_assignment

Row = tuple[int, int, int, float, float, float, int]


def great_circle(a: Row, b: Row) -> float:
    az, el, az2, el2 = (value * np.pi / 180.0 for value in (a[3], a[4], b[3], b[4]))
    cosine = np.sin(el) * np.sin(el2) + np.cos(el) * np.cos(el2) * np.cos(abs(az - az2))
    return float(np.arccos(min(1.0, max(-1.0, cosine))) * 180 / np.pi)


def between_vectors(a: Row, b: Row) -> float:
    vectors = []
    for row in (a, b):
        az, el = row[3] * np.pi / 180.0, row[4] * np.pi / 180.0
        x, y, z = np.cos(az) * np.cos(el), np.sin(az) * np.cos(el), np.sin(el)
        length = np.sqrt(x**2 + y**2 + z**2 + 1e-10)
        vectors.append((x / length, y / length, z / length))
    (x, y, z), (x2, y2, z2) = vectors
    return float(np.arccos(min(1.0, max(-1.0, x * x2 + y * y2 + z * z2))) * 180 / np.pi)


def without_rounding(a: Row, b: Row) -> float:
    u, v = (
        np.array(
            [
                math.cos(math.radians(r[3])) * math.cos(math.radians(r[4])),
                math.sin(math.radians(r[3])) * math.cos(math.radians(r[4])),
                math.sin(math.radians(r[4])),
            ]
        )
        for r in (a, b)
    )
    # half angles by chords, another road than arctan of sine and cosine
    return math.degrees(2 * math.atan2(float(np.linalg.norm(u - v)), float(np.linalg.norm(u + v))))


def to_the_front(azimuth: float) -> float:
    azimuth = (azimuth + 180) % 360 - 180
    if azimuth < -90:
        return -180 - azimuth
    return 180 - azimuth if azimuth > 90 else azimuth


def left_right(a: Row, b: Row) -> float:
    return abs(to_the_front(a[3]) - to_the_front(b[3]))


def by_cell(rows: list[Row]) -> dict[tuple[int, int], list[Row]]:
    """(frame, class) -> rows in file order."""
    cells = defaultdict(list)
    for row in rows:
        cells[row[0], row[1]].append(row)
    return cells


def pairs_of(reference: list[Row], prediction: list[Row], angle) -> list[tuple[int, int, float]]:
    cost = np.array([[angle(r, p) for p in prediction] for r in reference])
    return [(i, j, cost[i, j]) for i, j in zip(*linear_sum_assignment(cost), strict=True)]


def nothing(n_classes: int) -> dict[str, np.ndarray]:
    names = ("reference", "prediction", "tp", "far", "fp", "fn", "matched")
    sums = ("angle", "distance", "relative", "onscreen")
    out = {name: np.zeros(n_classes) for name in names + sums}
    return out | {"substitutions": 0, "deletions": 0, "insertions": 0}


def add_errors(out: dict, misses: int, alarms: int) -> None:
    out["substitutions"] += min(misses, alarms)
    out["deletions"] += max(0, misses - alarms)
    out["insertions"] += max(0, alarms - misses)


def frames(
    reference, prediction, n_classes, angle=between_vectors, units_per_metre=1.0, everything=False
) -> dict:
    """2024 and 2025: frames before the last annotated one; relative distance error at most 1."""
    out, truth, guess = nothing(n_classes), by_cell(reference), by_cell(prediction)
    stop = max((row[0] for row in reference), default=0)
    if everything:
        stop = max((row[0] for row in [*reference, *prediction]), default=-1) + 1
    for frame in range(stop):
        misses = alarms = 0
        for c in range(n_classes):
            refs, preds = truth.get((frame, c), []), guess.get((frame, c), [])
            out["reference"][c] += len(refs)
            out["prediction"][c] += len(preds)
            found = pairs_of(refs, preds, angle) if refs and preds else []
            for i, j, degrees in found:
                d, d2 = refs[i][5] * units_per_metre, preds[j][5] * units_per_metre
                good = degrees <= 20 and abs(d - d2) <= d * (1 + 1e-12)
                out["tp" if good else "far"][c] += 1
                alarms += not good
                out["matched"][c] += 1
                out["angle"][c] += degrees
                out["distance"][c] += abs(d - d2)
                out["relative"][c] += abs(d - d2) / d
                out["onscreen"][c] += refs[i][6] == preds[j][6]
            missed, extra = max(0, len(refs) - len(preds)), max(0, len(preds) - len(refs))
            out["fn"][c] += missed
            out["fp"][c] += extra
            misses += missed
            alarms += extra
        add_errors(out, misses, alarms)
    return out


def segments(reference, prediction, n_classes) -> dict:
    """2021 to 2023: one-second segments up to the last annotated one."""
    out, truth, guess = nothing(n_classes), by_cell(reference), by_cell(prediction)
    last = max((row[0] for row in reference), default=0)
    for segment in range(math.ceil(last / 10)):
        misses = alarms = 0
        for c in range(n_classes):
            inside = range(10 * segment, 10 * segment + 10)
            n = max(len(truth.get((f, c), [])) for f in inside)
            m = max(len(guess.get((f, c), [])) for f in inside)
            out["reference"][c] += n
            out["prediction"][c] += m
            angles = defaultdict(list)
            for f in inside:
                refs, preds = truth.get((f, c), []), guess.get((f, c), [])
                if refs and preds:
                    for i, _, degrees in pairs_of(refs, preds, great_circle):
                        angles[i].append(degrees)
            if n and m and not angles:
                out["fn"][c] += m
                misses += m
                continue
            for degrees in angles.values():
                mean = sum(degrees) / len(degrees)
                out["matched"][c] += 1
                out["angle"][c] += mean
                out["tp" if mean <= 20 else "far"][c] += 1
                alarms += mean > 20
            out["fn"][c] += max(0, n - m)
            out["fp"][c] += max(0, m - n)
            misses += max(0, n - m)
            alarms += max(0, m - n)
        add_errors(out, misses, alarms)
    return out


def segments_corrected(reference, prediction, n_classes) -> dict:
    """2021 to 2023 as defined: sources have numbers, every segment counts, what is unmatched is wrong."""
    out, truth, guess = nothing(n_classes), by_cell(reference), by_cell(prediction)
    last = max((row[0] for row in [*reference, *prediction]), default=-1)
    for segment in range(last // 10 + 1):
        misses = alarms = 0
        for c in range(n_classes):
            inside = range(10 * segment, 10 * segment + 10)
            sources = {row[2] for f in inside for row in truth.get((f, c), [])}
            m = max(len(guess.get((f, c), [])) for f in inside)
            angles = defaultdict(list)
            for f in inside:
                refs, preds = truth.get((f, c), []), guess.get((f, c), [])
                if refs and preds:
                    for i, _, degrees in pairs_of(refs, preds, without_rounding):
                        angles[refs[i][2]].append(degrees)
            means = [sum(degrees) / len(degrees) for degrees in angles.values()]
            far = sum(mean > 20 for mean in means)
            out["reference"][c] += len(sources)
            out["prediction"][c] += m
            out["matched"][c] += len(means)
            out["angle"][c] += sum(means)
            out["far"][c] += far
            out["tp"][c] += len(means) - far
            out["fn"][c] += len(sources) - len(means)
            out["fp"][c] += max(0, m - len(means))
            misses += len(sources) - len(means)
            alarms += far + max(0, m - len(means))
        add_errors(out, misses, alarms)
    return out


def blocks(reference, prediction, n_classes) -> dict:
    """2020: a class counts once in a second; its distance is the mean over shared frames of their sums."""
    out, truth, guess = nothing(n_classes), by_cell(reference), by_cell(prediction)
    last = max((row[0] for row in [*reference, *prediction]), default=-1)
    for block in range(last // 10 + 1):
        misses = alarms = 0
        for c in range(n_classes):
            inside = range(10 * block, 10 * block + 10)
            n = any(truth.get((f, c)) for f in inside)
            m = any(guess.get((f, c)) for f in inside)
            out["reference"][c] += n
            out["prediction"][c] += m
            sums = []
            for f in inside:
                refs, preds = truth.get((f, c), []), guess.get((f, c), [])
                if refs and preds:
                    sums.append(sum(degrees for *_, degrees in pairs_of(refs, preds, great_circle)))
            if sums:
                mean = sum(sums) / len(sums)
                out["matched"][c] += 1
                out["angle"][c] += mean
                out["tp" if mean <= 20 else "far"][c] += 1
                misses += mean > 20
            elif n:
                out["fn"][c] += 1
                misses += 1
            elif m:
                out["fp"][c] += 1
                alarms += 1
        add_errors(out, misses, alarms)
    return out


def year_2019(reference, prediction, n_classes, n_frames, frames_per_second) -> dict:
    """2019: seconds whose last frame is not looked at; all directions of a frame assigned at once."""
    out = nothing(n_classes) | {"frames": n_frames, "equal_frames": 0}
    truth, guess = by_cell(reference), by_cell(prediction)
    for start in range(0, n_frames, frames_per_second):
        looked_at = range(start, start + frames_per_second - 1)
        refs = {row[1] for row in reference if row[0] in looked_at}
        preds = {row[1] for row in prediction if row[0] in looked_at}
        for name, classes in (
            ("reference", refs),
            ("prediction", preds),
            ("tp", refs & preds),
            ("fp", preds - refs),
            ("fn", refs - preds),
        ):
            for c in classes:
                out[name][c] += 1
        add_errors(out, len(refs - preds), len(preds - refs))
    for frame in range(n_frames):
        # one direction a class: the last row of the file
        refs = [truth[frame, c][-1] for c in range(n_classes) if (frame, c) in truth]
        preds = [guess[frame, c][-1] for c in range(n_classes) if (frame, c) in guess]
        out["equal_frames"] += len(refs) == len(preds)
        out["matched"][0] += len(preds)
        if refs and preds:
            out["angle"][0] += sum(degrees for *_, degrees in pairs_of(refs, preds, great_circle))
    return out
