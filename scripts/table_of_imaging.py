"""Prints and writes the table of the runs of scripts/compare_imaging.sh.

    python scripts/table_of_imaging.py FOLDER

FOLDER/maps_of/SYSTEM_SEED holds predicted energy maps, FOLDER/prepared the recordings. Beside the systems, the
directions of the labels are drawn as Gaussians: what a system that knows them all would score. Writes
FOLDER/imaging.json and imaging.md; intervals are 95 % jackknife intervals over recordings.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avseld.base.files import replacing
from avseld.io.energy_maps import write_energy_maps
from avseld.io.events import read_events
from avseld.io.label_maps import by_frame
from avseld.io.manifest import Recording, read_manifest
from avseld.metrics.imaging import (
    MapPairs,
    Records,
    jackknife,
    jackknife_of_gain,
    maps_of_directions,
    match_files,
    scores_of,
)

KNOWN = "labels"
"""row of the directions of the labels, drawn"""
TITLES = {
    "directions": "Multi-ACCDOA, directions drawn as Gaussians",
    "maps": "map head, lobes of learned widths (`sphere_lobes`)",
    "typical": "lobes of 14 degrees, not learned",
    "harmonics": "map head, spherical harmonics (`sphere_map`)",
    KNOWN: "directions of the labels, drawn as Gaussians",
}


def matched(folder: Path, recordings: Mapping[str, Recording]) -> Records:
    """Match the files of a system with the labels."""
    references = {name: recording.maps for name, recording in recordings.items() if recording.maps}
    return match_files(MapPairs(references, {name: folder / f"{name}.json" for name in references}))


def scored(system: str, records: Mapping[str, Records]) -> dict[str, Any]:
    """Score a system by the definition of the published ranking, and its gain over directions with the same seed."""
    found = records[system]
    several = len(found.n_references) > 1  # a single recording has no jackknife
    scores: dict[str, Any] = dict(scores_of(found).whole)
    name, _, seed = system.partition("_")
    base = records.get(f"directions_{seed}")
    if base is not None and name != "directions":
        scores["gain"] = {key: scores[key] - value for key, value in scores_of(base).whole.items()}
        if several:
            scores["gain_interval"] = jackknife_of_gain(found, base)
    if several:
        scores["interval"] = jackknife(found)
    return scores


def within(intervals: Mapping[str, tuple[float, float]] | None, digits: str) -> str:
    """Write the interval of the macro mAP in brackets, if it is known."""
    if intervals is None:
        return ""
    low, high = intervals["macro_mAP"]
    return f" ({low:{digits}} to {high:{digits}})"


def row(name: str, values: Mapping[str, Any]) -> str:
    """Write the row of a system."""
    system, _, seed = name.partition("_")
    score, gain = "macro_mAP", ""
    cells = [f"{values[score]:.3f}{within(values.get('interval'), '.3f')}"]
    cells += [f"{values[key]:.3f}" for key in ("macro_pearson", "micro_mAP", "micro_pearson")]
    if "gain" in values:
        gain = f"{values['gain'][score]:+.3f}{within(values.get('gain_interval'), '+.3f')}"
    cells.append(gain)
    return f"| {TITLES.get(system, system)} | {seed} | {' | '.join(cells)} |"


def main() -> None:
    """Score every folder of maps and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    prepared = read_manifest(folder / "prepared")
    tested = {recording.name: recording for recording in prepared if recording.fold == "fold4"}
    drawn = folder / "maps_of" / KNOWN
    for name, recording in tested.items():
        assert recording.labels is not None
        write_energy_maps(drawn / f"{name}.json", maps_of_directions(by_frame(read_events(recording.labels))))
    records = {system.name: matched(system, tested) for system in sorted((folder / "maps_of").iterdir())}
    scores = {system: scored(system, records) for system in records}
    lines = ["| system | seed | macro mAP | macro r | micro mAP | micro r | macro mAP over directions |"]
    lines += ["|---|--:|--:|--:|--:|--:|---|", *(row(name, values) for name, values in scores.items())]
    for path, text in (
        ("imaging.md", "\n".join(lines) + "\n"),
        ("imaging.json", json.dumps(scores, indent=1)),
    ):
        with replacing(folder / path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
