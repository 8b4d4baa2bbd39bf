"""Measures how much Gaussians around directions share with the energy maps of labels.

    python scripts/measure_lobes.py PREPARED [--fold FOLD]

For each width, the mean soft IoU with the labels of a Gaussian that ends at 20 degrees, weighted by area on the grid of
`avseld.io.sphere_grid`: around the directions of the labels, and around directions that are wrong by a random angle.
Then the best of the widths for each label, and how far the middle of its energy is from its direction.
"""

import argparse
from pathlib import Path

import numpy as np

from avseld.io.energy_maps import REACH_DEG
from avseld.io.events import concatenate, read_events
from avseld.io.geometry import angle_between, unit_vector
from avseld.io.label_maps import with_maps
from avseld.io.manifest import read_class_list, read_manifest
from avseld.io.sphere_grid import AREA, DIRECTIONS, N_CELLS

WIDTHS_DEG = (6, 8, 10, 12, 14, 17, 20)
ERRORS_DEG = (0, 5, 10, 15)
"""medians of the angles by which directions are wrong"""


def displaced(centre: np.ndarray, median_deg: float, random: np.random.Generator) -> np.ndarray:
    """Turn unit vectors (row, 3) by angles of a Rayleigh distribution, to random sides."""
    side = np.cross(centre, random.normal(size=centre.shape))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    angle = np.radians(random.rayleigh(median_deg / np.sqrt(2 * np.log(2)), len(centre)))[:, None]
    return centre * np.cos(angle) + side * np.sin(angle)


def overlaps(centre: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Compute the soft IoU of Gaussians with maps (row, cell): (width, row)."""
    angle = angle_between(centre[:, None], DIRECTIONS)
    found = []
    for width in WIDTHS_DEG:
        gaussian = np.where(angle <= REACH_DEG, np.exp(-0.5 * (angle / width) ** 2), 0)
        gaussian /= np.maximum(gaussian.max(axis=1, keepdims=True), np.finfo(float).tiny)
        shared, union = (pair(gaussian, energies) @ AREA for pair in (np.minimum, np.maximum))
        found.append(shared / union)
    return np.array(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--fold", default="fold4")
    words = parser.parse_args()
    n_classes = len(read_class_list(words.prepared / "classes.txt"))
    events = concatenate(
        [
            with_maps(read_events(one.labels), one.maps, n_classes)
            for one in read_manifest(words.prepared)
            if one.fold == words.fold and one.labels and one.maps
        ]
    )
    assert events.energies is not None
    events = events.select(np.flatnonzero(events.energies.count))
    energies = events.energies.dense(N_CELLS)  # type: ignore[union-attr]  # kept by select
    centre = unit_vector(events.azimuth, events.elevation)
    random = np.random.default_rng(0)
    each = [overlaps(displaced(centre, error, random), energies) for error in ERRORS_DEG]
    print(f"{len(events)} labels; directions wrong by (median, degrees)")
    print("width      " + "".join(f"{error:>8}" for error in ERRORS_DEG))
    for row, width in enumerate(WIDTHS_DEG):
        print(f"{width:>5} deg  " + "".join(f"{one[row].mean():8.3f}" for one in each))
    print("best of all" + "".join(f"{one.max(axis=0).mean():8.3f}" for one in each))
    middle = angle_between((AREA * energies) @ DIRECTIONS, centre)
    print(
        f"from the direction of the label to the middle of its energy: median {np.median(middle):.1f} degrees"
    )


if __name__ == "__main__":
    main()
