"""Scores of each class of one evaluation, as lines under the table of scores and as a csv file."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from avseld.base.files import replacing
from avseld.metrics import SCORES
from avseld.metrics.definitions import label_of

COLUMN = 9
"""characters of a score, as in the table of scores"""


def class_table(scores: Mapping[str, Any], classes: Sequence[str]) -> str:
    """Format the scores of each class, a line each, with its number of reference events.

    Args:
        scores: `avseld.metrics.Scores.as_dict` of one control.
        classes: class names.
    """
    names = _names(scores)
    width = max(map(len, classes)) + 2
    lines = [
        " " * width
        + "".join(f"{label_of(name, scores):>{COLUMN}}" for name in names)
        + f"{'events':>{COLUMN}}"
    ]
    for index, title in enumerate(classes):
        cells = [_text(name, scores["classwise"][name][index]) for name in names]
        cells.append(_events(scores, index))
        lines.append(f"{title:<{width}}" + "".join(f"{cell:>{COLUMN}}" for cell in cells))
    return "\n".join(lines)


def write_class_scores(path: Path, scores: Mapping[str, Any], classes: Sequence[str]) -> None:
    """Write a csv with a row for each class: class, a column for each score, events; empty where there is none.

    Args:
        path: the file.
        scores: as for `class_table`.
        classes: class names.
    """
    names = _names(scores)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["class", *names, "events"])
        for index, title in enumerate(classes):
            values = [scores["classwise"][name][index] for name in names]
            writer.writerow(
                [title, *("" if value is None else value for value in values), _events(scores, index)]
            )


def _names(scores: Mapping[str, Any]) -> list[str]:
    """List the scores that a class has of its own: the error rate is one number over all classes."""
    return [name for name in SCORES if name in scores["classwise"] and name != "ER"]


def _events(scores: Mapping[str, Any], index: int) -> str:
    return str(scores["events"][index]) if index < len(scores["events"]) else ""


def _text(name: str, value: float | None) -> str:
    text = SCORES[name].text(value)
    return text if text == "-" else text + SCORES[name].unit
