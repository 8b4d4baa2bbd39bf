"""Validity of a folder as a submission to a challenge year."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import read_dcase
from avseld.io.labels import label_format
from avseld.metrics.folders import open_pair
from avseld.metrics.rules import Rule, rule_of

REQUIRED_COLUMNS: dict[int, tuple[str, ...]] = {2024: ("distance",), 2025: ("azimuth", "distance")}
"""columns that a year requires beside frame, class and a direction"""
MAX_PROBLEMS = 20
"""problems that are named; the rest is counted"""


def problems(
    reference: Path,
    prediction: Path,
    challenge: int,
    n_classes: int | None = None,
    fold: str | None = None,
    missing: str = "error",
    parts: Mapping[str, list[str]] | None = None,
) -> list[str]:
    """List the reasons why a folder is not a valid submission; empty if it is one.

    Checked: exactly one file per recording, readable rows, the columns of the year, known classes, directions in
    range. Repeated rows and frames after the end, which the official scorers accept, are warned about.

    Args:
        reference: folder of labels, for the names, lengths and classes.
        prediction: folder of the submission.
        challenge: year.
        n_classes: number of classes; None as in `avseld.metrics.score`.
        fold: check only this fold, see `avseld.metrics.score`.
        missing: error, or empty to accept recordings without prediction.
        parts: see `avseld.metrics.folders.open_pair`.

    Returns:
        At most 20 problems, one line each, and the number of further ones.
    """
    rule = rule_of(challenge)
    reasons = []
    try:
        pairing = open_pair(reference, prediction, rule, n_classes, missing, "none", fold, parts)
        pairing = replace(pairing, strict=True)
    except BadInput as error:
        return [str(error)]
    for name in pairing.names:
        try:
            pairing.pair(name)
            path = pairing.prediction.get(name)
            if isinstance(path, Path) and (problem := _columns(path, rule)):
                reasons.append(problem)
        except BadInput as error:
            reasons.append(str(error))
    pairing.odd_rows.tell()
    if len(reasons) > MAX_PROBLEMS:
        reasons = [*reasons[:MAX_PROBLEMS], f"... and {len(reasons) - MAX_PROBLEMS} files more"]
    return reasons


def _columns(path: Path, rule: Rule) -> str:
    if label_format(path) != "frames":
        return f"{path}:1: events with times; submissions are frame csv without times"
    events, dialect = read_dcase(path, metres_per_unit=rule.prediction_unit, hop=rule.frame_hop)
    if not len(events):
        return ""
    absent = [column for column in REQUIRED_COLUMNS.get(rule.year, ()) if column not in dialect.columns]
    if absent:
        return f"{path}: no column {' and '.join(absent)}; {rule.year} asks for it"
    if not ({"azimuth"} <= set(dialect.columns) or {"x", "y", "z"} <= set(dialect.columns)):
        return f"{path}: no direction; add azimuth and elevation or x, y, z"
    return ""
