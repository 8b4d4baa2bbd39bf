"""Prints and writes the table of the runs of scripts/compare_encoders.sh.

    python scripts/table_of_encoders.py FOLDER [--baseline SYSTEM] [--measured SYSTEM]

FOLDER holds runs named SYSTEM_SEED, or SYSTEM_AUGMENTATION_SEED, each evaluated. Writes FOLDER/encoders.json and
encoders.md. Scores are means over the seeds; intervals of the gains over SYSTEM (baseline) are 95 % intervals of a
paired bootstrap over recordings. With --measured, prints the line of a trial training for steps.csv instead.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from avseld.data.windows import reference
from avseld.evaluation.ablation import gains
from avseld.io.dcase_csv import read_dcase
from avseld.io.events import Events
from avseld.io.manifest import read_classes, read_manifest
from avseld.metrics import score
from avseld.recipes.listing import system_of
from avseld.system.reach import reach_of

YEAR = 2023
SEGMENT = re.compile(r"step (\d+) of \d+:.* ([\d.]+) s loading, ([\d.]+) s training")
"""in train.log: what was done since the validation before"""


def measured(folder: Path, system: str) -> str:
    """Return the line of steps.csv of a trial: the fastest stretch between two validations, without the first."""
    trial = folder / "trials" / system
    stretches = SEGMENT.findall((trial / "train.log").read_text(encoding="utf-8"))
    seconds, before = [], 0
    for step, loading, training in stretches:
        seconds.append((float(loading) + float(training)) / (int(step) - before))
        before = int(step)
    precision = yaml.safe_load((trial / "config.yaml").read_text(encoding="utf-8"))["hardware"]["precision"]
    return f"{system},{min(seconds[1:]):.4g},{precision}"


def runs_of(folder: Path) -> dict[str, dict[str, Path]]:
    """Find the evaluated runs: row -> seed -> run folder."""
    rows: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob("*/evaluation/scores.json")):
        name, _, seed = path.parents[1].name.rpartition("_")
        rows.setdefault(name, {})[seed] = path.parents[1]
    return rows


def predictions_of(run: Path, names: list[str]) -> dict[str, Events]:
    """Read the predictions of a run by recording."""
    (found,) = {path.parent for path in (run / "evaluation").glob("*/*.csv") if path.stem in names}
    return {name: read_dcase(found / f"{name}.csv")[0] for name in names}


def describe(run: Path) -> dict[str, float]:
    """Return parameters, operations for a second of sound, steps, and hours of sound that training windows held."""
    recipe = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    system = system_of(str(run), recipe)
    sound_h = recipe["steps"] * recipe["data"]["batch_size"] * recipe["data"]["chunk"] / 3600
    return {
        "parameters": system.parameter_count,
        "gflop_per_second": round(reach_of(system).gflop_per_second, 3),
        "steps": recipe["steps"],
        "sound_h": round(sound_h, 2),
        "precision": recipe["hardware"]["precision"],
        "augment": [part["name"] for part in recipe.get("augment") or []],
    }


def rows_of(folder: Path, baseline: str) -> Iterator[tuple[str, dict]]:
    """Score every row of runs, beside a baseline: its name and its cells."""
    prepared = folder / "prepared"
    classes = read_classes(prepared)
    test = [recording for recording in read_manifest(prepared) if recording.fold == "fold4"]
    references = {recording.name: reference(recording, len(classes)) for recording in test}
    runs = {
        row: [predictions_of(run, list(references)) for run in seeds.values()]
        for row, seeds in runs_of(folder).items()
    }
    folders = runs_of(folder)
    for row, predictions in runs.items():
        scores = [score(references, run, YEAR, n_classes=len(classes)) for run in predictions]
        cells: dict = describe(next(iter(folders[row].values()))) | {"seeds": list(folders[row])}
        for name in ("F", "LE", "LR", "ER"):
            values = [each[name] for each in scores]
            cells[name] = float(np.mean(values))
            cells[f"{name}_deviation"] = float(np.std(values, ddof=1)) if len(values) > 1 else None
        if row != baseline and baseline in runs:
            pair = {row: predictions, baseline: runs[baseline]}
            gained = gains(references, pair, classes, YEAR)[baseline]["whole"]["all"]
            cells["gain"] = {measure: list(values) for measure, values in gained.items()}
        yield row, cells


def table(rows: dict[str, dict]) -> str:
    """Format the rows as Markdown, the highest F20 first."""
    lines = [
        "| network | parameters | GFLOP/s | steps | hours of sound | F20 | LE_CD | LR_CD | F20 over the baseline "
        "| LE_CD below it |",
        "|---|--:|--:|--:|--:|--:|--:|--:|---|---|",
    ]
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["F"]):
        deviation = f" ± {100 * row['F_deviation']:.1f}" if row["F_deviation"] is not None else ""
        gain, nearer = (
            "{:+.1f} ({:+.1f} to {:+.1f})".format(*row["gain"][measure]) if "gain" in row else ""
            for measure in ("F", "LE")
        )
        lines.append(
            f"| {name} | {row['parameters']:,} | {row['gflop_per_second']:.2f} | {row['steps']:,} "
            f"| {row['sound_h']:.1f} | {100 * row['F']:.1f}{deviation} % | {row['LE']:.1f}° | {100 * row['LR']:.1f} % "
            f"| {gain} | {nearer} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table and write the files, or print the line of a trial."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--baseline", metavar="SYSTEM", default="baseline")
    parser.add_argument("--measured", metavar="SYSTEM")
    args = parser.parse_args()
    if args.measured:
        print(measured(args.folder, args.measured))
        return
    rows = dict(rows_of(args.folder, args.baseline))
    text = table(rows)
    (args.folder / "encoders.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    (args.folder / "encoders.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
