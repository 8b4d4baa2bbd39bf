"""Validity of a folder as a submission to a challenge year."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import POLAR, read_dcase
from avseld.io.events import read_lines
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

    Raises:
        BadInput: a year without submissions.
    """
    rule = rule_of(challenge)
    if rule.year == 2018:
        raise BadInput("2018 was no challenge: there are no submissions; leave --check_only out")
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
            if isinstance(path, Path) and (
                problem := _columns(path, rule, pairing.n_classes, pairing.durations.get(name, 0.0))
            ):
                reasons.append(problem)
        except BadInput as error:
            reasons.append(str(error))
    pairing.odd_rows.tell()
    if len(reasons) > MAX_PROBLEMS:
        reasons = [*reasons[:MAX_PROBLEMS], f"... and {len(reasons) - MAX_PROBLEMS} files more"]
    return reasons


def _columns(path: Path, rule: Rule, n_classes: int, duration: float) -> str:
    if rule.year == 2019:
        return _rows_of_2019(path, rule, n_classes, duration)
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


def _rows_of_2019(path: Path, rule: Rule, n_classes: int, duration: float) -> str:
    """Find the first row that is not frame (20 ms), class, azimuth and elevation in whole numbers; empty if none."""
    n_frames = round(duration / rule.hop) if duration else 0
    ranges = ((0, n_frames - 1 if n_frames else None), (0, n_classes - 1), (-180, 180), (-90, 90))
    for line, text in enumerate(read_lines(path), start=1):
        cells = [cell.strip() for cell in text.split(",")]
        if len(cells) != len(POLAR[4]):
            return f"{path}:{line}: {len(cells)} columns; 2019 asks for {', '.join(POLAR[4])}, separated by commas"
        for name, cell, (low, high) in zip(POLAR[4], cells, ranges, strict=True):
            if re.fullmatch(r"-?\d+", cell) is None:
                return f"{path}:{line}: {name} '{cell}' is no whole number, which 2019 asks for"
            if int(cell) < low or (high is not None and int(cell) > high):
                return f"{path}:{line}: {name} {cell} is not from {low} to {high}"
    return ""
