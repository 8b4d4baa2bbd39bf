"""Validation over whole recordings: run, decode, count, score.

`target.task` selects the metrics: seld is scored by the rules of the challenge year, sed by segments of 1 s,
tagging like DCASE 2019 Task 4 (events, segments of 0.2 s, clip-level classes), directions by average precision.
Targets that rank classes are scored by average precision, too.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.io.events import Events, concatenate
from avseld.io.manifest import Recording
from avseld.io.resampling import open_recording, silenced
from avseld.metrics import Counts
from avseld.metrics.api import seld_scoring
from avseld.metrics.formulas import Scores
from avseld.metrics.ranking import Ranked, Rankings, ranking_names
from avseld.metrics.rules import rule_of
from avseld.metrics.scoring import (
    SEGMENT_S,
    TASK4,
    TASK4_SEGMENT_S,
    Scoring,
    segment_scoring,
    task4_scoring,
)
from avseld.system.build import System
from avseld.system.inference import (
    VisualAt,
    decode_heads,
    encode_stretch,
    iterate_heads,
    ranked_rows,
    stretch_losses,
)

log = logging.getLogger(__name__)

SCORINGS = {"sed": segment_scoring, "tagging": task4_scoring}
"""tasks without directions: number of classes -> how they are scored"""


@dataclass(frozen=True)
class RecordingResult:
    """What validation keeps from one recording."""

    prediction: Events
    loss: float
    """mean over the frames of the recording"""
    counts: dict[str, Counts] = field(default_factory=dict)
    """(class,), by what they count: seld, event or segment"""
    ranked: Ranked = field(default_factory=dict)
    probability: np.ndarray | None = None
    """(frame, class), where the target computes it"""
    losses: dict[str, float] = field(default_factory=dict)
    """the loss and its parts, by name; means over the frames of the recording"""


class Validator:
    """Scores whole recordings with the metrics of the target's task.

    Args:
        system: the system to score; `target.task` selects the metrics.
        challenge: year of DCASE Task 3, for the task seld.
    """

    def __init__(self, system: System, challenge: int) -> None:
        self.system, self.challenge = system, challenge
        target = system.target
        self.task: str = target.task
        self.n_classes = len(system.blueprint.classes)
        self.scoring = scoring_of(self.task, challenge, self.n_classes)
        self.ranking = ranking_names(self.task, list(target.shapes)) if target.ranked is not None else ()
        counted = () if self.scoring is None else self.scoring.names
        self.names: tuple[str, ...] = (*counted, *self.ranking)
        self.reference_events = takes_reference_events(system)

    @property
    def default(self) -> str:
        """Name of the score that selects the best weights unless the recipe names another."""
        return "seld_score" if self.task == "seld" else self.names[0]

    def evaluate_recording(
        self, recording: Recording, reference: Events, boxes: VisualAt | None = None, silent: bool = False
    ) -> RecordingResult:
        """Run the network over one whole recording, exactly as prediction does, and count the result.

        Args:
            recording: its audio is read window by window, converted where it has another rate than the system.
            reference: events of the whole recording.
            boxes: visual input by window start, or None.
            silent: replace the audio by zeros.

        Raises:
            BadInput: the audio cannot be read.
        """
        read, n_samples = open_recording(recording.audio, recording.format, self.system.sample_rate)
        if silent:
            read = silenced(read)
        return self.result(reference, iterate_heads(self.system, read, n_samples, boxes))

    def device_result(self, reference: Events, heads: dict[str, Tensor], loss: float) -> RecordingResult:
        """Count a recording whose heads, whole or reduced by the target, and loss have come from the device.

        Args:
            reference: events of the whole recording.
            heads: (frame, ...) of the whole recording, or of its label frames, on the host.
            loss: of the whole recording.
        """
        prediction, ranked = self._judge(0, heads, reference)
        return RecordingResult(prediction, loss, self._count(reference, prediction), ranked)

    def result(
        self, reference: Events, stretches: Iterable[tuple[int, dict[str, Tensor]]]
    ) -> RecordingResult:
        """Decode the network outputs of one recording and compare them with the reference.

        Runs no network: the outputs may come from `iterate_heads` or from batches of many recordings.

        Args:
            reference: events of the whole recording.
            stretches: first feature frame and heads (frame, ...) of each stretch, in order of time; together
                they cover the recording. There is at least one.
        """
        predictions, losses, lengths, ranked, probable = [], [], [], [], []
        probabilities = self.system.target.probabilities
        for first, heads in stretches:
            prediction, rows = self._judge(first, heads, reference)
            predictions.append(prediction)
            losses.append(stretch_losses(self.system, first, heads, reference))
            lengths.append(len(next(iter(heads.values()))))
            ranked.append(rows)
            if probabilities is not None:
                probable.append(probabilities({name: head.cpu().numpy() for name, head in heads.items()}))
        prediction = concatenate(predictions)
        parts = {
            name: float(np.average([one[name] for one in losses], weights=lengths)) for name in losses[0]
        }
        return RecordingResult(
            prediction,
            parts["loss"],
            self._count(reference, prediction),
            _joined(ranked),
            np.concatenate(probable) if probable else None,
            parts,
        )

    def _judge(self, first: int, heads: dict[str, Tensor], reference: Events) -> tuple[Events, Ranked]:
        """Decode a stretch to what is scored: events, and probabilities of targets that rank."""
        if self.reference_events:
            heads = with_reference_events(self.system, first, heads, reference)
        return decode_heads(self.system, first, heads), ranked_rows(self.system, first, heads, reference)

    def _count(self, reference: Events, prediction: Events) -> dict[str, Counts]:
        return {} if self.scoring is None else self.scoring.count(reference, prediction)

    def scores(self, results: Sequence[RecordingResult]) -> Scores:
        """Compute the scores of all recordings together, and those of each class.

        Args:
            results: one per recording, in any order.

        Raises:
            BadInput: there are no results.
        """
        scores = Scores(self.task, "macro", len(results))
        if self.scoring is not None:
            scores = self.scoring.scores(self.scoring.stack(one.counts for one in results))
        return self.with_ranking(scores, results)

    def with_ranking(self, scores: Scores, results: Sequence[RecordingResult]) -> Scores:
        """Add the scores of probabilities.

        Args:
            scores: of the events.
            results: of the recordings; without probabilities the scores stay as they are.
        """
        ranked = [one.ranked for one in results if one.ranked]
        if not self.ranking or not results:
            return scores
        rankings = Rankings(ranked, self.ranking)
        classwise = dict(scores.classwise)
        if self.task != "directions" and (of_class := rankings.of_classes()):
            classwise["mAP"] = of_class
        return replace(scores, values=scores.values | rankings.values(), classwise=classwise)

    def summarize(self, results: Sequence[RecordingResult]) -> dict[str, float]:
        """Compute the scores of all recordings together, by the names in `names`; arguments as for `scores`."""
        return self.scores(results).values


def scoring_of(task: str, challenge: int, n_classes: int) -> Scoring | None:
    """Choose how the events of a task are scored; None for directions, which are ranked and not counted.

    Args:
        task: seld, sed, tagging or directions.
        challenge: year of DCASE Task 3, for the task seld.
        n_classes: number of classes.

    Raises:
        BadInput: no such year.
    """
    if task == "seld":
        return seld_scoring(challenge, n_classes)
    return SCORINGS[task](n_classes) if task in SCORINGS else None


def takes_reference_events(system: System) -> bool:
    """Return whether a system is scored with the events of the reference: one that learns their directions alone.

    A network with a finished first stage has events of its own.

    Args:
        system: the system to score.
    """
    return system.target.with_activity is not None and "sed" not in system.model.frozen_roles


def with_reference_events(
    system: System, first: int, heads: dict[str, Tensor], reference: Events
) -> dict[str, Tensor]:
    """Put the activity of the reference in place of that of the network.

    Args:
        system: its target has `with_activity`.
        first: first frame of the stretch.
        heads: (frame, ...).
        reference: events of the recording.
    """
    assert system.target.with_activity is not None
    return system.target.with_activity(heads, encode_stretch(system, first, heads, reference))


def check_label_frames(system: System, challenge: int) -> None:
    """Refuse to train a target whose prediction files the rules of a challenge year would read wrongly.

    Args:
        system: the system to train.
        challenge: year of DCASE Task 3.

    Raises:
        BadInput: no such year, or label frames of 100 ms where the year counts shorter ones.
    """
    hop = rule_of(challenge).frame_hop
    if system.target.task == "seld" and system.label_hop == LABEL_HOP and hop < LABEL_HOP:
        raise BadInput(
            f"challenge: {challenge} scores label frames of {1000 * hop:.0f} ms, target {system.blueprint.target.name} "
            f"predicts frames of {1000 * LABEL_HOP:.0f} ms; choose a later year, or target.options.label_hop {hop:g} "
            "of sed_doa or two_stage"
        )


def tell_how_scored(system: System, challenge: int) -> None:
    """Say what of a system is not scored as usual.

    A system without distances is scored without them in a year that scores distances, in validation, by `avseld
    evaluate` and by `avseld score` alike; one that learns directions alone is scored with the events of the reference.

    Args:
        system: the system to score.
        challenge: year of DCASE Task 3.

    Raises:
        BadInput: no such year.
    """
    target = system.target
    if target.task == "seld" and rule_of(challenge).counting == "frames" and not target.distance:
        log.warning(
            "target %s predicts no distance: challenge %d is scored without distances",
            system.blueprint.target.name,
            challenge,
        )
    if target.task == "tagging":
        log.info(
            "segments of %g s, as published for such networks; those of the challenge's scorer last %g s "
            "(avseld score --challenge %s)",
            TASK4_SEGMENT_S, SEGMENT_S, TASK4,
        )  # fmt: skip
    if takes_reference_events(system):
        log.info(
            "target %s learns directions alone: scores take the events of the reference, not those of the network",
            system.blueprint.target.name,
        )


def _joined(parts: Sequence[Ranked]) -> Ranked:
    """Join the rows of stretches, by head."""
    names = parts[0] if parts else {}
    return {
        name: (np.concatenate([p[name][0] for p in parts]), np.concatenate([p[name][1] for p in parts]))
        for name in names
    }
