"""Drawn energy maps of files, kept on disk for references, which are drawn once however often systems are scored."""

import logging
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from avseld.base.cache_folder import cache_folder
from avseld.base.errors import BadInput
from avseld.base.files import replacing, sha256
from avseld.io.energy_maps import EnergyMap, read_energy_maps
from avseld.metrics.imaging.drawing import COLUMNS, ROWS, draw
from avseld.metrics.imaging.matching import Drawn

log = logging.getLogger(__name__)

DRAWING_VERSION = 1
"""raised where drawing changes: pictures of another version are drawn again"""
N_PIXELS = ROWS * COLUMNS


def draw_file(path: Path, predicted: bool, n_classes: int) -> list[Drawn]:
    """Read and draw a file; arguments and errors as for `avseld.io.energy_maps.read_energy_maps`."""
    return draw_maps(read_energy_maps(path, predicted, n_classes))


def draw_maps(maps: Sequence[EnergyMap]) -> list[Drawn]:
    """Draw sounds one by one."""
    return [Drawn(one.frame, one.label, draw(one.polygons), one.score) for one in maps]


def draw_references(path: Path, n_classes: int) -> list[Drawn]:
    """Return the drawn labels of a file, from the cache if it has them; else they are drawn and kept there.

    Args:
        path: of the labels.
        n_classes: classes.

    Raises:
        BadInput: as `draw_file`.
    """
    kept = cache_folder() / "energy_maps" / f"{sha256(path)}_{DRAWING_VERSION}.npz"
    drawn = _read_kept(kept)
    if drawn is None or any(one.label >= n_classes for one in drawn):
        drawn = draw_file(path, False, n_classes)
        _keep(kept, drawn)
    return drawn


def _keep(path: Path, drawn: Sequence[Drawn]) -> None:
    """Write pictures as the places and values that are not zero; without a writable cache nothing is kept."""
    places = [np.flatnonzero(one.picture) for one in drawn]
    values = [one.picture.ravel()[place] for one, place in zip(drawn, places, strict=True)]
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                frame=np.array([one.frame for one in drawn], np.int64),
                label=np.array([one.label for one in drawn], np.int64),
                count=np.array([len(place) for place in places], np.int64),
                place=np.concatenate([*places, np.zeros(0, int)]).astype(np.uint16),
                value=np.concatenate([*values, np.zeros(0)]),
            )
    except (OSError, BadInput) as error:
        log.debug("%s: not kept (%s)", path, error)


def _read_kept(path: Path) -> list[Drawn] | None:
    """Read pictures that `_keep` wrote; None if there are none, or the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            frame, label, count, place, value = (
                arrays[name] for name in ("frame", "label", "count", "place", "value")
            )
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    if count.sum() != len(place) or len(place) != len(value) or (len(place) and place.max() >= N_PIXELS):
        return None
    drawn, ends = [], np.cumsum(count)
    for one, (first, last) in enumerate(zip(ends - count, ends, strict=True)):
        picture = np.zeros(N_PIXELS)
        picture[place[first:last]] = value[first:last]
        drawn.append(Drawn(int(frame[one]), int(label[one]), picture.reshape(ROWS, COLUMNS)))
    return drawn
