"""Prints and writes the tables of the runs of scripts/compare_stereo.sh: where the picture of a camera helps stereo.

    python scripts/table_of_stereo.py FOLDER

FOLDER holds runs named SYSTEM_SEED, each evaluated, and the prepared clips. Scores are those of DCASE2025 and the
errors on the cone of confusion, means over the classes (all, those of people, others) and the seeds. The networks
predict azimuths in front; a sound that they call off screen at an azimuth that the camera shows is taken for one
behind, which makes front-back confusions countable. A column takes the sounds of people that the audio alone finds for
on screen where the detector has a box, which shows what is in the boxes. Intervals are 95 % jackknife intervals over
the recordings that the clips were cut from, since clips of one recording are not independent; for gains each is
left out of both systems. Writes FOLDER/stereo.json and stereo.md.
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from avseld.base.files import replacing
from avseld.data.windows import reference
from avseld.evaluation.ablation import class_groups
from avseld.io.alignment import boxes_of
from avseld.io.boxes import people
from avseld.io.dcase_csv import read_dcase
from avseld.io.events import Events
from avseld.io.manifest import Recording, read_classes, read_manifest
from avseld.io.unfolded import read_unfolded, unfolded_beside
from avseld.metrics import seld
from avseld.metrics.cones import ConeSums, cone_scores, count_cones
from avseld.metrics.confidence import interval_of
from avseld.metrics.counts import Counts
from avseld.metrics.formulas import compute_scores, nanmean
from avseld.metrics.rules import rule_of

RULE = rule_of(2025)
FIELD_DEG = 100.0
"""of the camera of DCASE2025"""
SCORES = {
    "F": ("F20", "%"),
    "F_onscreen": ("F20 on/off", "%"),
    "DOAE": ("DOAE", "°"),
    "RDE": ("RDE", ""),
    "onscreen_accuracy": ("on-screen accuracy", "%"),
    "LE_folded": ("LE folded", "°"),
    "LE_unfolded": ("LE unfolded", "°"),
    "confusions_far": ("front-back confusions", "%"),
    "polar_error": ("polar error", "°"),
}
"""score -> name and unit; confusions are those of references more than 20 degrees off the frontal plane"""
KNOWN_MARGIN, PREDICTED_MARGIN = 0.02, 0.1
"""widths of the picture by which a box may miss a known and a predicted azimuth"""
PERCENT = ("F", "F_onscreen", "onscreen_accuracy", "confusions_far")
SYSTEMS = {
    ("audio", "blank"): "audio alone",
    ("audio", "boxes"): "audio alone, then on screen where a box is",
    ("video", "aligned"): "with the picture",
    ("video", "shuffled"): "the same network, picture of another clip",
    ("video", "blank"): "the same network, no picture",
}
GAINS = {
    "gain of the network with the picture": (("video", "aligned"), ("audio", "blank")),
    "gain of boxes afterwards": (("audio", "boxes"), ("audio", "blank")),
    "gain of the own picture over another": (("video", "aligned"), ("video", "shuffled")),
}
"""differences of two systems; the last one is what a network takes from the picture itself"""
Values = dict[str, float]


def told_by_screen(events: Events) -> Events:
    """Take sounds that are off screen, at an azimuth that the camera shows, for sounds behind."""
    behind = (events.onscreen == 0) & (np.abs(events.azimuth) < FIELD_DEG / 2)
    return replace(events, azimuth=np.where(behind, 180.0 - events.azimuth, events.azimuth))


class Tables:
    """Counts of one run on the test clips, summed over the clips of each recording.

    Args:
        references: labels by clip.
        unfolded: the same before they were mirrored to the front.
        predictions: by clip.
        n_classes: number of classes.
    """

    def __init__(
        self,
        references: Mapping[str, Events],
        unfolded: Mapping[str, Events],
        predictions: Mapping[str, Events],
        n_classes: int,
    ) -> None:
        names = sorted(references)
        starts = first_of_each([recording_of(name) for name in names])

        def summed(values: np.ndarray) -> np.ndarray:
            return np.add.reduceat(values, starts, axis=0)

        pairs = [references[name] for name in names], [predictions[name] for name in names]
        self.counts = {}
        for key, onscreen in (("F", False), ("F_onscreen", True)):
            counts = seld.count(*pairs, RULE, seld.ScoringOptions(n_classes, onscreen=onscreen))
            self.counts[key] = Counts(**{name: summed(value) for name, value in counts.as_dict().items()})
        cones = count_cones(
            [unfolded[name] for name in names], [told_by_screen(each) for each in pairs[1]], n_classes, True
        )
        self.cones = ConeSums(summed(cones.total), summed(cones.number))

    def values(self, kept: np.ndarray, labels: list[int]) -> Values:
        """Score the recordings that are kept, the mean over some classes.

        Args:
            kept: (recording,) whether each is.
            labels: indices of the classes.
        """
        both = {
            key: compute_scores(counts[kept].sum(), RULE, "macro", True)[1]
            for key, counts in self.counts.items()
        }
        cones = cone_scores(ConeSums(self.cones.total[kept], self.cones.number[kept])).classwise
        classwise = {name: both["F"][name] for name in ("F", "DOAE", "RDE", "onscreen_accuracy")}
        classwise |= {"F_onscreen": both["F_onscreen"]["F"]}
        classwise |= {name: np.array(cones[name]) for name in SCORES if name in cones}
        there = self.counts["F"][kept].sum().reference[labels] > 0
        return {
            name: float(nanmean(np.where(there, np.asarray(value)[labels], np.nan)))
            for name, value in classwise.items()
        }


def recording_of(clip: str) -> str:
    """Return the recording that a clip of `avseld-prep stereo` was cut from."""
    return clip.rpartition("_deg")[0]


def first_of_each(words: list[str]) -> np.ndarray:
    """Return where each word of a sorted list stands first."""
    return np.array([place for place, word in enumerate(words) if not place or words[place - 1] != word])


def mean_values(runs: Iterable[Tables], kept: np.ndarray, labels: list[int]) -> Values:
    """Average the scores of runs with different seeds."""
    rows = [run.values(kept, labels) for run in runs]
    return {name: float(np.mean([row[name] for row in rows])) for name in SCORES}


def with_intervals(point: Values, partial: list[Values]) -> dict[str, list[float | None]]:
    """Add jackknife intervals: score -> value, low, high; None where a recording leaves no pairs."""
    rows = {}
    for name, value in point.items():
        ends = interval_of(np.array(value), np.array([row[name] for row in partial]))
        rows[name] = [None if np.isnan(each) else float(each) for each in (value, *ends)]
    return rows


def scored(systems: Mapping[tuple[str, str], list[Tables]], labels: list[int]) -> dict[str, dict]:
    """Score every system on some classes, and the gains of one over another."""
    n_recordings = len(next(iter(systems.values()))[0].cones.total)
    everything = np.ones(n_recordings, bool)
    kept = [everything, *(~np.eye(n_recordings, dtype=bool))]
    rows = {key: [mean_values(runs, part, labels) for part in kept] for key, runs in systems.items()}
    result = {SYSTEMS[key]: with_intervals(first, rest) for key, (first, *rest) in rows.items()}
    for title, pair in GAINS.items():
        if all(key in rows for key in pair):
            differences = [
                {name: one[name] - two[name] for name in SCORES}
                for one, two in zip(*(rows[key] for key in pair), strict=True)
            ]
            result[title] = with_intervals(differences[0], differences[1:])
    return result


def box_at(clip: Recording, events: Events, margin: float) -> np.ndarray:
    """Tell which events (row,) have a detected box at their azimuth, `margin` widths of the picture around it."""
    boxes = boxes_of(clip)
    if boxes is None or not len(events):
        return np.zeros(len(events), bool)
    found = people(boxes)[boxes.at((events.onset + events.offset) / 2)]  # (row, box, 4)
    reach = np.tan(np.radians(FIELD_DEG / 2))
    column = 0.5 - np.tan(np.radians(events.azimuth)) / (2 * reach)
    around = (found[..., 0] - margin <= column[:, None]) & (column[:, None] <= found[..., 2] + margin)
    return (around & found.any(axis=-1)).any(axis=1) & (np.abs(events.azimuth) < FIELD_DEG / 2)


def by_boxes(clip: Recording, events: Events, labels: list[int]) -> Events:
    """Call events of people on screen where there is a box at their azimuth; the others stay as they are."""
    seen = box_at(clip, events, PREDICTED_MARGIN).astype(float)
    return replace(events, onscreen=np.where(np.isin(events.label, labels), seen, events.onscreen))


def boxes_at_sounds(
    clips: Iterable[Recording],
    references: Mapping[str, Events],
    unfolded: Mapping[str, Events],
    labels: list[int],
) -> dict[str, float]:
    """Count label frames of people's sounds.

    Args:
        clips: of the test.
        references: labels by clip, mirrored to the front.
        unfolded: the same before.
        labels: classes of people.

    Returns:
        How many rows; the share on screen; of those the share with a box there; and of all the share whose on-screen is
        told by whether there is a box at the mirrored azimuth.
    """
    rows = []
    for clip in clips:
        chosen = np.isin(references[clip.name].label, labels)
        mirrored, true = references[clip.name].select(chosen), unfolded[clip.name].select(chosen)
        boxed = [box_at(clip, events, KNOWN_MARGIN) for events in (true, mirrored)]
        rows.append(np.stack([mirrored.onscreen == 1, *boxed]))
    on_screen, at_true, at_mirrored = np.concatenate(rows, axis=1)
    return {
        "rows": len(on_screen),
        "on_screen": float(on_screen.mean()),
        "boxed": float(at_true[on_screen].mean()),
        "told": float((at_mirrored == on_screen).mean()),
    }


def cell(name: str, values: list[float | None], gain: bool = False) -> str:
    """Format a value with its interval; "-" where there is none."""
    digits, scale = (2, 1.0) if name == "RDE" else (1, 100.0 if name in PERCENT else 1.0)
    sign = "+" if gain else ""
    texts = ["-" if value is None else f"{scale * value:{sign}.{digits}f}" for value in values]
    return f"{texts[0]} ({texts[1]} to {texts[2]})"


def table(title: str, rows: Mapping[str, Mapping[str, list[float | None]]]) -> str:
    """Format the scores of one group of classes as Markdown, a column for each system."""
    lines = [f"| {title} | {' | '.join(rows)} |", f"|---|{'---|' * len(rows)}"]
    for name, (label, unit) in SCORES.items():
        cells = [cell(name, values[name], system in GAINS) for system, values in rows.items()]
        lines.append(f"| {label}{unit and f', {unit}'} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Score every run and write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    classes = read_classes(folder / "prepared")
    clips = [recording for recording in read_manifest(folder / "prepared") if recording.fold == "fold4"]
    references = {clip.name: reference(clip, len(classes)) for clip in clips}
    unfolded = {
        clip.name: read_unfolded(unfolded_beside(clip.labels), len(classes)) for clip in clips if clip.labels
    }
    systems: dict[tuple[str, str], list[Tables]] = {}
    groups = class_groups(classes)
    named = {clip.name: clip for clip in clips}
    for run in sorted(path.parents[1] for path in folder.glob("*_*/evaluation/scores.json")):
        for key in SYSTEMS:
            found = run / "evaluation" / ("blank" if key[1] == "boxes" else key[1])
            if run.name.startswith(f"{key[0]}_") and found.is_dir():
                predictions = {name: read_dcase(found / f"{name}.csv")[0] for name in references}
                if key[1] == "boxes":
                    predictions = {
                        name: by_boxes(named[name], each, groups.get("people", []))
                        for name, each in predictions.items()
                    }
                tables = Tables(references, unfolded, predictions, len(classes))
                systems.setdefault(key, []).append(tables)
    result = {name: scored(systems, labels) for name, labels in groups.items()}
    boxes = boxes_at_sounds(clips, references, unfolded, groups.get("people", []))
    text = "\n".join(table(f"classes: {name}", rows) for name, rows in result.items())
    text += (
        f"\n{100 * boxes['on_screen']:.0f} % of {boxes['rows']:,} label frames of people are on screen; at "
        f"{100 * boxes['boxed']:.0f} % of those there is a box; whether there is one at the known azimuth, mirrored "
        f"to the front, tells on-screen in {100 * boxes['told']:.0f} %.\n"
    )
    about = {"clips": len(clips), "boxes": boxes, "scores": result}
    for path, content in (("stereo.md", text), ("stereo.json", json.dumps(about, indent=1) + "\n")):
        with replacing(folder / path) as temporary:
            temporary.write_text(content, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
