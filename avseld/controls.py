"""What vision gains: the same recordings shown their own videos, those of others, none, or played in silence."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from avseld.events import Events
from avseld.metrics import Counts, counts
from avseld.metrics.confidence import paired_bootstrap
from avseld.metrics.counts import join
from avseld.metrics.rules import rule_of
from avseld.metrics.scores import evaluate

PEOPLE = {"speech", "man", "woman", "male", "female", "clapping", "clap", "laughter", "footsteps", "walk"}
"""Words of the names of classes that people make, whom a camera can see."""


def class_groups(classes: Sequence[str]) -> dict[str, list[int]]:
    """Classes made by people and the others, by the words of their names; all of them first."""
    people = [i for i, name in enumerate(classes) if PEOPLE & set(re.findall("[a-z]+", name.lower()))]
    other = [i for i in range(len(classes)) if i not in people]
    groups = {"all": list(range(len(classes))), "people": people, "other": other}
    return {name: members for name, members in groups.items() if members}


def gains(
    wanted: Mapping[str, Events],
    found: Mapping[str, Mapping[str, Events]],
    classes: Sequence[str],
    challenge: int | str,
    parts: Mapping[str, Sequence[str]] | None = None,
    seed: int = 0,
) -> dict[str, dict[str, dict[str, list[float]]]]:
    """By how much the F-score of the first control exceeds that of each other one.

    A group's F-score is the mean over its classes that are heard in the recordings. Both controls are scored on
    the same drawn recordings, so that hard recordings do not blur the difference.

    Args:
        wanted: reference by recording.
        found: predictions by control and recording.
        classes: names.
        challenge: year of the score.
        parts: recordings by the name of a part of the set, a room say, which is reported beside the whole.
        seed: of the bootstrap.

    Returns:
        By other control, part ("whole" first) and class group: gain, low and high (95 %); not a number where
        no recording can tell.
    """
    rule, names = rule_of(challenge), list(wanted)
    tables = {
        control: join([counts(wanted[n], events[n], challenge, len(classes))[None] for n in names])
        for control, events in found.items()
    }
    first, *others = tables
    rows = {"whole": names} | dict(parts or {})
    result: dict[str, dict[str, dict[str, list[float]]]] = {}
    for other in others:
        result[other] = {}
        for part, members in rows.items():
            chosen = [names.index(name) for name in members]
            one, two = tables[first][chosen], tables[other][chosen]
            heard = one.reference.sum(axis=0) > 0
            result[other][part] = {}
            for group, labels in class_groups(classes).items():
                kept = [label for label in labels if heard[label]]

                def group_score(sums: Counts, kept: list[int] = kept) -> np.ndarray:
                    value = np.asarray(evaluate(sums, rule)[1]["F"])[..., kept]
                    # A class that no drawn recording holds has no score and is left out of that draw.
                    there = sums.reference[..., kept] > 0
                    some = np.where(there.any(axis=-1), there.sum(axis=-1), np.nan)
                    return np.where(there, value, 0).sum(axis=-1) / some

                if kept:
                    result[other][part][group] = paired_bootstrap(one, two, group_score, seed=seed)
    return result


def gain_table(first: str, result: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]) -> str:
    """Rows of `gains` as text, in points of F."""
    lines = [f"{'gain in F, points':<44}{'gain':>8}{'95 % interval':>20}"]
    for other, parts in result.items():
        for part, groups in parts.items():
            for group, (gain, low, high) in groups.items():
                interval = f"{100 * low:+.1f} to {100 * high:+.1f}"
                lines.append(f"{f'{first} - {other}, {part}, {group}':<44}{100 * gain:>+8.1f}{interval:>20}")
    return "\n".join(lines)
