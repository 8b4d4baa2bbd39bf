"""Compares audio-visual and audio-only runs of scripts/demo_vision.sh.

    python scripts/table_of_vision.py FOLDER [--seeds "0 1 2"]

Prints a table and writes FOLDER/vision.json and FOLDER/vision.md. Scores are means over the seeds; intervals are 95 %
intervals of a paired bootstrap over recordings.
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

HARD_PRESETS = ("reverberant", "noisy", "crowded")
AUDIO_ONLY, SHUFFLED = "audio-only", "audio-visual, videos of other recordings"
ROWS = {
    "audio-visual": ("audio_visual", "aligned"),
    AUDIO_ONLY: ("audio_only", "blank"),
    SHUFFLED: ("audio_visual", "shuffled"),
    "audio-visual, no video": ("audio_visual", "blank"),
    "audio-visual, no sound": ("audio_visual", "silent"),
}
"""row -> (run, control)"""
YEAR = 2023


def read_predictions(folder: Path, run: str, control: str, names: list[str]) -> dict[str, Events]:
    """Read the predictions of a run under a control, by recording."""
    evaluation = folder / run / "evaluation" / control
    return {name: read_dcase(evaluation / f"{name}.csv")[0] for name in names}


def mean_scores(
    references: dict[str, Events], runs: list[dict[str, Events]], classes: list[str]
) -> dict[str, float]:
    """Compute F and LE over all classes and over human classes: mean and standard deviation over the runs."""
    scores: dict[str, list[float]] = {}
    people = class_groups(classes)["people"]
    for run in runs:
        result = score(references, {name: run[name] for name in references}, YEAR, n_classes=len(classes))
        for name in ("F", "LE"):
            scores.setdefault(name, []).append(result[name])
            scores.setdefault(f"people {name}", []).append(
                float(np.mean(np.array(result.classwise[name])[people]))
            )
    return {name: float(np.mean(values)) for name, values in scores.items()} | {
        f"{name} spread": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        for name, values in scores.items()
    }


def main() -> None:
    """Print the table and write the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="0 1 2")
    args = parser.parse_args()
    folder, seeds = args.folder, args.seeds.split()
    prepared = folder / "prepared"
    classes = read_classes(prepared)
    test = [recording for recording in read_manifest(prepared) if recording.fold == "fold4"]
    references = {recording.name: reference(recording, len(classes)) for recording in test}
    parts = read_parts(folder / "raw" / "presets.csv", list(references))
    runs = {
        row: [read_predictions(folder, f"{run}_{seed}", control, list(references)) for seed in seeds]
        for row, (run, control) in ROWS.items()
    }
    hard = [name for preset in HARD_PRESETS for name in parts[preset]]
    sets = {"hard": hard, **{preset: parts[preset] for preset in (*HARD_PRESETS, "easy")}}
    scores = {
        part: {
            row: mean_scores({name: references[name] for name in names}, predictions, classes)
            for row, predictions in runs.items()
        }
        for part, names in sets.items()
    }
    gains_of_part = {}
    for part, names in sets.items():
        chosen = {
            row: [{name: run[name] for name in names} for run in predictions]
            for row, predictions in runs.items()
        }
        gains_of_row = gains({name: references[name] for name in names}, chosen, classes, YEAR)
        gains_of_part[part] = {row: gains_of_row[row]["whole"] for row in list(ROWS)[1:]}
    result = _summary(gains_of_part) | {
        "seeds": seeds,
        "recordings": {part: len(names) for part, names in sets.items()},
        "scores": scores,
        "gains": gains_of_part,
    }
    text = _table(scores, gains_of_part)
    (folder / "vision.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (folder / "vision.md").write_text(text, encoding="utf-8")
    print(text)
    low, high = result["gain_f20_interval"]
    print(
        f"human classes, {', '.join(HARD_PRESETS)}: audio-visual over audio-only "
        f"{result['gain_f20_points']:+.1f} points of F20 ({low:+.1f} to {high:+.1f}), "
        f"{result['gain_le_degrees']:+.1f} degrees of LE_CD;"
    )
    print(f"with videos of other recordings {result['gain_over_shuffled_points']:.1f} points are lost")


def _summary(gains_of_part: dict) -> dict:
    """Collect the gains over audio-only and over shuffled videos, with their intervals."""
    audio_only, shuffled = gains_of_part["hard"][AUDIO_ONLY], gains_of_part["hard"][SHUFFLED]
    f20, le, f20_shuffled = audio_only["people"]["F"], audio_only["people"]["LE"], shuffled["people"]["F"]
    f20_easy = gains_of_part["easy"][AUDIO_ONLY]["all"]["F"]
    return {
        "gain_f20_points": f20[0],
        "gain_f20_interval": f20[1:],
        "gain_le_degrees": le[0],
        "gain_le_interval": le[1:],
        "gain_lost_by_shuffling": f20_shuffled[0] / f20[0] if f20[0] > 0 else None,
        "gain_over_shuffled_points": f20_shuffled[0],
        "gain_over_shuffled_interval": f20_shuffled[1:],
        "easy_gain_f20_points": f20_easy[0],
        "easy_gain_f20_interval": f20_easy[1:],
    }


def _table(scores: dict, gains_of_part: dict) -> str:
    lines = [
        "| scenes | system | F20 | LE_CD | F20, people | LE_CD, people | gain of audio-visual, people |",
        "|" + "---|" * 7,
    ]
    for part, rows in scores.items():
        title = ", ".join(HARD_PRESETS) if part == "hard" else part
        for row, value in rows.items():
            cells = [
                f"{100 * value['F']:.1f} ± {100 * value['F spread']:.1f}",
                f"{value['LE']:.1f}",
                f"{100 * value['people F']:.1f} ± {100 * value['people F spread']:.1f}",
                f"{value['people LE']:.1f}",
            ]
            gain = gains_of_part[part].get(row, {}).get("people")
            text = ""
            if gain:
                (f, f_low, f_high), (le, le_low, le_high) = gain["F"], gain["LE"]
                text = f"{f:+.1f} points ({f_low:+.1f} to {f_high:+.1f}), {le:+.1f}° ({le_low:+.1f} to {le_high:+.1f})"
            lines.append("| " + " | ".join([title, row, *cells, text]) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
