"""Files of energy maps (DCASE2026 Task 3, semantic acoustic imaging): the sounds of a frame on the sphere.

A recording has one JSON object with `annotations`, a list of objects: `metadata_frame_index` (frames of 100 ms),
`instance_id`, `category_id`, `distance` in centimetres, `segmentation`, a list of polygons, each a list of
[x, y, energy] for every pixel inside, and for predictions `score`. A pixel is a degree: x = 180 - azimuth from 0 to
360, which grows to the right, y = 90 - elevation from 0 to 180 (docs/sources.md, DCASE2026).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import replacing, require_file, require_folder
from avseld.base.garbage import no_garbage_search
from avseld.base.sphere import unit_vector

SUFFIXES = ("", "_std", "_inference")
"""what may follow the name of a recording in the name of its file: labels are NAME_std.json, the first scripts wrote
NAME_inference.json"""
WIDTH, HEIGHT = 360, 180
"""pixels of the sphere, one a degree"""
CENTIMETRES = 100.0
"""of a metre: the unit of distances"""
MAX_FILE_BYTES = 20 * 1024 * 1024
"""largest file of a submission; the official evaluator stops at a larger one"""
FRAME_S = 0.1
SIGMA_DEG = 10.0
"""of the Gaussian by which the official labels are multiplied"""
REACH_DEG = 2 * SIGMA_DEG
"""beyond which nothing is drawn"""
ZIP_BEGIN = b"PK\x03\x04"
LARGEST = float(np.finfo(np.float32).max)
"""energy, score or distance; the official evaluator computes in single precision"""
SHOWN = 40
"""characters of a wrong value in a message"""
MOST = 2**31
"""frames, classes and instances are below"""
N_VALUES = 3
"""of a point: x, y, energy"""


def directions_of_pixels(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the unit vectors (pixel, 3) of pixels.

    Args:
        x: (pixel,) stands for the degree from x to x + 1 of the panorama, whose left edge is azimuth 180.
        y: (pixel,) for that from y to y + 1 from the top.
    """
    return unit_vector(WIDTH / 2 - (x + 0.5), HEIGHT / 2 - (y + 0.5))


@dataclass(frozen=True, eq=False)
class EnergyMap:
    """One sound in one frame.

    Args:
        frame: of 100 ms, from 0.
        label: class.
        instance: number that tells the sounds of a class in a frame apart.
        polygons: (point, 3) each: x and y in pixels, energy; two for a sound over the seam of the picture.
        distance: centimetres; NaN if unknown.
        score: confidence of a prediction; NaN for a label.
    """

    frame: int
    label: int
    instance: int
    polygons: tuple[np.ndarray, ...]
    distance: float = float("nan")
    score: float = float("nan")

    @property
    def key(self) -> tuple[int, int, int]:
        """What the official generator of labels writes twice for a sound over the seam: frame, class and instance."""
        return self.frame, self.label, self.instance


def read_energy_maps(path: Path, predicted: bool = False, n_classes: int | None = None) -> list[EnergyMap]:
    """Read a file of labels or predictions.

    Args:
        path: JSON.
        predicted: whether every annotation must have a score.
        n_classes: classes; any number if None.

    Raises:
        BadInput: no such file, no JSON of this kind, or a value out of its range; names the annotation.
    """
    require_file(path)
    with no_garbage_search():
        return _parsed(path, predicted, n_classes)


def _parsed(path: Path, predicted: bool, n_classes: int | None) -> list[EnergyMap]:
    try:
        with path.open("rb") as file:
            begin = file.read(len(ZIP_BEGIN))
            content = None if begin == ZIP_BEGIN else json.loads(begin + file.read())
    except (OSError, ValueError, RecursionError) as error:
        why = "empty" if path.stat().st_size == 0 else str(error)
        raise BadInput(f"{path}: cannot be read as JSON ({why}); write it again") from error
    if begin == ZIP_BEGIN:
        raise BadInput(f"{path}: is a zip archive; unpack it")
    annotations = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(annotations, list):
        raise BadInput(f"{path}: no energy maps; they are a JSON object with a list 'annotations'")
    return [
        _read(annotation, f"{path}: annotation {number}", predicted, n_classes)
        for number, annotation in enumerate(annotations, 1)
    ]


def _read(annotation: Any, place: str, predicted: bool, n_classes: int | None) -> EnergyMap:
    if not isinstance(annotation, dict):
        raise BadInput(f"{place}: is no object; give metadata_frame_index, category_id and segmentation")
    frame = _whole(annotation, "metadata_frame_index", place)
    label = _whole(annotation, "category_id", place)
    if n_classes is not None and label >= n_classes:
        raise BadInput(f"{place}: category_id {label} is none of 0 to {n_classes - 1}")
    instance = _whole(annotation, "instance_id", place, 0)
    score = _number(annotation, "score", place, None if predicted else np.nan)
    distance = _number(annotation, "distance", place, np.nan)
    return EnergyMap(
        frame, label, instance, _polygons(annotation.get("segmentation"), place), distance, score
    )


def _whole(annotation: dict[str, Any], name: str, place: str, absent: int | None = None) -> int:
    value = annotation.get(name, absent)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and 0 <= value < MOST and value == int(value):  # type: ignore[operator, arg-type]
        return int(value)  # type: ignore[arg-type]
    raise BadInput(f"{place}: {name} is {_shown(value)}, no whole number from 0")


def _shown(value: Any) -> str:
    """Show a value of a file, of any length, in a message."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _number(annotation: dict[str, Any], name: str, place: str, absent: float | None) -> float:
    value = annotation.get(name, absent)
    if value is None:
        if absent is None:
            raise BadInput(
                f"{place}: has no {name}, which predictions need; labels come first, predictions second"
            )
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"{place}: {name} is {_shown(value)}, no number")
    if name in annotation and not abs(value) <= LARGEST:
        raise BadInput(f"{place}: {name} is {_shown(value)}; give a finite number")
    return float(value)


def _polygons(segmentation: Any, place: str) -> tuple[np.ndarray, ...]:
    if not isinstance(segmentation, list):
        raise BadInput(f"{place}: segmentation is no list of polygons")
    polygons = []
    for polygon in segmentation:
        if not polygon:
            continue
        try:
            points = np.array(polygon)
        except (TypeError, ValueError):
            points = np.zeros(0)
        if points.shape[1:] != (N_VALUES,) or points.dtype.kind not in "iuf":
            raise BadInput(f"{place}: segmentation has points that are not three numbers x, y, energy")
        points = points.astype(np.float64)
        _check_points(points, place)
        polygons.append(points)
    return tuple(polygons)


def _check_points(points: np.ndarray, place: str) -> None:
    """Refuse points beyond the picture, as the official evaluator does, or without a finite energy."""
    wrong = ~(
        (np.abs(points[:, 2]) <= LARGEST)
        & (points[:, 0] >= 0)
        & (points[:, 0] <= WIDTH)
        & (points[:, 1] >= 0)
        & (points[:, 1] <= HEIGHT)
    )
    if wrong.any():
        x, y, energy = points[np.argmax(wrong)]
        raise BadInput(
            f"{place}: the point {x:g}, {y:g} with energy {energy:g}: x goes from 0 to {WIDTH}, y from 0 to {HEIGHT}, "
            "energies are finite"
        )


def write_energy_maps(
    path: Path | str, maps: Iterable[EnergyMap], digits: int = 6, keep_same: bool = False
) -> int:
    """Write a file of labels or predictions; integers are written without a decimal point.

    Args:
        path: the file.
        maps: of one recording.
        digits: after the decimal point of energies and scores.
        keep_same: leave an existing file of the same bytes, with its time, as it is.

    Returns:
        Bytes written.
    """
    text = f'{{"annotations":[{",".join(text_of(one, digits) for one in maps)}]}}'
    with replacing(path, keep_same) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return len(text)


def text_of(one: EnergyMap, digits: int = 6) -> str:
    """Return the JSON object of one sound; its length is what it takes in a file, besides a comma."""
    return json.dumps(_plain(one, digits), separators=(",", ":"))


def _plain(one: EnergyMap, digits: int) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "metadata_frame_index": one.frame,
        "instance_id": one.instance,
        "category_id": one.label,
        "distance": None if np.isnan(one.distance) else _short(one.distance, digits),
        "segmentation": [_points(points, digits) for points in one.polygons],
    }
    return plain if np.isnan(one.score) else {**plain, "score": round(float(one.score), digits)}


def _points(points: np.ndarray, digits: int) -> list[list[float | int]]:
    """Round points (point, 3), column by column: a minute of labels has a million of them."""
    columns = np.round(points, digits).reshape(-1, N_VALUES).T
    return [list(point) for point in zip(*map(_column, columns), strict=True)]


def _column(values: np.ndarray) -> list[float | int]:
    """Return numbers, those without decimals as integers."""
    whole = values.astype(int)
    if (whole == values).all():
        return whole.tolist()
    return [int(value) if value.is_integer() else value for value in values.tolist()]


def _short(value: float, digits: int) -> float | int:
    rounded = round(float(value), digits)
    return int(rounded) if rounded.is_integer() else rounded


def merge_doubled(maps: Sequence[EnergyMap]) -> list[EnergyMap]:
    """Leave out annotations of a frame, class and instance that were there before with the same polygons."""
    kept: dict[tuple[int, int, int], list[EnergyMap]] = {}
    for one in maps:
        same = kept.setdefault(one.key, [])
        if not any(_equal(one.polygons, other.polygons) for other in same):
            same.append(one)
    return [one for same in kept.values() for one in same]


def _equal(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def recording_of(path: Path) -> str:
    """Return the name of the recording that a file is of."""
    stem = path.stem
    for suffix in SUFFIXES[1:]:
        stem = stem.removesuffix(suffix)
    return stem


def files_of(folder: Path) -> dict[str, Path]:
    """Find the files of energy maps in a folder and those below it, by the name of their recording.

    Args:
        folder: or one file.

    Raises:
        BadInput: none there, or two of one recording.
    """
    if not folder.is_file():
        require_folder(folder)
    elif folder.suffix.lower() != ".json":
        raise BadInput(f"{folder}: is no .json file; give one, or the folder that has them, unpacked")
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*.json"))
    found: dict[str, Path] = {}
    for path in paths:
        if path.name.startswith("."):
            continue
        name = recording_of(path)
        if name in found:
            raise BadInput(f"{path}: {found[name]} is of the same recording; leave one of them out")
        found[name] = path
    if not found:
        raise BadInput(f"{folder}: no .json files of energy maps; give the folder that has them")
    return found
