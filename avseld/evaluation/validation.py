"""Validation over whole recordings: run, decode, count, score.

`target.task` selects the metrics: seld is scored by the rules of the challenge year, sed by segments of 1 s,
tagging like DCASE 2019 Task 4 (events, segments of 0.2 s, clip-level classes), directions by average precision.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from avseld.base.errors import BadInput
from avseld.base.rates import LABEL_HOP
from avseld.io.audio import read_audio
from avseld.io.events import Events, concatenate
from avseld.io.manifest import Recording
from avseld.metrics import RULES, Counts, count_recording, scores_from_counts, sum_counts
from avseld.metrics.rules import rule_of
from avseld.metrics.sed import average_precision, event_counts, score_counts, segment_counts, stack_counts
from avseld.system.build import System
from avseld.system.inference import VisualAt, decode_heads, iterate_heads, ranked_rows, stretch_loss

log = logging.getLogger(__name__)

SEGMENT_S = 1.0
"""segment of sed, as in the DCASE segment-based metrics"""
TASK4_SEGMENT_S = 0.2
"""segment of tagging (Q. Kong et al., arXiv 1904.03476)"""

NAMES = {
    "sed": ("ER", "F"),
    "tagging": ("event_F", "segment_F", "mAP", "event_ER", "segment_ER"),
    "directions": ("mAP",),
}
"""scores of the tasks outside Task 3; the first selects the best weights"""

Ranked = dict[str, tuple[np.ndarray, np.ndarray]]
"""by head: reference (row, class) 0 or 1, and probability (row, class)"""


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


class Validator:
    """Scores whole recordings with the metrics of the target's task.

    Args:
        system: the system to score; `target.task` selects the metrics.
        challenge: year of DCASE Task 3, for the task seld.
    """

    def __init__(self, system: System, challenge: int) -> None:
        self.system, self.challenge = system, challenge
        self.task: str = system.target.task
        self.n_classes = len(system.blueprint.classes)
        self.names: tuple[str, ...] = NAMES.get(self.task) or RULES[challenge].all_scores

    @property
    def default(self) -> str:
        """Name of the score that selects the best weights unless the recipe names another."""
        return self.names[0] if self.task in NAMES else "seld_score"

    def evaluate_recording(
        self, recording: Recording, reference: Events, boxes: VisualAt | None = None
    ) -> RecordingResult:
        """Run the network over one whole recording, exactly as prediction does, and count the result.

        Args:
            recording: its audio is read window by window.
            reference: events of the whole recording.
            boxes: visual input by window start, or None.

        Raises:
            BadInput: the audio cannot be read.
        """
        read = partial(read_audio, recording.audio)
        n_samples = round(recording.duration * self.system.sample_rate)
        return self.result(reference, iterate_heads(self.system, read, n_samples, boxes))

    def device_result(self, reference: Events, heads: dict[str, Tensor], loss: float) -> RecordingResult:
        """Count a recording whose heads, whole or reduced by the target, and loss have come from the device.

        Args:
            reference: events of the whole recording.
            heads: (frame, ...) of the whole recording, or of its label frames, on the host.
            loss: of the whole recording.
        """
        prediction = decode_heads(self.system, 0, heads)
        counted = count_for_task(self.task, reference, prediction, self.n_classes, self.challenge)
        return RecordingResult(prediction, loss, counted)

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
            predictions.append(decode_heads(self.system, first, heads))
            losses.append(stretch_loss(self.system, first, heads, reference))
            lengths.append(len(next(iter(heads.values()))))
            ranked.append(ranked_rows(self.system, first, heads, reference))
            if probabilities is not None:
                probable.append(probabilities({name: head.cpu().numpy() for name, head in heads.items()}))
        prediction = concatenate(predictions)
        return RecordingResult(
            prediction,
            float(np.average(losses, weights=lengths)),
            count_for_task(self.task, reference, prediction, self.n_classes, self.challenge),
            _joined(ranked),
            np.concatenate(probable) if probable else None,
        )

    def summarize(self, results: Sequence[RecordingResult]) -> dict[str, float]:
        """Compute the scores of all recordings together.

        Args:
            results: one per recording, in any order.

        Returns:
            Scores by the names in `names`, in that order.

        Raises:
            ValueError: there are no results.
        """
        if self.task not in NAMES:
            result = scores_from_counts(
                sum_counts(one.counts["seld"] for one in results), challenge=self.challenge
            )
            return {name: result[name] for name in result.printed}
        values: dict[str, float] = {}
        if self.task == "sed":
            micro = _sed_scores(results, "segment", "micro")
            values = {"ER": micro["ER"], "F": micro["F"]}
        if self.task == "tagging":
            for kind in ("event", "segment"):
                macro = _sed_scores(results, kind, "macro")
                values |= {f"{kind}_F": macro["F"], f"{kind}_ER": macro["ER"]}
        if self.task in ("tagging", "directions"):
            values["mAP"] = _mean_precision(_joined([one.ranked for one in results]))
        return {name: values[name] for name in self.names}


def check_label_frames(system: System, challenge: int) -> None:
    """Refuse to train a target whose prediction files the rules of a challenge year would read wrongly.

    Args:
        system: the system to train.
        challenge: year of DCASE Task 3.

    Raises:
        BadInput: no such year, or label frames of 100 ms where the year counts shorter ones.
    """
    hop = rule_of(challenge).hop
    if system.target.task == "seld" and system.label_hop == LABEL_HOP and hop < LABEL_HOP:
        raise BadInput(
            f"challenge: {challenge} scores label frames of {1000 * hop:.0f} ms, target {system.blueprint.target.name} "
            f"predicts frames of {1000 * LABEL_HOP:.0f} ms; choose a later year, or target.options.label_hop {hop:g} "
            "of sed_doa or two_stage"
        )


def warn_without_distance(system: System, challenge: int) -> None:
    """Warn if a challenge year scores distances but the target of a system predicts none.

    Such a system is scored without distances, in validation, by `avseld evaluate` and by `avseld score` alike.

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


def count_for_task(
    task: str, reference: Events, prediction: Events, n_classes: int, challenge: int
) -> dict[str, Counts]:
    """Count one recording for the scores of a task.

    Args:
        task: seld, sed, tagging or directions.
        reference: events of the whole recording.
        prediction: events of the whole recording.
        n_classes: number of classes.
        challenge: year of DCASE Task 3, for the task seld.

    Returns:
        Counts (class,) by what they count; empty for directions, which are ranked and not counted.
    """
    if task == "directions":
        return {}
    if task == "sed":
        return {"segment": segment_counts(reference, prediction, n_classes, SEGMENT_S)}
    if task == "tagging":
        return {
            "event": event_counts(reference, prediction, n_classes),
            "segment": segment_counts(reference, prediction, n_classes, TASK4_SEGMENT_S),
        }
    return {"seld": count_recording(reference, prediction, challenge, n_classes)}


def _sed_scores(results: Sequence[RecordingResult], kind: str, average: str) -> Any:
    return score_counts(stack_counts([one.counts[kind] for one in results]), average, zero_if_silent=True)


def _joined(parts: Sequence[Ranked]) -> Ranked:
    names = parts[0] if parts else {}
    return {
        name: (np.concatenate([p[name][0] for p in parts]), np.concatenate([p[name][1] for p in parts]))
        for name in names
    }


def _mean_precision(ranked: Ranked) -> float:
    """Average over the classes present in the reference, then over heads."""
    heads = [average_precision(reference, score, absent=np.nan) for reference, score in ranked.values()]
    known = [float(values[~np.isnan(values)].mean()) for values in heads if not np.isnan(values).all()]
    return float(np.mean(known)) if known else float("nan")
