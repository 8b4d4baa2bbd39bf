"""Puts systems that were evaluated on the same recordings in one table: SELD scores and when each class was heard.

    python scripts/table_of_systems.py PREPARED FOLDER SYSTEM [SYSTEM ...]

FOLDER/SYSTEM is a run, evaluated by `avseld evaluate --untrained`. Segment F is that of sound event detection in
segments of 1 s, class average, of the same predictions; systems that hear no directions have nothing else.
"""

import argparse
import json
from pathlib import Path

from avseld.io.dcase_csv import read_dcase
from avseld.io.events import Events, read_events
from avseld.io.manifest import read_classes
from avseld.metrics.sed import segment_based

COLUMNS = {"ER": "{:.2f}", "F": "{:.3f}", "LE": "{:.1f}", "LR": "{:.3f}", "seld_score": "{:.3f}"}
TITLES = ("system", "parameters", "ER20", "F20", "LE_CD", "LR_CD", "SELD", "segment F", "F20 untrained")


def read(path: Path) -> Events:
    """A prediction in either form that `avseld evaluate` writes."""
    text = path.read_text(encoding="utf-8")
    return read_events(path) if text.startswith("onset") else read_dcase(path)[0]


def cells(prepared: Path, run: Path) -> list[str]:
    """One row of the table."""
    about = json.loads((run / "evaluation" / "scores.json").read_text())
    control = next(name for name in about["scores"] if name != "untrained")
    paths = sorted((run / "evaluation" / control).glob("*.csv"))
    found = {path.stem: read(path) for path in paths}
    wanted = {path.stem: read_events(prepared / "labels" / path.name) for path in paths}
    heard = segment_based(wanted, found, len(read_classes(prepared)), zero_if_silent=True)
    row = about["scores"][control]
    scores = [form.format(row[name]) if "seld_score" in row else "-" for name, form in COLUMNS.items()]
    before = about["scores"]["untrained"]
    return [
        run.name,
        f"{about['parameters']:,}",
        *scores,
        f"{heard.F:.3f}",
        f"{before['F']:.3f}" if "seld_score" in before else "-",
    ]


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("prepared", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("systems", nargs="+")
    words = parser.parse_args()
    print("| " + " | ".join(TITLES) + " |")
    print("|---" + "|--:" * (len(TITLES) - 1) + "|")
    for system in words.systems:
        print("| " + " | ".join(cells(words.prepared, words.folder / system)) + " |")


if __name__ == "__main__":
    main()
