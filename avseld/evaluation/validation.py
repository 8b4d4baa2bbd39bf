"""What a validation measures: the scores of a challenge year, or those of a system that hears no directions.

The target says what it is good for (`task`): seld is scored as the year prescribes; sed by segments of 1 s;
tagging as DCASE 2019 Task 4 is (events, segments of 0.2 s, classes of a clip); directions by average precision.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from avseld.io.audio import read_audio
from avseld.io.events import Events, concatenate
from avseld.io.manifest import Recording
from avseld.metrics import RULES, Counts, counts, scores, total
from avseld.metrics.sed import average_precision, event_counts, score_counts, segment_counts, stack
from avseld.system.build import BoxesAt, System

SEGMENT_S, TASK4_SEGMENT_S = 1.0, 0.2

SMALLER_IS_BETTER = ("ER", "LE", "DOAE", "RDE", "DE", "doa_error", "seld_score", "loss")

NAMES = {
    "sed": ("ER", "F"),
    "tagging": ("event_F", "segment_F", "mAP", "event_ER", "segment_ER"),
    "directions": ("mAP",),
}
"""scores of the tasks that no year of Task 3 scores; the first is what the best weights are chosen by"""

Ranked = dict[str, tuple[np.ndarray, np.ndarray]]
"""by head: truth (row, class) 0 or 1, and probability (row, class)"""


@dataclass(frozen=True)
class Hearing:
    """What is kept of one recording."""

    found: Events
    loss: float
    counts: dict[str, Counts] = field(default_factory=dict)
    """(class,), by what they count"""
    ranked: Ranked = field(default_factory=dict)
    probability: np.ndarray | None = None
    """(frame, class), of targets that tell it"""


class Referee:
    """Scores whole recordings, one after the other.

    Args of the constructor:
        system: is scored; its target says how.
        challenge: year of DCASE Task 3, for the task seld.
    """

    def __init__(self, system: System, challenge: int) -> None:
        self.system, self.challenge = system, challenge
        self.task = getattr(system.target, "task", "seld")
        self.n_classes = len(system.blueprint.classes)
        self.names: tuple[str, ...] = NAMES.get(self.task) or RULES[challenge].scores

    @property
    def default(self) -> str:
        """The score by which the best weights are chosen."""
        return self.names[0] if self.task in NAMES else "seld_score"

    def hear(self, recording: Recording, wanted: Events, boxes: BoxesAt | None = None) -> Hearing:
        """Run one whole recording, exactly as prediction does, and count."""
        parts, losses, ranked, probable = [], [], [], []
        tell = getattr(self.system.target, "probabilities", None)
        read = partial(read_audio, recording.audio)
        n_samples = round(recording.duration * self.system.sample_rate)
        for first, heads in self.system.stretches(read, n_samples, boxes):
            parts.append(self.system.decode(first, heads))
            losses.append(self.system.loss(first, heads, wanted))
            ranked.append(self.system.ranked(first, heads, wanted))
            if tell is not None:
                probable.append(tell({name: head.cpu().numpy() for name, head in heads.items()}))
        found = concatenate(parts)
        probability = np.concatenate(probable) if probable else None
        counted = self._count(wanted, found)
        return Hearing(found, float(np.mean(losses)), counted, _joined(ranked), probability)

    def judge(self, heard: Sequence[Hearing]) -> dict[str, float]:
        """Scores of all recordings together, by their names."""
        if self.task not in NAMES:
            result = scores(total(one.counts["seld"] for one in heard), challenge=self.challenge)
            return {name: result[name] for name in result.printed}
        values: dict[str, float] = {}
        if self.task == "sed":
            result = self._sed(heard, "segment", "micro")
            values = {"ER": result["ER"], "F": result["F"]}
        if self.task == "tagging":
            for kind in ("event", "segment"):
                result = self._sed(heard, kind, "macro")
                values |= {f"{kind}_F": result["F"], f"{kind}_ER": result["ER"]}
        if self.task in ("tagging", "directions"):
            values["mAP"] = _mean_precision(_joined([one.ranked for one in heard]))
        return {name: values[name] for name in self.names}

    def _count(self, wanted: Events, found: Events) -> dict[str, Counts]:
        if self.task == "directions":
            return {}
        if self.task == "sed":
            return {"segment": segment_counts(wanted, found, self.n_classes, SEGMENT_S)}
        if self.task == "tagging":
            return {
                "event": event_counts(wanted, found, self.n_classes),
                "segment": segment_counts(wanted, found, self.n_classes, TASK4_SEGMENT_S),
            }
        return {"seld": counts(wanted, found, self.challenge, self.n_classes)}

    def _sed(self, heard: Sequence[Hearing], kind: str, average: str) -> Any:
        table = stack([one.counts[kind] for one in heard])
        return score_counts(table, average, zero_if_silent=True)


def greater_is_better(name: str) -> bool:
    """Whether more of a score is better."""
    return name not in SMALLER_IS_BETTER and not name.endswith("_ER")


def _joined(parts: Sequence[Ranked]) -> Ranked:
    names = parts[0] if parts else {}
    return {
        name: (np.concatenate([p[name][0] for p in parts]), np.concatenate([p[name][1] for p in parts]))
        for name in names
    }


def _mean_precision(ranked: Ranked) -> float:
    """Mean over heads of the mean over those classes that are there."""
    heads = [average_precision(truth, score, absent=np.nan) for truth, score in ranked.values()]
    known = [float(values[~np.isnan(values)].mean()) for values in heads if not np.isnan(values).all()]
    return float(np.mean(known)) if known else float("nan")
