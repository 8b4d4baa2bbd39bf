"""Energy maps of a corpus in a prepared folder: the file of the corpus, or a copy without what is written twice.

The official generator of the labels of DCASE2026 writes a sound over the seam of the panorama once for each of its
polygons, each time with all of them (docs/sources.md, DCASE2026).
"""

import logging
from dataclasses import replace
from pathlib import Path

from avseld.io.energy_maps import EnergyMap, merge_doubled, read_energy_maps, write_energy_maps
from avseld.io.manifest import Recording

log = logging.getLogger(__name__)


def read_merged(path: Path, n_classes: int) -> tuple[list[EnergyMap], int]:
    """Read the maps of a recording.

    Args:
        path: of the corpus.
        n_classes: classes.

    Returns:
        The maps, and the number of those that were there before and are left out.

    Raises:
        BadInput: it cannot be read; names the annotation.
    """
    maps = read_energy_maps(path, n_classes=n_classes)
    kept = merge_doubled(maps)
    return kept, len(maps) - len(kept)


def with_own_maps(recording: Recording, prepared: Path, kept: list[EnergyMap]) -> Recording:
    """Write the maps of a recording into the prepared folder and return it with these.

    Args:
        recording: of the corpus.
        prepared: folder for maps/NAME_std.json.
        kept: maps without those written twice.
    """
    target = prepared / "maps" / f"{recording.name}_std.json"
    write_energy_maps(target, kept, keep_same=True)
    return replace(recording, maps=target)


def report_merged(count: int) -> None:
    """Log how many maps were written twice."""
    if count:
        log.info("energy maps: %d were written twice and are merged", count)
