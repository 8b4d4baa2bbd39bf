"""What vision gains: the same recordings shown their own videos, those of others, none, or played in silence."""

import csv
import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.metrics import SCORES, Counts, counts
from avseld.metrics.confidence import paired_bootstrap
from avseld.metrics.counts import join
from avseld.metrics.formulas import evaluate
from avseld.metrics.rules import rule_of

PEOPLE = {"speech", "man", "woman", "male", "female", "clapping", "clap", "laughter", "footsteps", "walk"}
"""Words of the names of classes that people make, whom a camera can see."""


def class_groups(classes: Sequence[str]) -> dict[str, list[int]]:
    """Classes made by people and the others, by the words of their names; all of them first."""
    people = [i for i, name in enumerate(classes) if PEOPLE & set(re.findall("[a-z]+", name.lower()))]
    other = [i for i in range(len(classes)) if i not in people]
    groups = {"all": list(range(len(classes))), "people": people, "other": other}
    return {name: members for name, members in groups.items() if members}


GAINS = [name for name, score in SCORES.items() if score.gain_unit]
"""scores whose gain is reported"""

Gain = dict[str, list[float]]
"""by score: gain, low and high, 95 %"""


def gains(
    wanted: Mapping[str, Events],
    found: Mapping[str, Mapping[str, Events] | Sequence[Mapping[str, Events]]],
    classes: Sequence[str],
    challenge: int | str,
    parts: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
) -> dict[str, dict[str, dict[str, Gain]]]:
    """By how much the first control is better than each other one: points of F-score, degrees of localization error.

    A group's score is the mean over its classes that are heard in the recordings. Both controls are scored on
    the same drawn recordings, so that hard recordings do not blur the difference.

    Args:
        wanted: reference by recording.
        found: predictions by control and recording; or several such by control, of trainings that differ in their seed:
            what is told is then the mean of their scores.
        classes: names.
        challenge: year of the score.
        parts: recordings by the name of a part of the set, a room say, which is reported beside the whole.
        seed: of the bootstrap.

    Returns:
        By other control, part ("whole" first) and class group: gain, low and high (95 %) of each score; not a number
        where no recording can tell. More is better for both.
    """
    rule, names = rule_of(challenge), list(wanted)
    tables = {}
    for control, told in found.items():
        runs = [told] if isinstance(told, Mapping) else list(told)
        counted = [[counts(wanted[n], run[n], challenge, len(classes))[None] for run in runs] for n in names]
        tables[control] = join([join(row)[None] for row in counted])  # (recording, seed, class)
    first, *others = tables
    known = [measure for measure in GAINS if measure in evaluate(tables[first].sum(), rule)[1]]
    rows = {"whole": names} | dict(parts or {})
    result: dict[str, dict[str, dict[str, Gain]]] = {}
    for other in others:
        result[other] = {}
        for part, members in rows.items():
            chosen = [names.index(name) for name in members]
            one, two = tables[first][chosen], tables[other][chosen]
            heard = one.reference.sum(axis=(0, 1)) > 0
            result[other][part] = {}
            for group, labels in class_groups(classes).items():
                kept = [label for label in labels if heard[label]]

                def group_score(sums: Counts, measure: str, kept: list[int] = kept) -> np.ndarray:
                    value = np.asarray(evaluate(sums, rule)[1][measure])[..., kept]
                    # A class that no drawn recording holds has no score and is left out of that draw.
                    there = sums.reference[..., kept] > 0
                    some = np.where(there.any(axis=-1), there.sum(axis=-1), np.nan)
                    mean = np.where(there, value, 0).sum(axis=-1) / some
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
    """Rows of `gains` as text, with 95 % intervals."""
    told = next(iter(next(iter(next(iter(result.values())).values())).values()))
    title = "".join(
        f"{f'{SCORES[measure].gain_unit} of {measure}':>16}{'95 % interval':>16}" for measure in told
    )
    lines = [f"{'gain (more is better)':<36}{title}"]
    for other, parts in result.items():
        for part, groups in parts.items():
            for group, told in groups.items():
                cells = ""
                for gain, low, high in told.values():
                    cells += f"{gain:>+16.1f}{f'{low:+.1f} to {high:+.1f}':>16}"
                lines.append(f"{f'{first} - {other}, {part}, {group}':<36}{cells}")
    return "\n".join(lines)


def read_parts(path: Path, names: Collection[str]) -> dict[str, list[str]]:
    """Parts of a set of recordings from a csv with the columns recording and part, as the scene generator writes it.

    Args:
        path: the file; rows of other recordings are passed over.
        names: recordings of the set.

    Raises:
        BadInput: no such file or columns, or a recording of the set that it does not name.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            part = {row["recording"]: row["part"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path}: cannot be read ({error}); give a csv with the columns recording,part"
        ) from error
    if left := sorted(set(names) - set(part)):
        raise BadInput(f"{path}: does not name {left[0]}; give each recording a part")
    parts: dict[str, list[str]] = {}
    for name in names:
        parts.setdefault(part[name], []).append(name)
    return dict(sorted(parts.items()))
