"""The two sides of a scoring: folders of csv files or mappings, matched by recording name and checked."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.events import Events
from avseld.io.labels import (
    METRES_PER_UNIT,
    Coordinates,
    check_prediction,
    coordinates_of,
    is_prepared_csv,
    read_labels,
    require_distances,
    warn_about_unit,
)
from avseld.io.manifest import pick, read_classes, read_manifest
from avseld.metrics.rules import Rule

log = logging.getLogger(__name__)

Reference = Mapping[str, Events] | Path | str
Prediction = Mapping[str, Events] | Path | str


@dataclass(frozen=True)
class Pairing:
    """Reference and prediction of every recording, read when they are asked for."""

    names: tuple[str, ...]
    reference: Mapping[str, Events | Path]
    prediction: Mapping[str, Events | Path]
    rule: Rule
    n_classes: int
    distance: bool
    """whether distances are scored"""
    coordinates: Coordinates = "auto"
    """how six columns of a prediction file are read"""
    unit: float = 0.01
    """metres in a unit of distance of prediction files"""
    durations: Mapping[str, float] = field(default_factory=dict)
    """seconds, where known"""
    rooms: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    """class names, where known"""

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[tuple[Events, Events]]:
        for name in self.names:
            yield self.pair(name)

    def pair(self, name: str) -> tuple[Events, Events]:
        """Reference and prediction of one recording.

        Raises:
            BadInput: a bad row; names file and line.
        """
        reference, prediction = self.reference[name], self.prediction.get(name, Events.empty())
        truth = _read_reference(reference, self.rule, self.n_classes)
        if isinstance(prediction, Events):
            guess = prediction
        else:
            guess = read_labels(prediction, self.n_classes, self.coordinates, self.unit, self.rule.hop)
            duration = self.durations.get(name, 0.0)
            check_prediction(prediction, guess, truth, self.rule.hop, duration, self.rule.late_frames)
        if self.distance:
            require_distances(truth, reference if isinstance(reference, Path) else name)
            require_distances(guess, prediction if isinstance(prediction, Path) else name)
        return truth, guess

    def room(self, name: str) -> str:
        """Room of a recording, from the manifest or from the name; empty if unknown."""
        found = re.search(r"room\d+", name)
        return self.rooms.get(name) or (found.group() if found else "")


def open_pair(
    reference: Reference,
    prediction: Prediction,
    rule: Rule,
    n_classes: int | None = None,
    missing: str = "error",
    distance_unit: str | None = None,
    fold: str | None = None,
) -> Pairing:
    """Match references and predictions by name.

    Args:
        reference: see `avseld.metrics.score`.
        prediction: see `avseld.metrics.score`.
        rule: the challenge year.
        n_classes: number of classes; None = look beside the labels, else the challenge's.
        missing: error or empty.
        distance_unit: cm, m, none or None for the challenge's.
        fold: score only this fold, room or recording of the manifest beside the labels.

    Raises:
        BadInput: recordings without counterpart, or none at all; lists them.
    """
    if missing not in ("error", "empty"):
        raise BadInput(f"no way '{missing}' to treat missing predictions; choose error or empty")
    if distance_unit not in (None, "none", *METRES_PER_UNIT):
        raise BadInput(f"no distance unit '{distance_unit}'; choose cm, m or none")
    home = _prepared(reference)
    recordings = read_manifest(home) if home else []
    truth = _side(reference, "reference")
    if fold is not None:
        if not home:
            raise BadInput(
                f"{reference}: no manifest.csv beside the labels knows folds; score without --fold"
            )
        chosen = {recording.name for recording in pick(recordings, [fold])}
        truth = {name: value for name, value in truth.items() if name in chosen}
    guess = _side(prediction, "prediction")
    if _is_file(reference) and _is_file(prediction):
        guess = dict(zip(truth, guess.values(), strict=True))  # two files given by name belong together
    names = _matched(truth, guess, prediction, missing, "--fold or " if home else "")
    classes = _classes(reference)
    unit = METRES_PER_UNIT.get(distance_unit or "", rule.prediction_unit)
    n_classes = n_classes or len(classes) or rule.n_classes
    coordinates, distance = _peek(truth, guess, rule, n_classes, unit, distance_unit)
    return Pairing(
        names,
        truth,
        guess,
        rule,
        n_classes,
        distance,
        coordinates,
        unit,
        {recording.name: recording.duration for recording in recordings},
        {recording.name: recording.room for recording in recordings},
        classes if len(classes) == n_classes else (),
    )


def _read_reference(reference: Events | Path, rule: Rule, n_classes: int) -> Events:
    """Read a reference; labels are polar and in centimetres in every challenge year."""
    if isinstance(reference, Events):
        return reference
    return read_labels(reference, n_classes, "polar", hop=rule.hop)


def _is_file(side: Reference) -> bool:
    return not isinstance(side, Mapping) and Path(side).is_file()


def _prepared(reference: Reference) -> Path | None:
    """The prepared folder that labels belong to, if any."""
    if isinstance(reference, Mapping):
        return None
    folder = Path(reference)
    homes = [home for home in (folder, folder.parent) if (home / "manifest.csv").is_file()]
    return homes[0] if homes else None


def _classes(reference: Reference) -> tuple[str, ...]:
    """Class names of the file beside the labels, if any."""
    if isinstance(reference, Mapping):
        return ()
    folder = Path(reference)
    return next(
        (tuple(read_classes(home)) for home in (folder, folder.parent) if (home / "classes.txt").is_file()),
        (),
    )


def _side(side: Reference, what: str) -> dict[str, Events | Path]:
    if isinstance(side, Mapping):
        return dict(side)
    folder = Path(side)
    if folder.is_file():
        return {folder.stem: folder}
    if not folder.is_dir():
        raise BadInput(f"{folder}: not found; give the folder of {what} csv files")
    if (folder / "manifest.csv").is_file():
        return {recording.name: recording.labels for recording in read_manifest(folder) if recording.labels}
    files: dict[str, Events | Path] = {}
    for path in sorted(folder.rglob("*.csv")):
        if path.stem in files:
            raise BadInput(f"{path}: {files[path.stem]} has the same name; keep one of them")
        files[path.stem] = path
    if not files:
        raise BadInput(f"{folder}: no csv file in it; give the folder of {what} csv files")
    return files


def _matched(
    truth: Mapping[str, object],
    guess: Mapping[str, object],
    prediction: Prediction,
    missing: str,
    other_ways: str,
) -> tuple[str, ...]:
    where = "" if isinstance(prediction, Mapping) else f"{prediction}: "
    if extra := [name for name in guess if name not in truth]:
        raise BadInput(f"{where}no reference for {_listed(extra)}; remove them or complete the references")
    if (absent := [name for name in truth if name not in guess]) and missing == "error":
        raise BadInput(
            f"{where}no prediction for {_listed(absent)}; predict them, leave them out or count them as "
            f"silence ({other_ways}--missing empty)"
        )
    if not truth:
        raise BadInput("no recordings to score; check the reference")
    return tuple(truth)


def _listed(names: Sequence[str]) -> str:
    return f"{len(names)} recordings ({', '.join(names)})" if len(names) > 1 else names[0]


def _peek(
    truth: Mapping[str, Events | Path],
    guess: Mapping[str, Events | Path],
    rule: Rule,
    n_classes: int,
    unit: float,
    asked: str | None,
) -> tuple[Coordinates, bool]:
    """Look at the largest file of each side: how its columns are read, and whether distances are scored."""
    scored = rule.counting == "frames" and asked != "none"
    coordinates: Coordinates = "auto"
    largest = _largest(guess)
    if isinstance(largest, Path):
        coordinates, events = coordinates_of(largest, unit, rule.hop)
        if scored:
            warn_about_unit(largest, events, unit)
    if not scored:
        return coordinates, False
    example = _largest(truth)
    if isinstance(example, Path):
        path, example = example, _read_reference(example, rule, n_classes)
        if not is_prepared_csv(path):
            warn_about_unit(path, example, METRES_PER_UNIT["cm"])
    has_distance = example is not None and not np.isnan(example.distance).all()
    if not has_distance:
        log.warning("the references have no distance: distances are not scored")
    return coordinates, has_distance


def _largest(side: Mapping[str, Events | Path]) -> Events | Path | None:
    def size(item: Events | Path) -> int:
        return len(item) if isinstance(item, Events) else item.stat().st_size

    return max(side.values(), key=size, default=None)
