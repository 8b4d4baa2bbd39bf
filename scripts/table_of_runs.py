"""Puts the scores of several evaluated runs in one table: mean and, where a row has several runs, their spread.

    python scripts/table_of_runs.py [--json FILE] "audio-visual=RUN:aligned,RUN:aligned" "audio-only=RUN:blank"

Each RUN was evaluated by `avseld evaluate`; the word after the colon names a row of its scores.json.
"""

import argparse
import json
import statistics
from pathlib import Path

COLUMNS = {
    "ER20": ("ER", "{:.2f}"),
    "F20": ("F", "{:.3f}"),
    "LE_CD": ("LE", "{:.1f}"),
    "LR_CD": ("LR", "{:.3f}"),
    "SELD": ("seld_score", "{:.3f}"),
}


def values(where: str) -> dict[str, float]:
    """Scores of one run under one control."""
    run, control = where.rsplit(":", 1)
    return json.loads((Path(run) / "evaluation" / "scores.json").read_text())["scores"][control]


def row(runs: list[dict[str, float]]) -> list[str]:
    """Cells of one row: the mean, and the standard deviation of several runs."""
    cells = []
    for name, form in COLUMNS.values():
        numbers = [run[name] for run in runs]
        cell = form.format(statistics.mean(numbers))
        cells.append(cell if len(numbers) == 1 else f"{cell} ± {form.format(statistics.stdev(numbers))}")
    return cells


def main() -> None:
    """Print the table as Markdown, and write the numbers as JSON if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="+", metavar="NAME=RUN:CONTROL[,RUN:CONTROL...]")
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    found = {}
    for one in words.rows:
        name, runs = one.split("=", 1)
        found[name] = [values(where) for where in runs.split(",")]
    lines = [["", *COLUMNS]] + [[name, *row(runs)] for name, runs in found.items()]
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    for number, line in enumerate(lines):
        cells = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("| " + " | ".join(cells) + " |")
        if number == 0:
            print(
                "|"
                + "|".join(
                    "-" * (width + 1) + ("-" if place == 0 else ":") for place, width in enumerate(widths)
                )
                + "|"
            )
    if words.json:
        numbers = {
            name: [{k: run[v[0]] for k, v in COLUMNS.items()} for run in runs] for name, runs in found.items()
        }
        words.json.parent.mkdir(parents=True, exist_ok=True)
        words.json.write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
