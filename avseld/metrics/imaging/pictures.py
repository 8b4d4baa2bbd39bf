"""Drawn energy maps of files, kept on disk: labels are drawn once however often systems are scored.

Of predictions the latest files of each recording are kept, map by map, so that the same maps with other confidences, or
fewer of them, are not drawn again.
"""

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from avseld.base.cache_folder import cache_folder
from avseld.base.errors import BadInput
from avseld.base.files import replacing, require_file, sha256
from avseld.io.energy_maps import EnergyMap, read_energy_maps, recording_of
from avseld.metrics.imaging.drawing import COLUMNS, ROWS, draw
from avseld.metrics.imaging.matching import Drawn

log = logging.getLogger(__name__)

DRAWING_VERSION = 2
"""raised where drawing changes: pictures of another version are drawn again"""
N_PIXELS = ROWS * COLUMNS
KEPT_FILES = 4
"""latest files of predictions of a recording's name that are kept"""
NAME_LENGTH = 100
"""of a folder in the cache: names of files may be longer than a disk takes with more behind them"""
HASH_BYTES = 16
"""of a map's points"""


@dataclass(frozen=True)
class _Kept:
    """Drawn maps of a file.

    Args:
        frame: (map,).
        label: (map,).
        score: (map,) NaN for labels.
        hash: (map, 16) of its points.
        count: (map,) pixels that are not zero.
        place: (pixel,) of them, one map after the other, in the flat picture.
        value: (pixel,).
    """

    frame: np.ndarray
    label: np.ndarray
    score: np.ndarray
    hash: np.ndarray
    count: np.ndarray
    place: np.ndarray
    value: np.ndarray

    @property
    def is_whole(self) -> bool:
        """Whether the arrays belong together."""
        return (
            len({len(self.frame), len(self.label), len(self.score), len(self.hash), len(self.count)}) == 1
            and self.hash.shape[1:] == (HASH_BYTES,)
            and self.count.sum() == len(self.place) == len(self.value)
            and not (len(self.place) and self.place.max() >= N_PIXELS)
        )

    def pictures(self) -> Iterator[np.ndarray]:
        """Yield the picture (row, column) of each map."""
        for first, last in zip(self._ends - self.count, self._ends, strict=True):
            yield _picture(self.place[first:last], self.value[first:last])

    def by_hash(self) -> dict[bytes, tuple[np.ndarray, np.ndarray]]:
        """Return places and values of each map by the hash of its points."""
        return {
            name.tobytes(): (self.place[first:last], self.value[first:last])
            for name, first, last in zip(self.hash, self._ends - self.count, self._ends, strict=True)
        }

    def drawn(self) -> list[Drawn]:
        """Return the maps."""
        columns = (self.frame.tolist(), self.label.tolist(), self.pictures(), self.score.tolist())
        return [Drawn(*each) for each in zip(*columns, strict=True)]

    @property
    def _ends(self) -> np.ndarray:
        return np.cumsum(self.count)


def draw_maps(maps: Sequence[EnergyMap]) -> list[Drawn]:
    """Draw sounds one by one."""
    return [Drawn(one.frame, one.label, draw(one.polygons), one.score) for one in maps]


def draw_references(path: Path, n_classes: int) -> list[Drawn]:
    """Return the drawn labels of a file, from the cache if it has them; else they are drawn and kept there.

    Args:
        path: of the labels.
        n_classes: classes.

    Raises:
        BadInput: as `avseld.io.energy_maps.read_energy_maps`.
    """
    require_file(path)
    place = _folder() / f"{sha256(path)}_{DRAWING_VERSION}.npz"
    kept = _usable(place, n_classes)
    if kept is not None:
        return kept.drawn()
    maps = read_energy_maps(path, False, n_classes)
    return _keep(place, draw_maps(maps), [_hash(one) for one in maps])


def draw_predictions(path: Path, n_classes: int) -> list[Drawn]:
    """Return the drawn predictions of a file; maps that one of the latest files of its name has are not drawn again.

    Args:
        path: of the predictions.
        n_classes: classes.

    Raises:
        BadInput: as `avseld.io.energy_maps.read_energy_maps`.
    """
    require_file(path)
    folder = _folder() / "predictions" / recording_of(path)[:NAME_LENGTH]
    place = folder / f"{sha256(path)}_{DRAWING_VERSION}.npz"
    kept = _usable(place, n_classes)
    if kept is not None:
        with suppress(OSError):
            os.utime(place)
        return kept.drawn()
    maps = read_energy_maps(path, True, n_classes)
    hashes, known = [_hash(one) for one in maps], _known_pictures(folder)
    drawn = [
        Drawn(
            one.frame, one.label, _picture(*known[name]) if name in known else draw(one.polygons), one.score
        )
        for one, name in zip(maps, hashes, strict=True)
    ]
    _keep(place, drawn, hashes)
    for old in _latest_first(folder)[KEPT_FILES:]:
        with suppress(OSError):
            old.unlink(missing_ok=True)
    return drawn


def _picture(place: np.ndarray, value: np.ndarray) -> np.ndarray:
    picture = np.zeros(N_PIXELS)
    picture[place] = value
    return picture.reshape(ROWS, COLUMNS)


def _folder() -> Path:
    return cache_folder() / "energy_maps"


def _latest_first(folder: Path) -> list[Path]:
    """List what is kept in a folder, the latest first."""
    found = []
    for path in folder.glob("*.npz"):
        with suppress(OSError):  # removed by another process
            found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found, reverse=True)]


def _known_pictures(folder: Path) -> dict[bytes, tuple[np.ndarray, np.ndarray]]:
    """Read the places and values of the pictures that are kept in a folder, by the hash of their points."""
    known = {}
    for path in _latest_first(folder):
        kept = _read_kept(path) if path.stem.endswith(f"_{DRAWING_VERSION}") else None
        known.update({} if kept is None else kept.by_hash())
    return known


def _hash(one: EnergyMap) -> bytes:
    """Hash what a map is drawn from."""
    digest = hashlib.blake2b(digest_size=HASH_BYTES)
    for points in one.polygons:
        digest.update(len(points).to_bytes(8, "little"))
        digest.update(points.tobytes())
    return digest.digest()


def _keep(path: Path, drawn: list[Drawn], hashes: Sequence[bytes]) -> list[Drawn]:
    """Write pictures as the places and values that are not zero; without a writable cache nothing is kept."""
    places = [np.flatnonzero(one.picture) for one in drawn]
    values = [one.picture.ravel()[place] for one, place in zip(drawn, places, strict=True)]
    kept = _Kept(
        frame=np.array([one.frame for one in drawn], np.int64),
        label=np.array([one.label for one in drawn], np.int64),
        score=np.array([one.score for one in drawn], np.float64),
        hash=np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, HASH_BYTES),
        count=np.array([len(place) for place in places], np.int64),
        place=np.concatenate([*places, np.zeros(0, int)]).astype(np.uint16),
        value=np.concatenate([*values, np.zeros(0)]),
    )
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **vars(kept))
    except (OSError, BadInput) as error:
        log.debug("%s: not kept (%s)", path, error)
    return drawn


def _usable(path: Path, n_classes: int) -> _Kept | None:
    """Read what is kept of a file; None if there is nothing, or it has other classes and must be read again."""
    kept = _read_kept(path)
    return None if kept is None or (kept.label >= n_classes).any() else kept


def _read_kept(path: Path) -> _Kept | None:
    """Read pictures that `_keep` wrote; None if there are none, or the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            kept = _Kept(**{each.name: arrays[each.name] for each in fields(_Kept)})
            return kept if kept.is_whole else None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
