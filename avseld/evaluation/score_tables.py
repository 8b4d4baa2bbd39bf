"""Tables of one evaluation: scores by visual input, and of each class, as text and as a csv file."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from avseld.base.files import replacing
from avseld.metrics import SCORES
from avseld.metrics.definitions import label_of, label_of_class, of_classes

COLUMN = 9
"""characters of a score, at least"""


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Format scores as a table.

    Args:
        results: scores by name, by row title.
    """
    names = [name for name in SCORES if any(name in row for row in results.values())]
    rows = {
        title: [SCORES[name].text_with_unit(row.get(name)) for name in names]
        for title, row in results.items()
    }
    return aligned([label_of(name, names) for name in names], rows.items())


def class_table(scores: Mapping[str, Any], classes: Sequence[str]) -> str:
    """Format the scores of each class, a line each, with its number of reference events.

    Args:
        scores: `avseld.metrics.Scores.as_dict` of one control.
        classes: class names.
    """
    names = _names(scores)
    counted = ["events"] if scores["events"] else []
    rows = {
        title: [
            *(SCORES[name].text_with_unit(scores["classwise"][name][index]) for name in names),
            *([_events(scores, index)] if counted else []),
        ]
        for index, title in enumerate(classes)
    }
    return aligned([*(label_of_class(name, scores) for name in names), *counted], rows.items())


def aligned(headings: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """Align the cells of rows, each with its title, under their headings."""
    lines = [("", headings), *rows]
    width = max(len(title) for title, _ in lines) + 2
    columns = [max(COLUMN, len(heading) + 2) for heading in headings]
    return "\n".join(
        f"{title:<{width}}"
        + "".join(f"{cell:>{column}}" for cell, column in zip(cells, columns, strict=True)).rstrip()
        for title, cells in lines
    )


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
    return of_classes((name for name in SCORES if name in scores["classwise"]), scores["challenge"])


def _events(scores: Mapping[str, Any], index: int) -> str:
    return str(scores["events"][index]) if index < len(scores["events"]) else ""
