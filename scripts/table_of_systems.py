"""Prints a table of systems evaluated on the same recordings: SELD scores and sound event detection scores.

    python scripts/table_of_systems.py PREPARED FOLDER SYSTEM [SYSTEM ...]

FOLDER/SYSTEM is a run, evaluated by `avseld evaluate --untrained`. Segment F is the class-averaged F-score of sound
event detection in segments of 1 s, from the same predictions; it is the only score of systems without directions.
"""

import argparse
import json
from pathlib import Path

from avseld.io.dcase_csv import read_dcase
from avseld.io.events import Events, read_events
from avseld.io.manifest import read_classes
from avseld.metrics import SCORES
from avseld.metrics.sed import segment_based

COLUMNS = ("ER", "F", "LE", "LR", "seld_score")
"""keys in scores.json"""
TITLES = (
    *("system", "parameters", *(SCORES[name].label for name in COLUMNS)),
    *("segment F", f"{SCORES['F'].label} untrained"),
)


def read(path: Path) -> Events:
    """Read a prediction in either format that `avseld evaluate` writes: events or DCASE rows."""
    text = path.read_text(encoding="utf-8")
    return read_events(path) if text.startswith("onset") else read_dcase(path)[0]


def cells(prepared: Path, run: Path) -> list[str]:
    """Format one row of the table."""
    result = json.loads((run / "evaluation" / "scores.json").read_text())
    control = next(name for name in result["scores"] if name != "untrained")
    paths = sorted((run / "evaluation" / control).glob("*.csv"))
    prediction = {path.stem: read(path) for path in paths}
    reference = {path.stem: read_events(prepared / "labels" / path.name) for path in paths}
    detection = segment_based(reference, prediction, len(read_classes(prepared)), zero_if_silent=True)
    row = result["scores"][control]
    scores = [SCORES[name].text(row.get(name) if "seld_score" in row else None) for name in COLUMNS]
    untrained = result["scores"]["untrained"]
    return [
        run.name,
        f"{result['parameters']:,}",
        *scores,
        f"{detection.F:.3f}",
        f"{untrained['F']:.3f}" if "seld_score" in untrained else "-",
    ]


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("prepared", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("systems", nargs="+")
    args = parser.parse_args()
    print("| " + " | ".join(TITLES) + " |")
    print("|---" + "|--:" * (len(TITLES) - 1) + "|")
    for system in args.systems:
        print("| " + " | ".join(cells(args.prepared, args.folder / system)) + " |")


if __name__ == "__main__":
    main()
