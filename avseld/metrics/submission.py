"""Whether a folder is a valid submission to a challenge year, with everything that speaks against it."""

from pathlib import Path

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import read_dcase
from avseld.io.labels import is_prepared_csv
from avseld.metrics.folders import open_pair
from avseld.metrics.rules import Rule, rule_of

NEEDED: dict[int, tuple[str, ...]] = {2024: ("distance",), 2025: ("azimuth", "distance")}
"""columns beside frame, class and a direction that a year asks for"""
MOST = 20
"""problems that are named; the rest is counted"""


def problems(reference: Path, prediction: Path, challenge: int, n_classes: int | None = None) -> list[str]:
    """What keeps a folder from being a valid submission; nothing if it is one.

    Looked at: one file for every recording and no other, readable rows of the year's columns, known classes,
    directions in range, no row twice, no frame behind the end.

    Args:
        reference: folder of labels, for the names, lengths and classes.
        prediction: folder of the submission.
        challenge: year.
        n_classes: number of classes; None as in `avseld.metrics.score`.
    """
    rule = rule_of(challenge)
    found = []
    try:
        pairing = open_pair(reference, prediction, rule, n_classes, distance_unit="none")
    except BadInput as error:
        return [str(error)]
    for name in pairing.names:
        try:
            pairing.pair(name)
            path = pairing.prediction[name]
            if isinstance(path, Path) and (problem := _columns(path, rule)):
                found.append(problem)
        except BadInput as error:
            found.append(str(error))
    return found if len(found) <= MOST else [*found[:MOST], f"... and {len(found) - MOST} files more"]


def _columns(path: Path, rule: Rule) -> str:
    if is_prepared_csv(path):
        return f"{path}:1: a file of a prepared folder; submissions are frame csv without times"
    events, dialect = read_dcase(path, metres_per_unit=rule.prediction_unit, hop=rule.hop)
    if not len(events):
        return ""
    absent = [column for column in NEEDED.get(rule.year, ()) if column not in dialect.columns]
    if absent:
        return f"{path}: no column {' and '.join(absent)}; {rule.year} asks for it"
    if not ({"azimuth"} <= set(dialect.columns) or {"x", "y", "z"} <= set(dialect.columns)):
        return f"{path}: no direction; add azimuth and elevation or x, y, z"
    return ""
