"""References and predictions from folders of CSV files or mappings, matched by recording name and checked."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import require_folder, visible_files
from avseld.io.clip_events import lists_only_times
from avseld.io.dcase_csv import read_dcase
from avseld.io.events import Events
from avseld.io.frame_conventions import tell_coordinates_of_predictions
from avseld.io.label_files import TABLES, LabelFile, sheet_of_many
from avseld.io.labels import (
    EVENT_LIST_SUFFIX,
    METRES_PER_UNIT,
    Coordinates,
    coordinates_of,
    label_format,
    read_labels,
    require_directions,
    require_distances,
    warn_about_unit,
)
from avseld.io.manifest import (
    check_classes_of_predictions,
    read_classes,
    read_manifest,
    with_labels,
)
from avseld.io.unfolded import UNFOLDED_SUFFIX
from avseld.metrics.fold_choice import ALL, choose_fold
from avseld.metrics.odd_rows import OddRows
from avseld.metrics.rules import TASK4, Rule

log = logging.getLogger(__name__)

MAX_NAMES = 10
"""recordings that a message lists"""

Reference = Mapping[str, Events] | Path | str
Prediction = Mapping[str, Events] | Path | str
Source = Events | Path | LabelFile
"""of one recording: events, a file of it, or its rows of a sheet of many"""


@dataclass(frozen=True)
class Pairing:
    """References and predictions of a set of recordings, read on demand."""

    names: tuple[str, ...]
    reference: Mapping[str, Source]
    prediction: Mapping[str, Source]
    rule: Rule
    n_classes: int
    distance: bool
    """whether distances are scored"""
    coordinates: Coordinates = "auto"
    """coordinates of prediction files with six columns"""
    unit: float = 0.01
    """metres per unit of distance in prediction files"""
    durations: Mapping[str, float] = field(default_factory=dict)
    """seconds, where known"""
    rooms: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    """class names, where known"""
    fold: str = ""
    """the fold that is scored, in words; empty for all recordings"""
    odd_rows: OddRows = field(default_factory=OddRows, compare=False)
    """rows that look wrong, told after all recordings were read"""
    strict: bool = False
    """refuse unknown classes and angles out of range in predictions"""
    directions: bool = True
    """whether events must have directions"""

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[tuple[Events, Events]]:
        for name in self.names:
            yield self.pair(name)
        self.odd_rows.tell()

    def pair(self, name: str) -> tuple[Events, Events]:
        """Read the reference and the prediction of one recording.

        Args:
            name: of the recording.

        Raises:
            BadInput: a bad row; names file and line.
        """
        source, predicted = self.reference[name], self.prediction.get(name, Events.empty())
        reference = _read_reference(source, self.rule, self.n_classes, self.classes)
        if isinstance(predicted, Events):
            prediction = predicted
        elif isinstance(predicted, LabelFile):
            prediction = predicted.read(self.n_classes, classes=self.classes or None).events
        else:
            prediction = self.odd_rows.scored(
                predicted,
                self._read_prediction(predicted, name),
                reference,
                self.n_classes,
                self.rule,
                self.durations.get(name, 0.0),
            )
        if self.directions:
            require_directions(reference, _origin(source, name))
            require_directions(prediction, _origin(predicted, name))
        if self.distance:
            require_distances(reference, _origin(source, name))
            require_distances(prediction, _origin(predicted, name))
        return reference, prediction

    def _read_prediction(self, path: Path, name: str) -> Events:
        if not self.strict and label_format(path) == "frames":
            return read_dcase(path, None, self.coordinates, self.unit, self.rule.frame_hop, lenient=True)[0]
        return read_labels(
            path,
            self.n_classes,
            self.coordinates,
            self.unit,
            self.rule.frame_hop,
            self.classes or None,
            name,
        )

    def room(self, name: str) -> str:
        """Return the room of a recording, from the manifest or its name; empty if unknown."""
        room = re.search(r"room\d+", name)
        return self.rooms.get(name) or (room.group() if room else "")


def open_pair(
    reference: Reference,
    prediction: Prediction,
    rule: Rule,
    n_classes: int | None = None,
    missing: str = "error",
    distance_unit: str | None = None,
    fold: str | None = None,
    parts: Mapping[str, list[str]] | None = None,
    coordinates: Coordinates = "auto",
) -> Pairing:
    """Match references and predictions by name.

    Args:
        reference: see `avseld.metrics.score`.
        prediction: see `avseld.metrics.score`.
        rule: the challenge year.
        n_classes: number of classes; None reads classes.txt beside the labels, else takes the challenge's.
        missing: error, empty or skip.
        distance_unit: cm, m, none, or None for the challenge's.
        fold: score only this fold, room or recording of the manifest beside the labels; all for all recordings. If
            None, predictions that are exactly one fold are scored as that, and it is logged.
        parts: folds, rooms or recordings of train, validate and test of a run, which `fold` may name.
        coordinates: of prediction files with six columns without header; auto decides by the largest file.

    Raises:
        BadInput: recordings without reference or prediction, or none at all; lists them.
    """
    if missing not in ("error", "empty", "skip"):
        raise BadInput(f"no way '{missing}' to treat missing predictions; choose error, empty or skip")
    if distance_unit not in (None, "none", *METRES_PER_UNIT):
        raise BadInput(f"no distance unit '{distance_unit}'; choose cm, m or none")
    for side in (reference, prediction):
        if not isinstance(side, Mapping) and Path(side).is_file() and lists_only_times(Path(side)):
            raise BadInput(
                f"{side}: events of clips without directions; score them with --challenge {TASK4}, or add azimuth and "
                "elevation"
            )
    home = prepared_home(reference)
    recordings = read_manifest(home) if home else []
    references = sources_of(reference, "reference")
    predictions = sources_of(prediction, "prediction")
    if home and not references.keys() >= predictions.keys():
        # Recordings of an evaluation set that are known to have no labels are no mistake.
        predicted = with_labels([one for one in recordings if one.name in predictions], home)
        unlabelled = {one.name for one in recordings} - {one.name for one in predicted} - references.keys()
        predictions = {name: value for name, value in predictions.items() if name not in unlabelled}
    if fold is not None and fold != ALL and not home:
        raise BadInput(f"{reference}: no manifest.csv beside the labels knows folds; score without --fold")
    chosen, part = choose_fold(recordings, references, predictions, fold, parts or {}, missing)
    references = {name: value for name, value in references.items() if name in chosen}
    # Two files given by name belong together.
    if _is_file(reference) and _is_file(prediction) and len(references) == len(predictions) == 1:
        predictions = dict(zip(references, predictions.values(), strict=True))
    names = matched_names(
        references, predictions, prediction, missing, ", score a fold alone (--fold)" if home else ""
    )
    classes = class_names(reference)
    if not isinstance(prediction, Mapping):
        check_classes_of_predictions(Path(prediction), classes, f"{reference} (classes.txt)")
    said = METRES_PER_UNIT.get(distance_unit or "")
    n_classes = len(classes) or rule.n_classes if n_classes is None else n_classes
    scored = rule.counting == "frames" and distance_unit != "none"
    seen, unit, distance = _inspect(references, predictions, rule, n_classes, said, scored, classes)
    if coordinates == "auto" and isinstance(example := _largest(predictions), Path):
        tell_coordinates_of_predictions(example)
    return Pairing(
        names,
        references,
        predictions,
        rule,
        n_classes,
        distance,
        seen if coordinates == "auto" else coordinates,
        unit,
        {recording.name: recording.duration for recording in recordings},
        {recording.name: recording.room for recording in recordings},
        classes if len(classes) == n_classes else (),
        part,
    )


def _read_reference(reference: Source, rule: Rule, n_classes: int, classes: Sequence[str] = ()) -> Events:
    """Read a reference; labels are polar and in centimetres in every challenge year."""
    if isinstance(reference, Events):
        return reference
    if isinstance(reference, LabelFile):
        return reference.read(n_classes, classes=classes or None).events
    return read_labels(
        reference, n_classes, "polar", hop=rule.frame_hop, classes=classes or None, recording=reference.stem
    )


def _origin(source: Source, name: str) -> Path | str:
    return name if isinstance(source, Events) else source.path if isinstance(source, LabelFile) else source


def _is_file(side: Reference) -> bool:
    return not isinstance(side, Mapping) and Path(side).is_file()


def prepared_home(reference: Reference) -> Path | None:
    """Return the prepared folder of the labels, if any."""
    if isinstance(reference, Mapping):
        return None
    folder = Path(reference)
    homes = [home for home in (folder, folder.parent) if (home / "manifest.csv").is_file()]
    return homes[0] if homes else None


def class_names(reference: Reference) -> tuple[str, ...]:
    """Read class names from the file beside the labels, if any."""
    if isinstance(reference, Mapping):
        return ()
    folder = Path(reference)
    return next(
        (tuple(read_classes(home)) for home in (folder, folder.parent) if (home / "classes.txt").is_file()),
        (),
    )


def sources_of(side: Reference, what: str) -> dict[str, Source]:
    """Find the events of each recording.

    Args:
        side: folder, file or mapping.
        what: reference or prediction, for messages.

    Raises:
        BadInput: nothing there, or two files of one recording.
    """
    if isinstance(side, Mapping):
        return dict(side)
    folder = Path(side)
    if folder.is_file():
        return _of_one_file(folder)
    require_folder(folder, f"give the folder of {what} csv files")
    if (folder / "manifest.csv").is_file():
        return {recording.name: recording.labels for recording in read_manifest(folder) if recording.labels}
    files: dict[str, Source] = {}
    paths = visible_files(folder, (".csv",)) or visible_files(folder, TABLES)
    paths = [path for path in paths if not path.name.endswith((EVENT_LIST_SUFFIX, UNFOLDED_SUFFIX))]
    if len(paths) == 1:
        return _of_one_file(paths[0])
    for path in paths:
        if path.stem in files:
            raise BadInput(f"{path}: {files[path.stem]} has the same name; keep one of them")
        files[path.stem] = path
    if not files:
        raise BadInput(f"{folder}: no csv file in it; give the folder of {what} csv files")
    return files


def _of_one_file(path: Path) -> dict[str, Source]:
    if sheet := sheet_of_many(path):
        return {name: LabelFile(path, name, sheet) for name in sheet.recordings()}
    return {path.stem: path}


def matched_names(
    references: Mapping[str, object],
    predictions: Mapping[str, object],
    prediction: Prediction,
    missing: str,
    other_ways: str,
) -> tuple[str, ...]:
    """List the recordings to score.

    Args:
        references: by recording.
        predictions: by recording.
        prediction: where the predictions come from, for messages.
        missing: error, empty or skip.
        other_ways: what may be done about recordings without prediction beside predicting them.

    Raises:
        BadInput: predictions without reference, or recordings without prediction.
    """
    where = "" if isinstance(prediction, Mapping) else f"{prediction}: "
    if extra := [name for name in predictions if name not in references]:
        raise BadInput(f"{where}no reference for {_listed(extra)}; remove them or complete the references")
    if (absent := [name for name in references if name not in predictions]) and missing == "error":
        raise BadInput(
            f"{where}no prediction for {_listed(absent)}; predict them{other_ways}, or count them as silence, which "
            "lowers the scores (--missing empty), or leave them out, as the official scorers do (--missing skip)"
        )
    if missing == "skip" and absent:
        log.warning("%s%d recordings have no prediction and are left out", where, len(absent))
        references = {name: value for name, value in references.items() if name in predictions}
    if not references:
        raise BadInput("no recordings to score; check the reference")
    return tuple(references)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{len(names)} recordings ({', '.join(names[:MAX_NAMES])}{more})" if len(names) > 1 else names[0]


def _inspect(
    references: Mapping[str, Source],
    predictions: Mapping[str, Source],
    rule: Rule,
    n_classes: int,
    said: float | None,
    scored: bool,
    classes: Sequence[str],
) -> tuple[Coordinates, float, bool]:
    """Decide from the largest file of each side on coordinates and unit of predictions and on scoring distances."""
    coordinates: Coordinates = "auto"
    unit = rule.prediction_unit if said is None else said
    largest = _largest(predictions)
    events = largest if isinstance(largest, Events) else Events.empty()
    if isinstance(largest, Path):
        coordinates, unit, events = coordinates_of(largest, said, rule.frame_hop, rule.prediction_unit)
        if scored:
            warn_about_unit(largest, events, unit)
    if not scored:
        return coordinates, unit, False
    if len(events) and np.isnan(events.distance).all():
        log.warning("the predictions have no distance: distances are not scored, as by avseld evaluate")
        return coordinates, unit, False
    largest = _largest(references)
    example = Events.empty() if largest is None else _read_reference(largest, rule, n_classes, classes)
    if isinstance(largest, Path) and label_format(largest) == "frames":
        warn_about_unit(largest, example, METRES_PER_UNIT["cm"])
    has_distance = len(example) > 0 and not np.isnan(example.distance).all()
    if not has_distance:
        log.warning("the references have no distance: distances are not scored")
    return coordinates, unit, has_distance


def _largest(side: Mapping[str, Source]) -> Source | None:
    def size(item: Source) -> int:
        if isinstance(item, Path):
            return item.stat().st_size
        return len(item) if isinstance(item, Events) else len(item.sheet.rows) if item.sheet else 0

    return max(side.values(), key=size, default=None)
