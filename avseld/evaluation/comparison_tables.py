"""Tables of a comparison of runs: scores of groups and their differences, as text, Markdown and csv files."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avseld.base.files import replacing
from avseld.metrics import SCORES
from avseld.metrics.definitions import label_of

if TYPE_CHECKING:
    from avseld.evaluation.compare import Counted


def score_lines(groups: Mapping[str, Sequence["Counted"]]) -> list[list[str]]:
    """Write mean and, for several runs, standard deviation of each group's scores.

    Args:
        groups: runs by name.

    Returns:
        Cells of a table: a line of titles, a line of each group.
    """
    names = list(next(iter(groups.values()))[0].scores)
    lines = [["", *(label_of(name, names) for name in names)]]
    for group, members in groups.items():
        cells = []
        for name in names:
            values = [run.scores[name] for run in members]
            deviation = f" ± {SCORES[name].text(float(np.std(values, ddof=1)))}" if len(values) > 1 else ""
            cells.append(SCORES[name].text(float(np.mean(values))) + deviation)
        lines.append([group, *cells])
    return lines


def score_table(groups: Mapping[str, Sequence["Counted"]]) -> str:
    """Format the scores of each group and the number of its runs."""
    head, *lines = score_lines(groups)
    counts = [str(len(members)) for members in groups.values()]
    rows = [[name, count, *cells] for (name, *cells), count in zip(lines, counts, strict=True)]
    return _columns([["mean ± deviation over runs", "runs", *head[1:]], *rows])


def markdown_table(lines: Sequence[Sequence[str]]) -> str:
    """Format cells as a Markdown table with aligned columns.

    Args:
        lines: the first is the header; first cells are names, the others numbers.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = []
    for line in lines:
        first, *cells = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        rows.append("| " + " | ".join([first.strip().ljust(widths[0]), *cells]) + " |")
    rules = ["-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)]
    return "\n".join([rows[0], "|" + "|".join(rules) + "|", *rows[1:]])


def difference_table(differences: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]) -> str:
    """Format differences with their intervals, a line each; a star marks an interval without 0."""
    lines = [["difference", "score", "", "95 % from", "to", ""]]
    for (one, two), scores in differences.items():
        for name, values in scores.items():
            star = "*" if values[1] > 0 or values[2] < 0 else ""
            cells = [SCORES[name].text(value, extra_digits=1) for value in values]
            lines.append([f"{one} - {two}", label_of(name, scores), *cells, star])
    return _columns(lines)


def _columns(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = []
    for line in lines:
        first, *cells = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        rows.append("  ".join([first.strip().ljust(widths[0]), *cells]).rstrip())
    return "\n".join(rows)


def write_tables(
    out: Path,
    groups: Mapping[str, Sequence["Counted"]],
    differences: Mapping[tuple[str, str], Mapping[str, Sequence[float]]],
) -> None:
    """Write scores.csv, a row per run, and differences.csv, a row per pair of groups and score."""
    names = list(next(iter(groups.values()))[0].scores)
    scores = [["group", "run", *names]]
    for group, members in groups.items():
        scores += [
            [group, str(run.member), *(f"{run.scores[name]:.6g}" for name in names)] for run in members
        ]
    rows = [["first", "second", "score", "difference", "low", "high"]]
    for (one, two), pair in differences.items():
        rows += [[one, two, name, *(f"{value:.6g}" for value in values)] for name, values in pair.items()]
    for name, lines in (("scores.csv", scores), ("differences.csv", rows)):
        with (
            replacing(out / name) as temporary,
            Path(temporary).open("w", encoding="utf-8", newline="") as file,
        ):
            csv.writer(file, lineterminator="\n").writerows(lines)
