"""The command `score`: two folders in, a table or JSON out."""

import json as json_text
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np

from avseld.base.errors import BadInput
from avseld.metrics import RULES, Scores, scores_from_counts
from avseld.metrics.api import count_pairs
from avseld.metrics.counts import Counts
from avseld.metrics.folders import Pairing, open_pair
from avseld.metrics.rules import Rule, rule_of
from avseld.metrics.seld import ScoringOptions
from avseld.metrics.submission import problems
from avseld.metrics.table import table


def score(
    reference: Path,
    prediction: Path,
    challenge: int | None = None,
    average: Literal["macro", "micro"] = "macro",
    jackknife: bool = False,
    json: bool = False,
    missing: Literal["error", "empty"] = "error",
    check_only: bool = False,
    distance_unit: Literal["cm", "m", "none"] | None = None,
    corrected: bool = False,
    per: Literal["room", "overlap"] | None = None,
    fold: str | None = None,
    onscreen: bool = False,
    n_classes: int | None = None,
    grid: bool = False,
) -> int:
    """Score prediction files against label files like the official scorer of a year.

    Args:
        reference: folder of labels, a prepared folder, or one file: of one recording, or a sheet with a column `file`.
        prediction: folder of predictions, one csv file per recording, matched by name; or one file.
        challenge: year of the rules, 2019 to 2025.
        average: macro or micro; up to 2021 micro only.
        jackknife: add 95 % confidence intervals over recordings.
        json: print one JSON object instead of a table.
        missing: treat a recording without prediction as an error, or as empty.
        check_only: only check whether the predictions are a valid submission.
        distance_unit: unit of distances in prediction files, if not the year's; none = do not score them.
        corrected: correct the defects of the official code (listed in `avseld.metrics.seld`).
        per: add the scores of each room, or of each number of simultaneous reference events.
        fold: score only this fold or room or recording, named as in the manifest beside the labels.
        onscreen: 2025, a true positive must also have the right visibility (F20 on/off).
        n_classes: number of classes, if neither classes.txt beside the labels nor the year gives it.
        grid: 2019, quantize directions to the 10-degree grid, as its stand-alone script does.

    Returns:
        Exit status: 2 if a submission is not valid.

    Raises:
        BadInput: files do not match or cannot be read; names them.
    """
    if challenge is None:
        raise BadInput(f"which year's rules? add --challenge, one of {', '.join(map(str, RULES))}")
    if check_only:
        return _check(reference, prediction, challenge, n_classes, json)
    rule = rule_of(challenge)
    pairing = open_pair(reference, prediction, rule, n_classes, missing, distance_unit, fold)
    options = ScoringOptions(pairing.n_classes, corrected, pairing.distance, onscreen)
    counts = count_pairs(pairing, rule, options, grid)
    result = scores_from_counts(counts, average, challenge, jackknife, corrected)
    parts = {}
    if per:
        parts = {
            name: scores_from_counts(part, average, challenge, corrected=corrected)
            for name, part in PARTS[per](pairing, counts, rule, options).items()
        }
    note = ", corrected" if corrected else ""
    if json:
        whole: dict[str, Any] = result.as_dict()
        if per:
            whole["per_" + per] = {name: _without_classes(part) for name, part in parts.items()}
        sys.stdout.write(json_text.dumps(whole) + "\n")
    else:
        sys.stdout.write(table(result, pairing.classes, parts, per or "", note))
    return 0


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


def _check(reference: Path, prediction: Path, challenge: int, n_classes: int | None, json: bool) -> int:
    reasons = problems(reference, prediction, challenge, n_classes)
    if json:
        answer = {"challenge": challenge, "valid": not reasons, "problems": reasons}
        sys.stdout.write(json_text.dumps(answer) + "\n")
    elif reasons:
        sys.stdout.write(
            "\n".join([f"{prediction}: not a valid submission for {challenge}", *reasons]) + "\n"
        )
    else:
        sys.stdout.write(f"{prediction}: a valid submission for {challenge}\n")
    return 2 if reasons else 0
