"""The two sides of a scoring: folders of csv files or mappings, matched by recording name and checked."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.dcase_csv import read_dcase
from avseld.io.events import Events, read_events, read_lines
from avseld.io.manifest import pick, read_classes, read_manifest
from avseld.metrics.rules import Rule

log = logging.getLogger(__name__)

Reference = Mapping[str, Events] | Path | str
Prediction = Mapping[str, Events] | Path | str

UNITS = {"cm": 0.01, "m": 1.0}
LATE_S = 30.0
"""how long a recording may go on behind its last annotated event, where its length is not known"""
FAR = 15.0
"""a median distance beyond this many units means centimetres, below it metres"""


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
    kind: str = "auto"
    """polar or cartesian: how six columns of a prediction file are read"""
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
        truth = reference if isinstance(reference, Events) else read(reference, self.rule, self.n_classes)
        if isinstance(prediction, Events):
            guess = prediction
        else:
            guess = read(prediction, self.rule, self.n_classes, self.unit, self.kind)
            check(prediction, guess, truth, self.rule, self.durations.get(name, 0.0))
        if self.distance:
            _has_distance(truth, reference, name)
            _has_distance(guess, prediction, name)
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
    if distance_unit not in (None, "none", *UNITS):
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
    unit = UNITS.get(distance_unit or "", rule.prediction_unit)
    n_classes = n_classes or len(classes) or rule.n_classes
    kind, distance = _peek(truth, guess, rule, n_classes, unit, distance_unit)
    return Pairing(
        names,
        truth,
        guess,
        rule,
        n_classes,
        distance,
        kind,
        unit,
        {recording.name: recording.duration for recording in recordings},
        {recording.name: recording.room for recording in recordings},
        classes if len(classes) == n_classes else (),
    )


def read(path: Path, rule: Rule, n_classes: int | None, unit: float = 0.01, kind: str = "polar") -> Events:
    """Read a csv file of either kind: that of a prepared folder (by its header) or a frame csv.

    Raises:
        BadInput: a bad row; names file and line.
    """
    if _is_canonical(path):
        return read_events(path, n_classes)
    return read_dcase(path, n_classes, kind, unit, rule.hop)[0]  # type: ignore[arg-type]


def check(path: Path, prediction: Events, reference: Events, rule: Rule, duration: float) -> None:
    """Refuse predictions written twice and predictions behind the end of the recording.

    Where the length of the recording is unknown (0), the end is taken as 30 s behind its last annotated
    event: recordings go on after it, and the official scorers leave out what is predicted there. 2025 has no
    end.

    Raises:
        BadInput: names file and line.
    """
    twice = _repeated(prediction)
    if len(twice):
        raise BadInput(f"{path}:{_line(path, int(twice[0]))}: the same row stands above; remove one")
    end = duration + rule.hop if duration else reference.duration + LATE_S
    late = np.flatnonzero(prediction.offset > end + 1e-6)
    if len(late) and len(reference) and not rule.late_frames:
        row = int(late[0])
        frame = round(prediction.onset[row] / rule.hop)
        raise BadInput(
            f"{path}:{_line(path, row)}: frame {frame} lies behind the end of the reference; check the frame "
            "rate, or score against a prepared folder, which knows the durations"
        )


def _repeated(events: Events) -> np.ndarray:
    """Rows that stand above in the same words."""
    key = np.stack([events.onset, events.label], axis=1)
    order = np.lexsort((events.label, events.onset))
    key = key[order]
    same = (key[1:] == key[:-1]).all(axis=1)
    rows = np.sort(order[np.r_[same, False] | np.r_[False, same]]) if len(events) else np.zeros(0, int)
    if not len(rows):
        return rows
    columns = (events.onset, events.offset, events.label, events.source, events.azimuth, events.elevation)
    whole = np.stack([*columns, np.nan_to_num(events.distance, nan=-1)], axis=1)[rows]
    _, first = np.unique(whole, axis=0, return_index=True)
    return np.delete(rows, first)


def _line(path: Path, row: int) -> int:
    """Line of the file that holds a row of events."""
    lines = read_lines(path)
    header = any(letter.isalpha() for letter in lines[0].replace("e", "").replace("E", ""))
    filled = [line for line, text in enumerate(lines, start=1) if text.strip()]
    return filled[row + header]


def _is_canonical(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(16).lstrip(b"\xef\xbb\xbf").lstrip().startswith(b"onset")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check the path") from error


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
) -> tuple[str, bool]:
    """Look at the largest file of each side: how its columns are read, and whether distances are scored."""
    scored = rule.counting == "frames" and asked != "none"
    kind = _peek_at_prediction(_largest(guess), rule, unit, scored)
    if not scored:
        return kind, False
    example = _largest(truth)
    if isinstance(example, Path):
        path, example = example, read(example, rule, n_classes)
        if not _is_canonical(path):
            _warn_about_unit(path, example, 0.01)
    has_distance = example is not None and not np.isnan(example.distance).all()
    if not has_distance:
        log.warning("the references have no distance: distances are not scored")
    return kind, has_distance


def _peek_at_prediction(largest: Events | Path | None, rule: Rule, unit: float, warn: bool) -> str:
    if not isinstance(largest, Path) or _is_canonical(largest):
        return "auto"
    try:
        events, dialect = read_dcase(largest, metres_per_unit=unit, hop=rule.hop)
    except BadInput:  # comes again, with all other complaints, when the file is scored
        return "auto"
    if warn:
        _warn_about_unit(largest, events, unit)
    return "cartesian" if "x" in dialect.columns else "polar"


def _largest(side: Mapping[str, Events | Path]) -> Events | Path | None:
    def size(item: Events | Path) -> int:
        return len(item) if isinstance(item, Events) else item.stat().st_size

    return max(side.values(), key=size, default=None)


def _warn_about_unit(path: Path, events: Events, unit: float) -> None:
    if not len(events) or np.isnan(events.distance).all():
        return
    median = float(np.nanmedian(events.distance)) / unit
    looks = "m" if median < FAR else "cm"
    if median > 0 and UNITS[looks] != unit:
        words = {0.01: "cm", 1.0: "m"}
        log.warning(
            "%s: distances are read as %s, but their median %.3g looks like %s (see --distance-unit)",
            path,
            words[unit],
            median,
            looks,
        )


def _has_distance(events: Events, origin: Events | Path | object, name: str) -> None:
    if np.isnan(events.distance).any():
        where = origin if isinstance(origin, Path) else name
        raise BadInput(
            f"{where}: a distance is missing; add it, or score without distances (--distance-unit none)"
        )
