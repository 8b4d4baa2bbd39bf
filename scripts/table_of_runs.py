"""Prints a table of the scores of evaluated runs: mean and, for several runs in a row, standard deviation.

    python scripts/table_of_runs.py [--json FILE] "audio-visual=RUN:aligned,RUN:aligned" "audio-only=RUN:blank"

Each RUN was evaluated by `avseld evaluate`; the word after the colon is a control, a row of its scores.json.
"""

import argparse
import json
import statistics
from pathlib import Path

from avseld.metrics import SCORES

COLUMNS = {SCORES[name].label: name for name in ("ER", "F", "LE", "LR", "seld_score")}
"""title -> key in scores.json"""


def read_scores(run_and_control: str) -> dict[str, float]:
    """Read the scores of a run under a control, given as RUN:CONTROL."""
    run, control = run_and_control.rsplit(":", 1)
    return json.loads((Path(run) / "evaluation" / "scores.json").read_text())["scores"][control]


def row(runs: list[dict[str, float]]) -> list[str]:
    """Format one row: the mean over runs and, for several runs, the standard deviation."""
    cells = []
    for name in COLUMNS.values():
        numbers = [run[name] for run in runs]
        cell = SCORES[name].text(statistics.mean(numbers))
        cells.append(
            cell if len(numbers) == 1 else f"{cell} ± {SCORES[name].text(statistics.stdev(numbers))}"
        )
    return cells


def markdown(lines: list[list[str]]) -> str:
    """Format cells as a Markdown table with aligned columns; the first line is the header."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = []
    for line in lines:
        first, *others = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        text.append("| " + " | ".join([first, *others]) + " |")
    rules = ["-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)]
    return "\n".join([text[0], "|" + "|".join(rules) + "|", *text[1:]])


def main() -> None:
    """Print the table as Markdown; write the scores as JSON on request."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="+", metavar="NAME=RUN:CONTROL[,RUN:CONTROL...]")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    scores = {}
    for each in args.rows:
        name, runs = each.split("=", 1)
        scores[name] = [read_scores(run) for run in runs.split(",")]
    print(markdown([["", *COLUMNS]] + [[name, *row(runs)] for name, runs in scores.items()]))
    if args.json:
        numbers = {
            name: [{title: run[key] for title, key in COLUMNS.items()} for run in runs]
            for name, runs in scores.items()
        }
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
