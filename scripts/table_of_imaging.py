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
from avseld.metrics.imaging import MapPairs, jackknife, maps_of_directions, match_files, scores_of

KNOWN = "labels"
"""row of the directions of the labels, drawn"""
TITLES = {
    "directions": "Multi-ACCDOA, directions drawn as Gaussians",
    "maps": "map head (`sphere_map`)",
    KNOWN: "directions of the labels, drawn as Gaussians",
}


def score(predictions: Mapping[str, Path], recordings: Mapping[str, Recording]) -> dict[str, Any]:
    """Score the files of a system by the definition of the published ranking."""
    references = {name: recording.maps for name, recording in recordings.items() if recording.maps}
    records = match_files(MapPairs(references, {name: predictions[name] for name in references}))
    return scores_of(records).whole | {"interval": jackknife(records)}


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
    scores = {}
    for system in sorted((folder / "maps_of").iterdir()):
        scores[system.name] = score({name: system / f"{name}.json" for name in tested}, tested)
    lines = ["| system | seed | macro mAP | macro r | micro mAP | micro r |", "|---|--:|--:|--:|--:|--:|"]
    for name, values in scores.items():
        system, _, seed = name.partition("_")
        low, high = values["interval"]["macro_mAP"]
        cells = [f"{values['macro_mAP']:.3f} ({low:.3f} to {high:.3f})"]
        cells += [f"{values[key]:.3f}" for key in ("macro_pearson", "micro_mAP", "micro_pearson")]
        lines.append(f"| {TITLES.get(system, system)} | {seed} | {' | '.join(cells)} |")
    for path, text in (
        ("imaging.md", "\n".join(lines) + "\n"),
        ("imaging.json", json.dumps(scores, indent=1)),
    ):
        with replacing(folder / path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
