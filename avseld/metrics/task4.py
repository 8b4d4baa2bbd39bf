"""Scores of DCASE 2019 Task 4: events and segments of clips without directions, from one file or a folder each.

As the task's scorer has it (`baseline/evaluation_measures.py` of turpaultn/DCASE2019_task4, MIT): the classes are those
that occur in reference or prediction; clips without a row in a prediction file have no events, and predictions of clips
that are not in the reference are not scored; a class that is never predicted has the event-based F-score 0 and no
segment-based one. Segments last one second.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.io.clip_events import joined, lists_clips, read_clip_events
from avseld.io.events import Events
from avseld.io.label_files import LabelFile
from avseld.io.labels import read_labels
from avseld.io.manifest import Recording, classes_of_predictions, read_class_list, read_manifest
from avseld.metrics.fold_choice import ALL, choose_fold
from avseld.metrics.folders import (
    Pairing,
    Prediction,
    Reference,
    class_names,
    matched_names,
    prepared_home,
    sources_of,
)
from avseld.metrics.formulas import Scores
from avseld.metrics.own import Metric, own_scores
from avseld.metrics.reference_events import CountingEvents
from avseld.metrics.rules import TASK4, rule_of
from avseld.metrics.scoring import SEGMENT_S, task4_scoring

log = logging.getLogger(__name__)

FRAME_RULE = 2023
"""year whose frames of 100 ms a folder of frame csv files has"""


@dataclass(frozen=True)
class Side:
    """Events of clips, of the reference or of the prediction.

    Args:
        events: by clip.
        classes: names by class index; empty where nothing names them.
        complete: whether a clip that is not there has no events, as in one file of all events.
    """

    events: Mapping[str, Events]
    classes: tuple[str, ...]
    complete: bool


def score_task4(
    reference: Reference,
    prediction: Prediction,
    average: str = "macro",
    jackknife: bool = False,
    corrected: bool = False,
    missing: str = "error",
    fold: str | None = None,
    parts: Mapping[str, list[str]] | None = None,
    segment_s: float = SEGMENT_S,
    metrics: Sequence[str | Metric] = (),
) -> Scores:
    """Score events of clips like the scorer of DCASE 2019 Task 4.

    Args:
        reference: one file `filename onset offset event_label`, a folder of label files, a prepared folder, or events
            by clip.
        prediction: the same.
        average: macro or micro.
        jackknife: add 95 % intervals over clips.
        corrected: compare times that are rounded to a nanosecond, count a class that is never predicted as 0 in
            segments, too, and leave classes without reference out of the average of the error rate.
        missing: what to do with a clip that a folder of predictions lacks: error, empty or skip.
        fold: score only this fold of a prepared folder.
        parts: folds of a run that `fold` may name.
        segment_s: length of a segment, seconds.
        metrics: of other packages, see `avseld.metrics.own`.

    Raises:
        BadInput: files that cannot be read or do not match; names them.
    """
    pairs = open_clips(reference, prediction, missing, fold, parts)
    n_classes = pairs.n_classes
    zero = ("event", "segment") if corrected else ("event",)
    scoring = task4_scoring(n_classes, average, segment_s, corrected, zero, all_references=corrected)
    events = CountingEvents(pairs, n_classes)
    scores = scoring.scores(scoring.count_all(events), jackknife)
    counted = events.total()
    if average == "macro" and not corrected:
        _warn_of_unreferenced(pairs.classes, counted)
    return replace(scores, classes=pairs.classes, own=own_scores(metrics, pairs), n_events=counted)


def refuse_unused(given: Mapping[str, object]) -> None:
    """Refuse options of scoring that mean nothing for events without directions.

    Args:
        given: values by name of the option; one that is empty, 0 or False was not given.

    Raises:
        BadInput: names the option.
    """
    for name, value in given.items():
        if value:
            raise BadInput(f"{name}: means nothing for {TASK4}; leave it out")


def open_clips(
    reference: Reference,
    prediction: Prediction,
    missing: str = "error",
    fold: str | None = None,
    parts: Mapping[str, list[str]] | None = None,
) -> Pairing:
    """Match references and predictions of clips by name, and their classes by theirs; arguments as for `score_task4`.

    Raises:
        BadInput: files that cannot be read or do not match; names them.
    """
    if missing not in ("error", "empty", "skip"):
        raise BadInput(f"no way '{missing}' to treat missing predictions; choose error, empty or skip")
    home = prepared_home(reference)
    if fold is not None and fold != ALL and not home:
        raise BadInput(f"{reference}: no manifest.csv beside the labels knows folds; score without --fold")
    truth, guess = _side(reference, "reference"), _side(prediction, "prediction", join=True)
    recordings = read_manifest(home) if home else []
    if guess.complete:
        fold, missing = fold or _fold_of(recordings, guess), "empty"
    chosen, part = choose_fold(
        recordings, truth.events, guess.events, fold, parts or {}, "skip" if guess.complete else missing
    )
    references = {name: events for name, events in truth.events.items() if name in chosen}
    predictions = dict(guess.events)
    if unknown := [name for name in predictions if name not in references]:
        if len(unknown) == len(predictions):
            raise BadInput(
                f"{prediction}: none of its clips ({unknown[0]}, ...) is in the reference {reference}; "
                "check the names of the files"
            )
        log.warning(
            "%s: %d clips are not in the reference (%s, ...); not scored, as the task's scorer does",
            _shown(prediction), len(unknown), unknown[0],
        )  # fmt: skip
        predictions = {name: events for name, events in predictions.items() if name in references}
    names = matched_names(references, predictions, prediction, missing, "")
    for name in names:
        if np.isnan(references[name].onset).any():
            raise BadInput(
                f"{_shown(reference)}: the labels of {name} have no times (weak labels); score clips that have some, "
                "with --fold where a prepared folder has several folds"
            )
    classes, tables = _same_classes(truth, guess, references, predictions)
    return Pairing(
        names, *tables, rule_of(FRAME_RULE), len(classes), False, classes=classes, fold=part, directions=False,
        rooms={one.name: one.room for one in recordings},
    )  # fmt: skip


def _shown(side: object) -> str:
    return "the mapping" if isinstance(side, Mapping) else str(side)


def _side(side: Reference | Prediction, what: str, join: bool = False) -> Side:
    """Read the events of all clips of one side.

    Args:
        side: see `score_task4`.
        what: reference or prediction.
        join: whether rows of label frames are joined to events.
    """
    if isinstance(side, Mapping):
        return _of_mapping(side)
    path = Path(side)
    if path.is_file() and lists_clips(path):
        events = read_clip_events(path)
        return Side(events, next((one.classes for one in events.values()), ()), True)
    listed = classes_of_predictions(path)
    classes = class_names(path) or (tuple(read_class_list(listed)) if listed.is_file() else ())
    found = {}
    for name, source in sources_of(path, what).items():
        if isinstance(source, LabelFile):
            events_of_clip = source.read(len(classes) or None, classes=classes or None).events
        else:
            assert isinstance(source, Path)
            events_of_clip = read_labels(
                source, len(classes) or None, classes=classes or None, recording=name
            )
        found[name] = joined(events_of_clip) if join else events_of_clip
    return Side(found, classes, False)


def _of_mapping(side: Mapping[str, Events]) -> Side:
    """Give events in memory one list of classes: that of all their names, such as of clips from several files."""
    lists = {events.classes for events in side.values() if events.classes}
    if len(lists) < 2:
        return Side(side, next(iter(lists), ()), False)
    classes = tuple(sorted({name for names in lists for name in names}))
    maps = {names: np.array([classes.index(name) for name in names]) for names in lists}
    return Side(
        {
            name: replace(events, label=maps[events.classes][events.label], classes=classes)
            if events.classes
            else events
            for name, events in side.items()
        },
        classes,
        False,
    )


def _fold_of(recordings: Sequence[Recording], guess: Side) -> str | None:
    """Name the fold to which all predicted clips belong, if there are several folds."""
    folds = {one.fold for one in recordings if one.fold}
    fold_of = {one.name: one.fold for one in recordings}
    predicted = {fold_of.get(name) for name in guess.events}
    if len(folds) < 2 or len(predicted) != 1 or None in predicted:
        return None
    (fold,) = predicted
    log.warning("the predictions are clips of --fold %s: scored as that (all with --fold all)", fold)
    return fold


def _same_classes(
    truth: Side, guess: Side, references: Mapping[str, Events], predictions: Mapping[str, Events]
) -> tuple[tuple[str, ...], tuple[dict[str, Events], dict[str, Events]]]:
    """Give both sides one list of classes: those that occur in one of them.

    Returns:
        The class names, and the events of references and predictions.

    Raises:
        BadInput: indices of classes on one side that the names of the other do not cover.
    """
    named = [_names(side, other) for side, other in ((truth, guess), (guess, truth))]
    occurring = [
        {names[label] for events in table.values() for label in np.unique(events.label).tolist()}
        for names, table in zip(named, (references, guess.events), strict=True)
    ]
    order = list(dict.fromkeys([*named[0], *named[1]]))
    classes = tuple(name for name in order if name in occurring[0] | occurring[1])
    if not classes:
        raise BadInput("no events in reference and prediction; nothing can be scored")
    tables = []
    for names, table in zip(named, (references, predictions), strict=True):
        index = np.array([classes.index(name) if name in classes else -1 for name in names] or [-1])
        tables.append(
            {
                name: replace(events, label=index[events.label], classes=classes)
                for name, events in table.items()
            }
        )
    return classes, (tables[0], tables[1])


def _names(side: Side, other: Side) -> tuple[str, ...]:
    """Name the classes of a side by its own list, else by that of the other, else by their numbers."""
    if side.classes:
        return side.classes
    n_classes = 1 + max((int(events.label.max(initial=-1)) for events in side.events.values()), default=-1)
    if len(other.classes) >= n_classes:
        return other.classes
    if other.classes:
        raise BadInput(
            f"class {n_classes - 1}: the other side names {len(other.classes)} classes; give class names on both sides"
        )
    return tuple(f"class {number}" for number in range(n_classes))


def _warn_of_unreferenced(classes: Sequence[str], counted: Sequence[int]) -> None:
    if absent := [name for name, number in zip(classes, counted, strict=True) if not number]:
        log.warning(
            "no reference event of %s: the task's scorer divides by 2.2e-16 there, so that averages of the error rate "
            "mean nothing; --corrected true leaves such classes out",
            ", ".join(absent),
        )


def problems_of_clips(reference: Reference, prediction: Path, fold: str | None = None) -> list[str]:
    """List the reasons why a file is not a valid submission to DCASE 2019 Task 4; empty if it is one.

    Args:
        reference: as for `score_task4`, for the names of clips and classes.
        prediction: the file.
        fold: see `score_task4`.
    """
    try:
        if not Path(prediction).is_file():
            raise BadInput(
                f"{prediction}: a submission is one file, with filename, onset, offset and event_label"
            )
        guess = read_clip_events(Path(prediction))
        pairs = open_clips(reference, prediction, fold=fold)
    except BadInput as error:
        return [str(error)]
    truth = _side(reference, "reference")
    reasons = [
        f"{prediction}: clip {name} is not in the reference" for name in guess if name not in truth.events
    ]
    known = truth.classes or pairs.classes
    names = next((events.classes for events in guess.values()), ())
    reasons += [f"{prediction}: '{name}' is no class of the reference" for name in names if name not in known]
    reasons += [
        f"{prediction}: an event of {name} ends before it begins"
        for name, events in guess.items()
        if (events.offset < events.onset).any()
    ]
    return reasons
