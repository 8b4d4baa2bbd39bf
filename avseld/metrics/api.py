"""Scoring of whole sets: mappings or folders in, scores out."""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.metrics import doa2019, seld
from avseld.metrics.confidence import jackknife as intervals_of
from avseld.metrics.counts import Counts, join
from avseld.metrics.folders import Prediction, Reference, open_pair
from avseld.metrics.formulas import Scores, Table, average_of, evaluate
from avseld.metrics.rules import Rule, rule_of

BATCH = 64
"""recordings that are counted at once; memory grows with it, time hardly falls beyond"""


def score(
    reference: Reference,
    prediction: Prediction,
    challenge: int | str,
    average: str = "macro",
    jackknife: bool = False,
    n_classes: int | None = None,
    corrected: bool = False,
    missing: str = "error",
    distance_unit: str | None = None,
    onscreen: bool = False,
    grid: bool = False,
) -> Scores:
    """Score predictions as the official scorer of a challenge year does.

    Args:
        reference: events by recording name, or a folder of csv files: labels of a prepared folder, or frame
            csv as DCASE distributes them. Folders are searched recursively.
        prediction: events by recording name, or a folder of csv files of the same names.
        challenge: 2019 to 2025.
        average: macro or micro; 2019, 2020 and 2021 know only micro.
        jackknife: add 95 % confidence intervals over recordings.
        n_classes: number of classes; if None, from classes.txt beside the labels, else that of the challenge.
        corrected: repair what the official code does wrong; `seld` and `doa2019` say what, and by how much it
            moves a real system.
        missing: error, or empty to score a recording without prediction as silence.
        distance_unit: cm, m or none (score without distances) for prediction files; if None, the challenge's.
        onscreen: 2025 only: a true positive must also have the right visibility (F20 on/off).
        grid: 2019 only: directions on the 10-degree grid, as its stand-alone script does.

    Raises:
        BadInput: recordings that do not match, or bad files; names them.
    """
    rule = rule_of(challenge)
    pairs = open_pair(reference, prediction, rule, n_classes, missing, distance_unit)
    options = seld.Options(pairs.n_classes, corrected, pairs.distance, onscreen)
    table = count_pairs(pairs, rule, options, grid)
    return scores(table, average, challenge, jackknife, corrected)


def counts(
    reference: Events,
    prediction: Events,
    challenge: int | str,
    n_classes: int | None = None,
    corrected: bool = False,
) -> Counts:
    """Count one recording, to be added to those of others.

    Args:
        reference: what is heard.
        prediction: what was predicted.
        challenge: 2019 to 2025.
        n_classes: number of classes; the challenge's if None.
        corrected: see `score`.

    Returns:
        Counts (class,); distances are scored where the reference has them.
    """
    rule = rule_of(challenge)
    has_distance = not (np.isnan(reference.distance).any() or np.isnan(prediction.distance).any())
    options = seld.Options(n_classes or rule.n_classes, corrected, has_distance)
    return _batch([(reference, prediction)], rule, options, False)[0]


def scores(
    counts: Counts,
    average: str = "macro",
    challenge: int | str = 2023,
    jackknife: bool = False,
    corrected: bool = False,
) -> Scores:
    """Turn counts into scores.

    Args:
        counts: a sum (class,), or (recording, class), which is summed here.
        average: macro or micro.
        challenge: 2019 to 2025.
        jackknife: add 95 % intervals; needs the recording axis.
        corrected: as the counts were made.

    Raises:
        BadInput: a jackknife of fewer than two recordings.
    """
    rule = rule_of(challenge)
    many = counts.reference.ndim == 2
    if jackknife and not many:
        raise BadInput(
            "a jackknife needs the counts of each recording; give them as a table (recording, class)"
        )

    def formulas(sums: Counts) -> tuple[Table, Table]:
        return evaluate(sums, rule, average, corrected)

    point, classwise = formulas(counts.sum() if many else counts)
    interval, classwise_interval = intervals_of(counts, formulas) if jackknife else ({}, {})
    names = rule.all_scores
    return Scores(
        challenge=rule.year,
        average=average_of(rule, average),
        n_recordings=len(counts.frames) if many else 0,
        values={name: float(point[name]) for name in names},
        classwise={name: classwise[name].tolist() for name in names},
        interval={name: interval[name].tolist() for name in names if name in interval},
        classwise_interval={
            name: classwise_interval[name].tolist() for name in names if name in classwise_interval
        },
    )


def count_pairs(
    pairs: Iterable[tuple[Events, Events]],
    rule: Rule,
    options: seld.Options,
    grid: bool = False,
    by_overlap: bool = False,
) -> Counts:
    """Count many recordings, a batch at a time, so that memory does not grow with their number.

    Args:
        pairs: reference and prediction of each recording.
        rule: the year.
        options: choices within the year.
        grid: 2019: the 10-degree grid.
        by_overlap: return counts (overlap, class), from silence on, instead of (recording, class).

    Raises:
        BadInput: there are no recordings.
    """
    parts = [_batch(batch, rule, options, grid, by_overlap) for batch in _batches(pairs)]
    if not parts:
        raise BadInput("no recordings to score; check the folders")
    if not by_overlap:
        return join(parts)
    most = max(len(part.frames) for part in parts)
    padded = [join([part, Counts.zeros((most - len(part.frames),), options.n_classes)]) for part in parts]
    out = padded[0]
    for part in padded[1:]:
        out = out + part
    return out


def _batches(pairs: Iterable[tuple[Events, Events]]) -> Iterator[list[tuple[Events, Events]]]:
    iterator = iter(pairs)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _batch(
    batch: list[tuple[Events, Events]],
    rule: Rule,
    options: seld.Options,
    grid: bool,
    by_overlap: bool = False,
) -> Counts:
    references, predictions = ([pair[i] for pair in batch] for i in (0, 1))
    if rule.counting != "doa2019":
        return seld.count(references, predictions, rule, options, by_overlap)
    if by_overlap:
        raise BadInput("2019 is not scored per overlap; choose another challenge")
    return doa2019.count(
        references, predictions, rule, options.n_classes, grid=grid, corrected=options.corrected
    )
