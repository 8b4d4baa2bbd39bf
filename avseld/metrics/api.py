"""Scores of whole sets of recordings, from mappings or folders."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.classes import compare_classes, give_classes
from avseld.io.events import Events
from avseld.metrics import doa2018, doa2019, seld
from avseld.metrics.confidence import jackknife as intervals_of
from avseld.metrics.counts import Counts, concatenate_counts, sum_counts
from avseld.metrics.fold_choice import complete_from_run
from avseld.metrics.folders import Pairing, Prediction, Reference, open_pair
from avseld.metrics.formulas import Scores, Table, average_of, compute_scores
from avseld.metrics.own import Metric, own_scores
from avseld.metrics.reference_events import CountingEvents
from avseld.metrics.rules import RULES, TASK4, Rule, check_options, rule_of
from avseld.metrics.scoring import Scoring
from avseld.metrics.task4 import refuse_unused, score_task4

BATCH = 64
"""recordings counted at once; more take more memory and hardly less time"""


ONE = "recording"
"""name of a recording whose events are given without a name"""


def score(
    reference: Reference | Events | None = None,
    prediction: Prediction | Events | None = None,
    challenge: int | str | None = None,
    average: str = "macro",
    jackknife: bool = False,
    n_classes: int | None = None,
    corrected: bool = False,
    missing: str = "error",
    distance_unit: str | None = None,
    onscreen: bool = False,
    grid: bool = False,
    metrics: Sequence[str | Metric] = (),
    fold: str | None = None,
    run: Path | str | None = None,
) -> Scores:
    """Score predictions like the official scorer of a challenge year.

    Args:
        reference: events of one recording, or events by recording name, or a folder of csv files: labels of a
            prepared folder, or frame csv as DCASE distributes them. Folders are searched recursively.
        prediction: the same; a folder has csv files of the same names.
        challenge: 2018 to 2025, or 2019-task4 for events without directions; with `run`, that of the training if left
            out.
        average: macro or micro; 2019, 2020 and 2021 define micro only.
        jackknife: add 95 % confidence intervals over recordings.
        n_classes: number of classes; if None, from classes.txt beside the labels, else that of the challenge.
        corrected: correct the defects of the official code; `avseld.metrics.seld`, `doa2018` and `doa2019` list
            them, with their effect on a real system.
        missing: what to do with a recording without prediction: error, empty to score it as silence, or skip.
        distance_unit: cm, m or none (score without distances) for prediction files; if None, the challenge's.
        onscreen: 2025 only: a true positive must also have the right visibility (F20 on/off).
        grid: 2019 only: quantize directions to the 10-degree grid, as its stand-alone script does.
        metrics: of other packages, see `avseld.metrics.own`; their numbers are in `own` of the scores.
        fold: score only this fold, room or recording; test, validate or train of a run; all. If None, predictions that
            are exactly one fold are scored as that, with a warning.
        run: run folder, whose prepared folder, predictions and year are taken where they are not given.

    Returns:
        Scores by name, as attributes and items; printed, they are the table of the command `score`.

    Raises:
        BadInput: recordings that do not match, or bad files; names them.
    """
    labels, predictions, year, parts = complete_from_run(reference, prediction, challenge, run)
    if year is None:
        raise BadInput(f"which year's rules? give challenge, one of {', '.join(map(str, RULES))} or {TASK4}")
    if str(year) == TASK4:
        unused = {"distance_unit": distance_unit, "onscreen": onscreen, "grid": grid, "n_classes": n_classes}
        refuse_unused(unused)
        first, second = ({ONE: side} if isinstance(side, Events) else side for side in (labels, predictions))
        chosen = (average, jackknife, corrected, missing, fold, parts)
        return score_task4(first, second, *chosen, metrics=metrics)
    rule = rule_of(year)
    check_options(year, n_classes, onscreen, grid)
    given = (labels, predictions)
    classes = next((side.classes for side in _tables(given) if side.classes), ())
    n_classes = len(classes) or None if n_classes is None else n_classes
    labels, predictions = ({ONE: side} if isinstance(side, Events) else side for side in given)
    pairs = open_pair(labels, predictions, rule, n_classes, missing, distance_unit, fold, parts)
    pairs = _matched_by_name(pairs)
    options = seld.ScoringOptions(pairs.n_classes, corrected, pairs.distance, onscreen)
    events = CountingEvents(pairs, pairs.n_classes)
    table = count_pairs(events, rule, options, grid)
    scores = scores_from_counts(table, average, year, jackknife, corrected)
    classes = pairs.classes or classes
    known = classes if len(classes) == pairs.n_classes else ()
    return replace(scores, classes=known, own=own_scores(metrics, pairs), n_events=events.total())


def _matched_by_name(pairs: Pairing) -> Pairing:
    """Give predicted events in memory the class indices of the references, where both know their names."""
    named = (each.classes for each in pairs.reference.values() if isinstance(each, Events) and each.classes)
    names = pairs.classes or next(named, ())
    lists = {each.classes for each in pairs.prediction.values() if isinstance(each, Events) and each.classes}
    maps = {each: compare_classes(each, names, "the prediction", "the reference") for each in lists if names}
    matched = {
        name: give_classes(each, maps.get(each.classes)) if isinstance(each, Events) else each
        for name, each in pairs.prediction.items()
    }
    return replace(pairs, prediction=matched)


def _tables(given: Iterable[Reference | Events]) -> Iterator[Events]:
    """List the tables of events among references and predictions."""
    for side in given:
        if isinstance(side, Events):
            yield side
        elif isinstance(side, Mapping):
            yield from (each for each in side.values() if isinstance(each, Events))


def count_recording(
    reference: Events,
    prediction: Events,
    challenge: int | str,
    n_classes: int | None = None,
    corrected: bool = False,
) -> Counts:
    """Count one recording; counts of several recordings add up.

    Args:
        reference: annotated events.
        prediction: predicted events.
        challenge: 2018 to 2025.
        n_classes: number of classes; the challenge's if None.
        corrected: see `score`.

    Returns:
        Counts (class,); distances are scored where the reference has them.
    """
    rule = rule_of(challenge)
    has_distance = not (np.isnan(reference.distance).any() or np.isnan(prediction.distance).any())
    options = seld.ScoringOptions(n_classes or rule.n_classes, corrected, has_distance)
    return _batch([(reference, prediction)], rule, options, False)[0]


def scores_from_counts(
    counts: Counts,
    average: str = "macro",
    challenge: int | str = 2023,
    jackknife: bool = False,
    corrected: bool = False,
) -> Scores:
    """Compute scores from counts.

    Args:
        counts: (class,), or (recording, class), which is summed.
        average: macro or micro.
        challenge: 2018 to 2025.
        jackknife: add 95 % intervals; needs the recording axis.
        corrected: the same choice as for the counts.

    Raises:
        BadInput: a jackknife over fewer than two recordings.
    """
    rule = rule_of(challenge)
    per_recording = counts.reference.ndim == 2
    if jackknife and not per_recording:
        raise BadInput(
            "a jackknife needs the counts of each recording; give them as a table (recording, class)"
        )

    def formulas(sums: Counts) -> tuple[Table, Table]:
        return compute_scores(sums, rule, average, corrected)

    point, classwise = formulas(counts.sum() if per_recording else counts)
    interval, classwise_interval = intervals_of(counts, formulas) if jackknife else ({}, {})
    names = rule.all_scores
    return Scores(
        challenge=rule.year,
        average=average_of(rule, average),
        n_recordings=len(counts.frames) if per_recording else 0,
        values={name: float(point[name]) for name in names},
        classwise={name: classwise[name].tolist() for name in names},
        interval={name: interval[name].tolist() for name in names if name in interval},
        classwise_interval={
            name: classwise_interval[name].tolist() for name in names if name in classwise_interval
        },
    )


def seld_scoring(challenge: int | str, n_classes: int, average: str = "macro") -> Scoring:
    """Score localized events by the rules of a challenge year.

    Args:
        challenge: 2018 to 2025.
        n_classes: number of classes.
        average: macro or micro.

    Raises:
        BadInput: no such year.
    """
    rule = rule_of(challenge)
    return Scoring(
        rule.year,
        average_of(rule, average),
        rule.all_scores,
        lambda reference, prediction: {"seld": count_recording(reference, prediction, challenge, n_classes)},
        {"seld": partial(compute_scores, rule=rule, average=average)},
    )


def count_pairs(
    pairs: Iterable[tuple[Events, Events]],
    rule: Rule,
    options: seld.ScoringOptions,
    grid: bool = False,
    by_overlap: bool = False,
) -> Counts:
    """Count many recordings in batches, so that memory does not grow with their number.

    Args:
        pairs: reference and prediction of each recording.
        rule: the challenge year.
        options: choices within the year.
        grid: 2019: quantize directions to the 10-degree grid.
        by_overlap: return counts (overlap, class), from overlap 0 on, instead of (recording, class).

    Raises:
        BadInput: there are no recordings.
    """
    parts = [_batch(batch, rule, options, grid, by_overlap) for batch in _batches(pairs)]
    if not parts:
        raise BadInput("no recordings to score; check the folders")
    if not by_overlap:
        return concatenate_counts(parts)
    max_overlap = max(len(part.frames) for part in parts)
    padded = [
        concatenate_counts([part, Counts.zeros((max_overlap - len(part.frames),), options.n_classes)])
        for part in parts
    ]
    return sum_counts(padded)


def _batches(pairs: Iterable[tuple[Events, Events]]) -> Iterator[list[tuple[Events, Events]]]:
    iterator = iter(pairs)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _batch(
    batch: list[tuple[Events, Events]],
    rule: Rule,
    options: seld.ScoringOptions,
    grid: bool,
    by_overlap: bool = False,
) -> Counts:
    references, predictions = ([pair[i] for pair in batch] for i in (0, 1))
    if rule.counting not in ("doa2018", "doa2019"):
        return seld.count(references, predictions, rule, options, by_overlap)
    if by_overlap:
        raise BadInput(f"{rule.year} is not scored per overlap; choose another challenge")
    if rule.counting == "doa2018":
        return doa2018.count(references, predictions, rule, options.n_classes, corrected=options.corrected)
    return doa2019.count(
        references, predictions, rule, options.n_classes, grid=grid, corrected=options.corrected
    )
