"""Ablation of the visual input: gains of predictions with the right video over other controls.

The controls are the own video (aligned), the video of another recording (shuffled), none (blank), and the own video
without sound (silent).
"""

import csv
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.io.people_classes import people_classes
from avseld.metrics import SCORES, Counts, count_recording
from avseld.metrics.confidence import paired_bootstrap
from avseld.metrics.counts import concatenate_counts
from avseld.metrics.formulas import compute_scores
from avseld.metrics.rules import rule_of


def class_groups(classes: Sequence[str], people: Sequence[str] | None = None) -> dict[str, list[int]]:
    """Group classes by whether people make them.

    Args:
        classes: names.
        people: those that people make; None judges by the names (`avseld.io.people_classes`).

    Returns:
        Class indices by group: all, people, other; groups without class are left out.

    Raises:
        BadInput: a name in `people` that is no class.
    """
    made = people_classes(classes, people)
    other = [i for i in range(len(classes)) if i not in made]
    groups = {"all": list(range(len(classes))), "people": made, "other": other}
    return {name: members for name, members in groups.items() if members}


GAINS = [name for name, score in SCORES.items() if score.gain_unit]
"""scores whose gain is reported"""

Gain = dict[str, list[float]]
"""score name -> gain, low and high end of its 95 % interval"""


def gains(
    references: Mapping[str, Events],
    predictions: Mapping[str, Mapping[str, Events] | Sequence[Mapping[str, Events]]],
    classes: Sequence[str],
    challenge: int | str,
    parts: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
    people: Sequence[str] | None = None,
) -> dict[str, dict[str, dict[str, Gain]]]:
    """Compute the gain of the first control over each other one: points of F-score, degrees of localization error.

    A group's score is the mean over its classes that occur in the references. Both controls are scored on the
    same resampled recordings (paired bootstrap), so that hard recordings do not widen the interval.

    Args:
        references: events by recording.
        predictions: events by control and recording; or several such mappings per control, from trainings with
            different seeds, whose scores are averaged.
        classes: names.
        challenge: year of the scoring rule.
        parts: recordings by part of the set, such as a room; parts are reported beside the whole.
        seed: of the bootstrap.
        people: classes that people make; None judges by their names.

    Returns:
        By other control, part ("whole" first), class group and score: gain, low and high (95 %). Positive is better;
        NaN where no recording has the group's classes.
    """
    rule, names = rule_of(challenge), list(references)
    tables = {}
    for control, predicted in predictions.items():
        runs = [predicted] if isinstance(predicted, Mapping) else list(predicted)
        counted = [
            [count_recording(references[n], run[n], challenge, len(classes))[None] for run in runs]
            for n in names
        ]
        tables[control] = concatenate_counts(
            [concatenate_counts(row)[None] for row in counted]
        )  # (recording, seed, class)
    first, *others = tables
    known = [measure for measure in GAINS if measure in compute_scores(tables[first].sum(), rule)[1]]
    rows = {"whole": names} | dict(parts or {})
    result: dict[str, dict[str, dict[str, Gain]]] = {}
    for other in others:
        result[other] = {}
        for part, members in rows.items():
            chosen = [names.index(name) for name in members]
            one, two = tables[first][chosen], tables[other][chosen]
            present = one.reference.sum(axis=(0, 1)) > 0
            result[other][part] = {}
            for group, labels in class_groups(classes, people).items():
                kept = [label for label in labels if present[label]]

                def group_score(sums: Counts, measure: str, kept: list[int] = kept) -> np.ndarray:
                    value = np.asarray(compute_scores(sums, rule)[1][measure])[..., kept]
                    # A class without reference in the resampled recordings has no score in that draw.
                    occurs = sums.reference[..., kept] > 0
                    n_classes = np.where(occurs.any(axis=-1), occurs.sum(axis=-1), np.nan)
                    mean = np.where(occurs, value, 0).sum(axis=-1) / n_classes
                    return SCORES[measure].gain_scale * mean.mean(axis=-1)

                if kept:
                    result[other][part][group] = {
                        measure: paired_bootstrap(one, two, partial(group_score, measure=measure), seed=seed)
                        for measure in known
                    }
    return result


def gain_table(
    first: str, result: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]]
) -> str:
    """Format the result of `gains` as text, with 95 % intervals.

    Args:
        first: name of the control whose gains these are.
        result: as `gains` returns it.
    """
    columns = next(iter(next(iter(next(iter(result.values())).values())).values()))
    rows = [["gain (more is better)"]]
    for measure in columns:
        rows[0] += [f"{SCORES[measure].gain_unit} of {measure}", "95 % interval"]
    for other, parts in result.items():
        for part, groups in parts.items():
            for group, gained in groups.items():
                rows.append([f"{first} - {other}, {part}, {group}"])
                for gain, low, high in gained.values():
                    rows[-1] += [f"{gain:+.1f}", f"{low:+.1f} to {high:+.1f}"]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(map(str.rjust, row[1:], widths[1:]))]) for row in rows
    )


def read_parts(path: Path, names: Collection[str]) -> dict[str, list[str]]:
    """Read the parts of a set of recordings from a CSV with the columns recording and part.

    Args:
        path: the file, such as presets.csv of a generated corpus; rows of other recordings are ignored.
        names: recordings of the set.

    Returns:
        Recordings by part, sorted by part.

    Raises:
        BadInput: no such file or columns, or a recording of the set is not in it.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            part = {row["recording"]: row["part"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path}: cannot be read ({error}); give a csv with the columns recording,part"
        ) from error
    if missing := sorted(set(names) - set(part)):
        raise BadInput(f"{path}: does not name {missing[0]}; give each recording a part")
    parts: dict[str, list[str]] = {}
    for name in names:
        parts.setdefault(part[name], []).append(name)
    return dict(sorted(parts.items()))
