"""Folders of energy maps: the recordings that both have, matched one by one in memory that does not grow with them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from avseld.base.engines import Engine
from avseld.base.errors import BadInput
from avseld.io.energy_maps import EnergyMap, files_of, read_energy_maps
from avseld.metrics.imaging.first_definition import MaskScores, mask_scores
from avseld.metrics.imaging.matching import Records, concatenate_records, match
from avseld.metrics.imaging.pictures import draw_predictions, draw_references

log = logging.getLogger(__name__)

N_CLASSES = 13
"""of STARSS23, and of DCASE2026"""
Missing = Literal["error", "empty", "skip"]


@dataclass(frozen=True)
class MapPairs:
    """Files of energy maps to compare.

    Args:
        references: by name of the recording.
        predictions: of those that have some.
        skipped: recordings that are left out, references and all.
    """

    references: Mapping[str, Path]
    predictions: Mapping[str, Path]
    skipped: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """Recordings that are scored, in the order of their names."""
        return sorted(set(self.references) - set(self.skipped))


def open_maps(reference: Path, prediction: Path, missing: Missing = "error") -> MapPairs:
    """Pair files by the names of their recordings.

    Args:
        reference: folder of labels, or one file.
        prediction: folder of predictions, or one file.
        missing: recordings without prediction: an error, empty, or skip, left out with their references as the
            official evaluator does.

    Raises:
        BadInput: no files, a prediction of an unknown recording, or a missing one.
    """
    references, predictions = files_of(reference), files_of(prediction)
    if reference.is_file() and prediction.is_file():
        predictions = dict.fromkeys(references, prediction)
    if unknown := sorted(set(predictions) - set(references)):
        raise BadInput(
            f"{predictions[unknown[0]]}: {reference} has no labels of {unknown[0]}; give those of the same recordings"
        )
    absent = sorted(set(references) - set(predictions))
    if absent and missing == "error":
        raise BadInput(
            f"{prediction}: no predictions for {', '.join(absent[:3])}{' ...' if len(absent) > 3 else ''}; add them, "
            "or --missing empty, or --missing skip to leave out their labels, too, as the official evaluator does"
        )
    return MapPairs(references, predictions, tuple(absent) if missing == "skip" else ())


def match_files(pairs: MapPairs, n_classes: int = N_CLASSES, jobs: int = 1) -> Records:
    """Match the predictions of every recording; the references are drawn once and kept in the user's cache.

    Args:
        pairs: files.
        n_classes: classes.
        jobs: processes; 0 for one per core.

    Raises:
        BadInput: a file that cannot be read; names it.
    """
    work = partial(_match_recording, n_classes=n_classes)
    words = [(pairs.references[name], pairs.predictions.get(name)) for name in pairs.names]
    if not words:
        raise BadInput("no recording is left to score; give predictions of some")
    engine = Engine("loky" if jobs != 1 else "threads", jobs=jobs)
    return concatenate_records(list(engine.run(work, words, in_order=True)))


def _match_recording(reference: Path, prediction: Path | None, n_classes: int) -> Records:
    predicted = [] if prediction is None else draw_predictions(prediction, n_classes)
    return match(draw_references(reference, n_classes), predicted, n_classes)


def score_masks(pairs: MapPairs, n_classes: int = N_CLASSES) -> MaskScores:
    """Score files by the first definition; arguments as for `match_files`."""

    def read(path: Path | None, predicted: bool) -> list[EnergyMap]:
        return [] if path is None else read_energy_maps(path, predicted, n_classes)

    return mask_scores(
        (
            (read(pairs.references[name], False), read(pairs.predictions.get(name), True))
            for name in pairs.names
        ),
        n_classes,
    )
