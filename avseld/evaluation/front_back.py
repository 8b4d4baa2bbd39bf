"""Front-back confusions and errors on the cone of confusion, beside the scores of a year."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from avseld.evaluation.score_tables import aligned
from avseld.io.events import Events
from avseld.io.unfolded import read_unfolded, unfolded_beside
from avseld.metrics import SCORES
from avseld.metrics.cones import SCORES_OF_CONES, ConeScores, cone_scores, count_cones
from avseld.metrics.rules import rule_of

log = logging.getLogger(__name__)

KEY = "front_back"
"""of these scores beside those of a year, in scores.json and in the output of `score --json`"""
PLANES = 90.0
"""largest azimuth of labels that are mirrored to the front"""


def front_back_of(
    references: Mapping[str, Events],
    predictions: Mapping[str, Events],
    labels: Mapping[str, Path | None],
    n_classes: int,
    year: int | str,
    average: str = "macro",
    stereo: bool = False,
) -> ConeScores:
    """Score the pairs of all recordings.

    Of stereo, the labels are mirrored to the front; where unfolded ones lie beside every file of them, these are the
    references.

    Args:
        references: events by recording.
        predictions: events by recording.
        labels: files of the references, where they are known.
        n_classes: number of classes.
        year: of the scoring rule; that of 2025 assigns by azimuths mirrored to the front.
        average: macro or micro.
        stereo: whether the recordings are stereo, whose labels may be mirrored in any year.

    Raises:
        BadInput: events without direction, or unreadable unfolded labels.
    """
    planar = rule_of(year).angle == "folded"
    unfolded = not (planar or stereo) or any(map(_has_rear, references.values()))
    if not unfolded and (found := _unfolded(references, labels, n_classes)):
        references, unfolded = found, True
    names = list(references)
    sums = count_cones(
        [references[name] for name in names],
        [predictions.get(name, Events.empty()) for name in names],
        n_classes,
        planar,
    )
    return cone_scores(sums, average, unfolded)


def _has_rear(events: Events) -> bool:
    """Return whether directions behind the frontal plane or off the horizontal plane are told."""
    return bool((np.abs(events.azimuth) > PLANES).any() or (np.nan_to_num(events.elevation) != 0).any())


def _unfolded(
    references: Mapping[str, Events], labels: Mapping[str, Path | None], n_classes: int
) -> dict[str, Events]:
    """Read the unfolded labels of all recordings; empty where one has none."""
    paths = {name: path and unfolded_beside(path) for name in references for path in [labels.get(name)]}
    there = {name: path for name, path in paths.items() if path is not None and path.is_file()}
    if len(there) == len(paths):
        return {name: read_unfolded(path, n_classes) for name, path in there.items()}
    if there:
        absent = next(name for name in paths if name not in there)
        log.warning(
            "%d of %d recordings have no unfolded labels (%s); errors are those of labels mirrored to the front",
            len(paths) - len(there), len(paths), absent,
        )  # fmt: skip
    return {}


def front_back_table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Format the scores as a table, with the ends of their intervals below each row.

    Args:
        results: `ConeScores.as_dict` by row title.
    """
    names = [name for name in SCORES_OF_CONES if any(name in row for row in results.values())]
    lines: list[tuple[str, list[str]]] = []
    for title, row in results.items():
        lines.append((title, [*_cells(names, row), str(row["pairs"])]))
        for side, word in enumerate(("from", "to") if row["interval"] else ()):
            ends = {name: each[side] for name, each in row["interval"].items()}
            lines.append((f"  95 % {word}", [*_cells(names, ends), ""]))
    return aligned([*(SCORES[name].label for name in names), "pairs"], lines)


def _cells(names: Sequence[str], values: Mapping[str, float | None]) -> list[str]:
    return [SCORES[name].text_with_unit(values.get(name)) for name in names]
