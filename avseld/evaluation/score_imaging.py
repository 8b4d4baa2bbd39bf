"""Scores of energy maps on the sphere (DCASE2026 Task 3), as `avseld score --challenge 2026` prints them."""

import json as json_text
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import make_folder
from avseld.evaluation.validity import report
from avseld.io.classes import STARSS_CLASSES
from avseld.io.energy_maps import MAX_FILE_BYTES, EnergyMap, read_energy_maps, write_energy_maps
from avseld.metrics.imaging import (
    Definition,
    ImagingScores,
    MapPairs,
    MaskScores,
    Missing,
    Records,
    jackknife,
    match_files,
    open_maps,
    score_masks,
    scores_of,
    thin_to,
)
from avseld.metrics.imaging.scores import THRESHOLDS
from avseld.metrics.table import row

IMAGING = 2026
"""year of Task 3 whose predictions are energy maps"""
FIRST: Definition = "2026-04-02"
LAST: Definition = "2026-06-30"
N_CLASSES = len(STARSS_CLASSES)
MAX_PROBLEMS = 20
"""problems that are named; the rest is counted"""
SOME = 3
"""recordings that a note names"""
MEBIBYTE = 1024 * 1024
WORTH_PROCESSES = 4
"""recordings from which on starting processes costs less than it saves"""


@dataclass(frozen=True)
class ImagingOptions:
    """Options of `avseld score --challenge 2026`.

    Args:
        definition: date of the rules.
        legacy: number types of the official code.
        jackknife: 95 % intervals over recordings.
        json: one JSON object instead of a table.
        missing: see `avseld.metrics.imaging.folders.open_maps`.
        check_only: only check the files of predictions.
        thin: folder for predictions with fewer points.
    """

    definition: Definition = LAST
    legacy: bool = False
    jackknife: bool = False
    json: bool = False
    missing: Missing = "error"
    check_only: bool = False
    thin: Path | None = None


def two_folders(
    reference: Path | None, prediction: Path | None, unused: Mapping[str, object]
) -> tuple[Path, Path]:
    """Check the words of a command.

    Args:
        reference: folder of labels.
        prediction: folder of predictions.
        unused: options that mean nothing here, by name; one that is empty, 0 or False was not given.

    Raises:
        BadInput: a folder or such an option; names it.
    """
    if given := [name for name, value in unused.items() if value]:
        raise BadInput(f"--{given[0]}: means nothing for {IMAGING}; leave it out")
    if reference is None or prediction is None:
        raise BadInput(f"{IMAGING}: give the folder of labels and the folder of predictions")
    return reference, prediction


def score_imaging(reference: Path, prediction: Path, options: ImagingOptions) -> int:
    """Score, check or thin a folder of energy maps.

    Args:
        reference: folder of labels, NAME_std.json, or one file.
        prediction: folder of predictions, NAME.json, or one file.
        options: see `ImagingOptions`.

    Returns:
        Exit status: 2 if a submission is not valid.

    Raises:
        BadInput: files do not match or cannot be read, or an option that a definition does not have.
    """
    if options.check_only:
        if options.jackknife or options.thin:
            raise BadInput(
                "--check_only: scores nothing, so it has no --jackknife and no --thin; leave them out"
            )
        return report(
            problems_of_maps(reference, prediction, options.missing), prediction, IMAGING, options.json
        )
    _check_thin(options.thin, reference, prediction)
    pairs = open_maps(reference, prediction, options.missing)
    if options.definition == FIRST:
        if options.jackknife or options.thin:
            raise BadInput(f"--definition {FIRST}: has no --jackknife and no --thin; leave them out")
        return _print_masks(score_masks(pairs), pairs, options.json)
    records = match_files(pairs, jobs=0 if len(pairs.names) >= WORTH_PROCESSES else 1)
    scores = scores_of(records, options.definition, options.legacy)
    intervals = jackknife(records, options.definition, options.legacy) if options.jackknife else {}
    answer = {**scores.as_dict(), **({"interval": intervals} if intervals else {})}
    thinned = thin_predictions(pairs, options.thin, options) if options.thin else None
    if options.json:
        whole = {
            "challenge": 2026,
            "definition": options.definition,
            "recordings": len(pairs.names),
            **answer,
        }
        whole |= {"skipped": list(pairs.skipped), "doubled": int(records.n_doubled.sum())}
        sys.stdout.write(json_text.dumps(whole | ({"thinned": asdict(thinned)} if thinned else {})) + "\n")
        return 0
    lines = [_title(pairs, options.definition), "", *_rows(scores, intervals), ""]
    lines += notes(scores, records, pairs, options)
    if thinned:
        change = thinned.macro_precision - scores.macro_precision
        lines.append(
            f"thinned: {thinned.points:,} of {thinned.of_points:,} points in {thinned.folder}, largest file "
            f"{thinned.largest_mb:.2g} MiB; macro mAP {thinned.macro_precision:.4f} ({change:+.4f})"
        )
        if thinned.left_out:
            lines.append(f"{_count(thinned.left_out, 'prediction')} of the lowest scores had to be left out")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _check_thin(folder: Path | None, *scored: Path) -> None:
    """Refuse to write predictions where the next call would find them beside the scored ones, or beside the labels."""
    for path in scored:
        given = (path.parent if path.is_file() else path).resolve()
        if folder is not None and given in (folder.resolve(), *folder.resolve().parents):
            raise BadInput(f"--thin {folder}: lies in {path}, whose files are scored; name another folder")


def _title(pairs: MapPairs, definition: str) -> str:
    return f"DCASE2026 energy maps, definition of {definition}, {_count(len(pairs.names), 'recording')}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SOME]) + (", ..." if len(names) > SOME else "")


def _rows(scores: ImagingScores, intervals: Mapping[str, tuple[float, float]]) -> list[str]:
    """Format the table: macro and micro means, and each class."""
    heads = [
        *(f"AP{100 * least:.0f}" for least in THRESHOLDS),
        "mAP",
        "Pearson r",
        "references",
        "predictions",
    ]
    total = [f"{scores.n_references.sum():,}", f"{scores.n_predictions.sum():,}"]
    empty = [""] * len(THRESHOLDS)
    lines = [row("", [*heads[:-2], "refs", "preds"])]
    for name in ("macro", "micro"):
        mean, correlation = (scores.whole[f"{name}_{score}"] for score in ("mAP", "pearson"))
        lines.append(row(name, [*empty, _text(mean), _text(correlation), *total]))
        for word, side in (("  95 % from", 0), ("  95 % to", 1)):
            if intervals:
                ends = [intervals[f"{name}_{score}"][side] for score in ("mAP", "pearson")]
                lines.append(row(word, [*empty, *map(_text, ends), "", ""]).rstrip())
    lines.append("")
    for label, name in enumerate(STARSS_CLASSES):
        counts = (scores.n_references[label], scores.n_predictions[label])
        if any(counts):
            precisions = scores.precisions[label]
            values = [*precisions, precisions.mean(), scores.correlations[label]]
            lines.append(row(name, [*map(_text, values), *(f"{count:,}" for count in counts)]))
    return lines


def _text(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4f}"


def notes(scores: ImagingScores, records: Records, pairs: MapPairs, options: ImagingOptions) -> list[str]:
    """List properties of the rules that these files meet.

    Args:
        scores: of the files.
        records: of the files.
        pairs: the files.
        options: of the command.
    """
    lines = []
    if classes := scores.without_predictions:
        effect = "leave the means" if options.definition == "2026-05-28" else "count as 0"
        lines.append(f"classes without any prediction, which {effect}: {_names(classes)}")
    if classes := scores.without_references:
        lines.append(f"predicted classes without references, left out of the macro mean: {_names(classes)}")
    if pairs.skipped:
        lines.append(
            f"{_count(len(pairs.skipped), 'recording')} without predictions left out with their references: "
            f"{_some(pairs.skipped)}"
        )
    if absent := [name for name in pairs.names if name not in pairs.predictions]:
        lines.append(
            f"{_count(len(absent), 'recording')} without predictions counted as empty: {_some(absent)}"
        )
    if large := [name for name, path in pairs.predictions.items() if path.stat().st_size > MAX_FILE_BYTES]:
        lines.append(
            f"{_count(len(large), 'file')} of more than 20 MiB, at which the official evaluator stops: "
            f"{_some(sorted(large))}; --thin FOLDER writes smaller ones"
        )
    if doubled := int(records.n_doubled.sum()):
        lines.append(
            f"{_count(doubled, 'reference')} there twice; each prediction is matched with one of them only"
        )
    ties = len(records.score) - len(np.unique(records.score))
    if ties:
        lines.append(
            f"{_count(ties, 'prediction')} with the score of another one, ranked in the order of the files"
        )
    lines.append(
        "numbers in single precision, as in the official code under NumPy 2"
        if options.legacy
        else "recall is compared by counts; the official code rounds (--legacy true)"
    )
    return lines


def _names(classes: Sequence[int]) -> str:
    return ", ".join(STARSS_CLASSES[label] for label in classes)


def _print_masks(scores: MaskScores, pairs: MapPairs, json: bool) -> int:
    """Print the scores of the first definition."""
    if json:
        whole = {
            "challenge": IMAGING,
            "definition": FIRST,
            "recordings": len(pairs.names),
            **scores.as_dict(),
        }
        sys.stdout.write(json_text.dumps(whole) + "\n")
        return 0
    values = (scores.precision, scores.precision_50, scores.correlation, scores.distance_error_percent)
    lines = [_title(pairs, FIRST), "", row("", ["mask mAP", "mask AP50", "Pearson r", "distance"])]
    lines.append(
        row("all", [*map(_text, values[:-1]), "-" if np.isnan(values[-1]) else f"{values[-1]:.2f} %"])
    )
    lines.append("")
    lines += [
        row(name, [_text(value), "", "", ""]).rstrip()
        for name, value in zip(STARSS_CLASSES, scores.class_precisions, strict=True)
        if not np.isnan(value)
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


@dataclass(frozen=True)
class Thinned:
    """What thinning the predictions did.

    Args:
        folder: of the files.
        points: that are left.
        of_points: that there were.
        largest_mb: MiB of the largest file.
        left_out: predictions that had to be left out.
        macro_precision: macro mAP of the thinned predictions.
    """

    folder: str
    points: int
    of_points: int
    largest_mb: float
    left_out: int
    macro_precision: float


def thin_predictions(pairs: MapPairs, folder: Path, options: ImagingOptions) -> Thinned:
    """Write predictions with fewer points, each file as small as a submission asks for, and score them.

    Args:
        pairs: files to compare.
        folder: to write into.
        options: of the scores.

    Raises:
        BadInput: a file of predictions cannot be read.
    """
    make_folder(folder)
    n_points = n_before = left_out = largest = 0
    for name, path in sorted(pairs.predictions.items()):
        maps = read_energy_maps(path, True, N_CLASSES)
        thinned, _, dropped = thin_to(maps, MAX_FILE_BYTES)
        n_before, n_points = n_before + _count_points(maps), n_points + _count_points(thinned)
        left_out += dropped
        largest = max(largest, write_energy_maps(folder / f"{name}.json", thinned))
    own = MapPairs(
        pairs.references, {name: folder / f"{name}.json" for name in pairs.predictions}, pairs.skipped
    )
    scores = scores_of(match_files(own), options.definition, options.legacy)
    return Thinned(str(folder), n_points, n_before, largest / MEBIBYTE, left_out, scores.macro_precision)


def _count_points(maps: Sequence[EnergyMap]) -> int:
    return sum(len(points) for one in maps for points in one.polygons)


def problems_of_maps(reference: Path, prediction: Path, missing: Missing = "error") -> list[str]:
    """List the reasons why a folder is not a valid submission; empty if it is one.

    Args:
        reference: folder of labels, for the names of the recordings.
        prediction: folder of the submission.
        missing: error, or empty or skip to accept recordings without prediction.
    """
    try:
        pairs = open_maps(reference, prediction, missing)
    except BadInput as error:
        return [str(error)]
    reasons = []
    for path in pairs.predictions.values():
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            reasons.append(
                f"{path}: {size / MEBIBYTE:.1f} MiB; a file may have 20 MiB: --thin FOLDER writes smaller ones"
            )
        try:
            maps = read_energy_maps(path, True, N_CLASSES)
        except BadInput as error:
            reasons.append(str(error))
            continue
        keys = [one.key for one in maps]
        if doubled := len(keys) - len(set(keys)):
            reasons.append(
                f"{path}: {_count(doubled, 'sound')} with the frame, class and instance_id of another one"
            )
    if len(reasons) > MAX_PROBLEMS:
        reasons = [*reasons[:MAX_PROBLEMS], f"... and {len(reasons) - MAX_PROBLEMS} more"]
    return reasons
