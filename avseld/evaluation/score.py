"""The command `score`: two folders in, a table or JSON out."""

import json as json_text
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import takes_paths
from avseld.evaluation.front_back import KEY, front_back_of, front_back_table
from avseld.evaluation.score_imaging import IMAGING, LAST, ImagingOptions, score_imaging, two_folders
from avseld.evaluation.validity import report
from avseld.io.dcase_csv import Coordinates
from avseld.metrics import RULES, Scores, scores_from_counts
from avseld.metrics.api import count_pairs
from avseld.metrics.counts import Counts
from avseld.metrics.fold_choice import complete_from_run
from avseld.metrics.folders import Pairing, open_pair
from avseld.metrics.imaging import Definition
from avseld.metrics.location import concatenate_frames, locate_frames, location_scores, scores_by_overlap
from avseld.metrics.own import own_scores
from avseld.metrics.reference_events import CountingEvents
from avseld.metrics.rules import Rule, challenge_named, check_options, rule_of
from avseld.metrics.scoring import SEGMENT_S, TASK4
from avseld.metrics.seld import ScoringOptions
from avseld.metrics.submission import problems
from avseld.metrics.table import heading, number, row, table
from avseld.metrics.task4 import problems_of_clips, refuse_unused, score_task4

Challenge = int | Literal["2019-task4"]
"""years of Task 3, and event detection without directions"""
ANY_CLASS = 1 << 30
"""number of classes where they do not count: labels and predictions may use different lists"""


@takes_paths
def score(
    reference: Path | None = None,
    prediction: Path | None = None,
    challenge: Challenge | None = None,
    average: Literal["macro", "micro"] = "macro",
    jackknife: bool = False,
    json: bool = False,
    missing: Literal["error", "empty", "skip"] = "error",
    check_only: bool = False,
    distance_unit: Literal["cm", "m", "none"] | None = None,
    coordinates: Coordinates = "auto",
    corrected: bool = False,
    per: Literal["room", "overlap"] | None = None,
    fold: str | None = None,
    onscreen: bool = False,
    n_classes: int | None = None,
    grid: bool = False,
    class_agnostic: bool = False,
    front_back: bool = False,
    metrics: list[str] | None = None,
    run: Path | None = None,
    segment: float | None = None,
    definition: Definition | None = None,
    legacy: bool = False,
    thin: Path | None = None,
) -> int:
    """Score prediction files against label files like the official scorer of a year, or without classes.

    Args:
        reference: first word: folder of labels, a prepared folder, or one file: of one recording, or a sheet with a
            column `file`; with 2019-task4 also the task's own file: filename, onset, offset, event_label.
        prediction: second word: folder of predictions, one csv file per recording, matched by name; or one file.
        challenge: year of the rules, 2018 to 2026, or 2019-task4 for events without directions. 2026 scores energy
            maps on the sphere: folders of JSON files.
        average: macro or micro; up to 2021 micro only.
        jackknife: add 95 % confidence intervals over recordings.
        json: print one JSON object instead of a table.
        missing: treat a recording without prediction as an error or as empty, or skip it, as official scorers do.
        check_only: only check whether the predictions are a valid submission.
        distance_unit: unit of distances in prediction files, if not the year's; none = do not score them.
        coordinates: six columns of prediction files without header end with azimuth, elevation, distance (polar) or
            with x, y, z (cartesian); by default decided from the largest file.
        corrected: correct the defects of the official code (listed in `avseld.metrics.seld`).
        per: add the scores of each room, or of each number of simultaneous reference events.
        fold: score only this fold or room or recording, named as in the manifest beside the labels; test, validate or
            train of a run; all. By default predictions that are exactly one fold are scored as that.
        onscreen: 2025, a true positive must also have the right visibility (F20 on/off).
        n_classes: number of classes, if neither classes.txt beside the labels nor the year gives it.
        grid: 2019, quantize directions to the 10-degree grid, as its stand-alone script does.
        class_agnostic: score directions alone, every row as a sound whatever its class: median angle, recall within
            20 degrees and false rows a minute, by number of simultaneous reference sounds; no year is needed.
        front_back: add front-back confusions and errors on the cone of confusion with their intervals, and the
            localization error with directions mirrored to the front and without (docs/front_back.md).
        metrics: of other packages, package.module:function, computed as well (docs/extending.md).
        run: run folder instead of the two words: its prepared folder, predictions and year.
        segment: 2019-task4, length of a segment in seconds; 1 as in the task's scorer by default, 0.2 in `evaluate`.
        definition: 2026, date of the rules: 2026-06-30, those of the ranking, 2026-05-28 or 2026-04-02.
        legacy: 2026, numbers in single precision as in the official code.
        thin: 2026, folder to write the predictions into with fewer points, so that each file fits a submission, and
            says what it costs.

    Returns:
        Exit status: 2 if a submission is not valid.

    Raises:
        BadInput: files do not match or cannot be read; names them.
    """
    if str(challenge) == str(IMAGING):
        unused = {"run": run, "fold": fold, "per": per, "metrics": metrics, "segment": segment}
        unused |= {"corrected": corrected, "onscreen": onscreen, "grid": grid, "n_classes": n_classes}
        unused |= {"class_agnostic": class_agnostic, "front_back": front_back, "distance_unit": distance_unit}
        unused |= {"average": average != "macro", "coordinates": coordinates != "auto"}
        of_maps = ImagingOptions(definition or LAST, legacy, jackknife, json, missing, check_only, thin)
        return score_imaging(*two_folders(reference, prediction, unused), of_maps)
    imaging = {"definition": definition, "legacy": legacy, "thin": thin}
    if given := [name for name, value in imaging.items() if value]:
        raise BadInput(
            f"--{given[0]}: is an option of {IMAGING}; give --challenge {IMAGING}, or leave it out"
        )
    labels, predictions, year, parts_of_run = complete_from_run(reference, prediction, challenge, run)
    chosen = None if year is None else challenge_named(year)
    if chosen == TASK4 and not class_agnostic:
        unused = {"distance_unit": distance_unit, "coordinates": coordinates != "auto", "per": per}
        refuse_unused(unused | {"onscreen": onscreen, "grid": grid, "n_classes": n_classes, KEY: front_back})
        taken: dict[str, Any] = {
            "average": average, "jackknife": jackknife, "corrected": corrected, "missing": missing, "fold": fold,
            "parts": parts_of_run, "metrics": metrics or [], "segment_s": segment or SEGMENT_S,
        }  # fmt: skip
        return _score_clips(labels, predictions, taken, json, check_only)
    if segment is not None:
        raise BadInput(
            f"--segment {segment:g}: is an option of {TASK4}; give --challenge {TASK4}, or leave it out"
        )
    if class_agnostic:
        others = {"onscreen": onscreen, "grid": grid, "corrected": corrected, "jackknife": jackknife}
        others |= {"front_back": front_back, "check_only": check_only, "metrics": bool(metrics)}
        _refuse_with_classes_left_out(others | {"n_classes": n_classes is not None})
        pairing = open_pair(
            labels, predictions, rule_of(2023), ANY_CLASS, missing, "none", fold, parts_of_run, coordinates
        )
        return _score_without_classes(pairing, per, json)
    if chosen is None:
        years = ", ".join(map(str, [*RULES, IMAGING]))
        raise BadInput(
            f"which year's rules? add --challenge, one of {years} or {TASK4}, or --class_agnostic true"
        )
    year = int(chosen)
    check_options(year, n_classes, onscreen, grid)
    if check_only:
        reasons = problems(labels, predictions, year, n_classes, fold, missing, parts_of_run)
        return report(reasons, predictions, year, json)
    rule = rule_of(year)
    pairing = open_pair(
        labels, predictions, rule, n_classes, missing, distance_unit, fold, parts_of_run, coordinates
    )
    options = ScoringOptions(pairing.n_classes, corrected, pairing.distance, onscreen)
    result, parts = _scores_of_year(pairing, rule, options, average, jackknife, grid, per)
    result = replace(result, own=own_scores(metrics or [], pairing))
    note = (f" of {pairing.fold}" if pairing.fold else "") + (", corrected" if corrected else "")
    cones = _front_back(pairing, year, result.average) if front_back else {}
    return _print(replace(result, classes=pairing.classes), parts, per or "", note, json, cones)


def _refuse_with_classes_left_out(given: Mapping[str, object]) -> None:
    """Refuse options, by name, that mean nothing where every row is a sound whatever its class."""
    for name, value in given.items():
        if value:
            raise BadInput(f"--{name}: means nothing with --class_agnostic; leave one of them out")


def _scores_of_year(
    pairing: Pairing,
    rule: Rule,
    options: ScoringOptions,
    average: Literal["macro", "micro"],
    jackknife: bool,
    grid: bool,
    per: str | None,
) -> tuple[Scores, dict[str, Scores]]:
    """Compute the scores of all recordings, and of each room or number of simultaneous events; see `score`."""
    year, corrected = rule.year, options.corrected
    events = CountingEvents(pairing, pairing.n_classes)
    counts = count_pairs(events, rule, options, grid)
    result = replace(scores_from_counts(counts, average, year, jackknife, corrected), n_events=events.total())
    if not per:
        return result, {}
    parts = {
        name: scores_from_counts(
            part, average, year, jackknife and per == "room" and len(part.frames) > 1, corrected
        )
        for name, part in PARTS[per](pairing, counts, rule, options).items()
    }
    if per == "room":
        rooms = np.array([pairing.room(name) or "unknown" for name in pairing.names])
        parts = {room: replace(part, n_events=events.total(rooms == room)) for room, part in parts.items()}
    return result, parts


def _front_back(pairing: Pairing, year: int, average: str) -> dict[str, Any]:
    """Score front-back confusions and errors on the cone of confusion."""
    pairs = {name: pairing.pair(name) for name in pairing.names}
    references, predictions = ({name: each[side] for name, each in pairs.items()} for side in (0, 1))
    files = {name: path for name, path in pairing.reference.items() if isinstance(path, Path)}
    return front_back_of(references, predictions, files, pairing.n_classes, year, average).as_dict()


def _print(
    result: Scores,
    parts: dict[str, Scores],
    per: str,
    note: str,
    json: bool,
    cones: Mapping[str, Any] | None = None,
) -> int:
    """Print scores as a table or as one JSON object; arguments as for `table` and `front_back_table`."""
    if json:
        whole: dict[str, Any] = result.as_dict()
        if per:
            whole["per_" + per] = {name: _without_classes(part) for name, part in parts.items()}
        sys.stdout.write(json_text.dumps(whole | ({KEY: dict(cones)} if cones else {})) + "\n")
    else:
        sys.stdout.write(table(result, result.classes, parts, per, note))
        if cones:
            sys.stdout.write(f"\n{front_back_table({'all': cones})}\n")
    return 0


def _score_clips(
    labels: Path, predictions: Path, options: dict[str, Any], json: bool, check_only: bool
) -> int:
    """Score events of clips without directions; options as for `avseld.metrics.task4.score_task4`."""
    if check_only:
        return report(problems_of_clips(labels, predictions, options["fold"]), predictions, TASK4, json)
    result = score_task4(labels, predictions, **options)
    return _print(result, {}, "", ", corrected" if options["corrected"] else "", json)


def _without_classes(part: Scores) -> dict[str, object]:
    kept = (*("recordings",) * (part.n_recordings > 0), *part.printed)
    return {key: value for key, value in part.as_dict().items() if key in kept}


def _rooms(pairing: Pairing, counts: Counts, rule: Rule, options: ScoringOptions) -> dict[str, Counts]:
    rooms = np.array([pairing.room(name) or "unknown" for name in pairing.names])
    return {str(room): counts[rooms == room] for room in np.unique(rooms)}


def _overlaps(pairing: Pairing, counts: Counts, rule: Rule, options: ScoringOptions) -> dict[str, Counts]:
    by_overlap = count_pairs(pairing, rule, options, by_overlap=True)
    return {str(overlap): by_overlap[overlap] for overlap in range(len(by_overlap.frames))}


PARTS = {"room": _rooms, "overlap": _overlaps}


def _score_without_classes(pairing: Pairing, per: str | None, json: bool) -> int:
    frames = []
    for name in pairing.names:
        reference, prediction = pairing.pair(name)
        for side, events in (("reference", reference), ("prediction", prediction)):
            if np.isnan(events.azimuth).any():
                raise BadInput(
                    f"{name}: the {side} has an event without direction; give files with directions"
                )
        frames.append(locate_frames(reference, prediction, pairing.durations.get(name, 0.0)))
    whole = concatenate_frames(frames)
    rows = {"all": location_scores(whole)}
    if per == "room":
        rooms = [pairing.room(name) or "unknown" for name in pairing.names]
        for room in sorted(set(rooms)):
            own = [part for part, place in zip(frames, rooms, strict=True) if place == room]
            rows[f"room {room}"] = location_scores(concatenate_frames(own))
    rows |= {f"overlap {n}": scores for n, scores in scores_by_overlap(whole).items()}
    if json:
        sys.stdout.write(json_text.dumps({name: scores.as_dict() for name, scores in rows.items()}) + "\n")
        return 0
    names = ("median_angle", "recall_20", "false_rows")
    lines = [f"without classes, {len(pairing)} recordings, {rows['all'].minutes:.1f} minutes", ""]
    lines.append(row("", [*(heading(name, names) for name in names), "sounds"]))
    for part, scores in rows.items():
        values = (scores.median_deg, scores.recall, scores.false_per_minute)
        cells = [number(name, value) for name, value in zip(names, values, strict=True)]
        lines.append(row(part, [*cells, str(scores.n_references)]))
    sys.stdout.write("\n".join(lines) + "\n")
    return 0
