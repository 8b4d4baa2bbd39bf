"""Says what vision adds, from the evaluated runs of scripts/demo_vision.sh.

    python scripts/table_of_vision.py FOLDER [--seeds "0 1 2"]

Prints a table and writes FOLDER/vision.json and FOLDER/vision.md. Scores are means over the seeds; intervals are those
of a paired bootstrap over recordings (95 %).
"""

import argparse
import json
from pathlib import Path

import numpy as np

from avseld.data.windows import reference
from avseld.evaluation.ablation import class_groups, gains, read_parts
from avseld.io.dcase_csv import read_dcase
from avseld.io.events import Events
from avseld.io.manifest import read_classes, read_manifest
from avseld.metrics import score

HARD = ("reverberant", "noisy", "crowded")
ROWS = {
    "audio-visual": ("audio_visual", "aligned"),
    "audio-only twin": ("audio_only", "blank"),
    "audio-visual, videos of others": ("audio_visual", "shuffled"),
    "audio-visual, no video": ("audio_visual", "blank"),
    "audio-visual, no sound": ("audio_visual", "silent"),
}
YEAR = 2023


def told(folder: Path, run: str, control: str, names: list[str]) -> dict[str, Events]:
    """Predictions of a run under a control, by recording."""
    place = folder / run / "evaluation" / control
    return {name: read_dcase(place / f"{name}.csv")[0] for name in names}


def scored(wanted: dict[str, Events], runs: list[dict[str, Events]], classes: list[str]) -> dict[str, float]:
    """F and LE, of all and of people-made classes, means over the runs."""
    found: dict[str, list[float]] = {}
    people = class_groups(classes)["people"]
    for run in runs:
        result = score(wanted, {name: run[name] for name in wanted}, YEAR, n_classes=len(classes))
        for name in ("F", "LE"):
            found.setdefault(name, []).append(result[name])
            found.setdefault(f"people {name}", []).append(
                float(np.mean(np.array(result.classwise[name])[people]))
            )
    return {name: float(np.mean(values)) for name, values in found.items()} | {
        f"{name} spread": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        for name, values in found.items()
    }


def main() -> None:
    """Print the table and write the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="0 1 2")
    words = parser.parse_args()
    folder, seeds = words.folder, words.seeds.split()
    prepared = folder / "prepared"
    classes = read_classes(prepared)
    test = [recording for recording in read_manifest(prepared) if recording.fold == "fold4"]
    wanted = {recording.name: reference(recording, len(classes)) for recording in test}
    parts = read_parts(folder / "raw" / "presets.csv", list(wanted))
    runs = {
        row: [told(folder, f"{run}_{seed}", control, list(wanted)) for seed in seeds]
        for row, (run, control) in ROWS.items()
    }
    hard = [name for preset in HARD for name in parts[preset]]
    sets = {"hard": hard, **{preset: parts[preset] for preset in (*HARD, "easy")}}
    scores = {
        part: {
            row: scored({name: wanted[name] for name in names}, several, classes)
            for row, several in runs.items()
        }
        for part, names in sets.items()
    }
    others = list(ROWS)[1:]
    gained = {}
    for part, names in sets.items():
        chosen = {
            row: [{name: run[name] for name in names} for run in several] for row, several in runs.items()
        }
        told_of = gains({name: wanted[name] for name in names}, chosen, classes, YEAR)
        gained[part] = {row: told_of[row]["whole"] for row in others}
    against, shuffled = gained["hard"]["audio-only twin"], gained["hard"]["audio-visual, videos of others"]
    gain = against["people"]["F"]
    result = {
        "gain_f20_points": gain[0],
        "gain_f20_interval": gain[1:],
        "gain_le_degrees": against["people"]["LE"][0],
        "gain_le_interval": against["people"]["LE"][1:],
        "gain_lost_by_shuffling": shuffled["people"]["F"][0] / gain[0] if gain[0] > 0 else None,
        "gain_over_shuffled_points": shuffled["people"]["F"][0],
        "gain_over_shuffled_interval": shuffled["people"]["F"][1:],
        "easy_gain_f20_points": gained["easy"]["audio-only twin"]["all"]["F"][0],
        "easy_gain_f20_interval": gained["easy"]["audio-only twin"]["all"]["F"][1:],
        "seeds": seeds,
        "recordings": {part: len(names) for part, names in sets.items()},
        "scores": scores,
        "gains": gained,
    }
    text = _table(scores, gained)
    (folder / "vision.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (folder / "vision.md").write_text(text, encoding="utf-8")
    print(text)
    degrees, lost = against["people"]["LE"][0], shuffled["people"]["F"][0]
    print(
        f"people-made classes, {', '.join(HARD)}: {gain[0]:+.1f} points of F20 ({gain[1]:+.1f} to {gain[2]:+.1f}),"
    )
    print(f"{degrees:+.1f} degrees of LE_CD; the videos of other recordings cost {lost:.1f} points")


def _table(scores: dict, gained: dict) -> str:
    lines = [
        "| scenes | system | F20 | LE_CD | F20, people | LE_CD, people | gain of audio-visual, people |",
        "|" + "---|" * 7,
    ]
    for part, rows in scores.items():
        title = "reverberant, noisy, crowded" if part == "hard" else part
        for row, value in rows.items():
            cells = [
                f"{100 * value['F']:.1f} ± {100 * value['F spread']:.1f}",
                f"{value['LE']:.1f}",
                f"{100 * value['people F']:.1f} ± {100 * value['people F spread']:.1f}",
                f"{value['people LE']:.1f}",
            ]
            more = gained[part].get(row, {}).get("people")
            words = ""
            if more:
                (f, f_low, f_high), (le, le_low, le_high) = more["F"], more["LE"]
                words = f"{f:+.1f} points ({f_low:+.1f} to {f_high:+.1f}), {le:+.1f}° ({le_low:+.1f} to {le_high:+.1f})"
            lines.append("| " + " | ".join([title, row, *cells, words]) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
