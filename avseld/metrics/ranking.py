"""Scores of probabilities that need no threshold: average precision, of classes, of all together, of each angle."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avseld.metrics.definitions import SCORES

Ranked = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""by head: reference (row, class) 0 or 1, and probability (row, class)"""


@dataclass(frozen=True)
class Ranking:
    """Rows of one class in descending order of their probability.

    Args:
        hit: (row,) whether the reference has the class.
        end: last row of each group of equal probabilities, in order.
        recording: (row,) index of the recording of a row.
    """

    hit: np.ndarray
    end: np.ndarray
    recording: np.ndarray

    @classmethod
    def of(cls, target: np.ndarray, score: np.ndarray, recording: np.ndarray | None = None) -> "Ranking":
        """Sort rows by their probability.

        Args:
            target: (row,) 0 or 1.
            score: (row,), higher is more confident.
            recording: (row,) index of the recording; all 0 if None.
        """
        order = np.argsort(-score, kind="stable")
        ordered = score[order]
        end = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)])
        places = np.zeros(len(order), int) if recording is None else recording[order]
        return cls(np.asarray(target, bool)[order], end, places)

    def average_precision(self, weight: np.ndarray | None = None) -> float:
        """Compute the area under the precision-recall curve, without interpolation; NaN without a positive row.

        Args:
            weight: (recording,) how often each recording counts; each once if None.
        """
        rows = np.ones(len(self.hit)) if weight is None else weight[self.recording]
        hits, n_rows = (rows * self.hit).cumsum()[self.end], rows.cumsum()[self.end]
        if not len(hits) or not hits[-1]:
            return float("nan")
        return float(np.sum(np.diff(hits, prepend=0) * hits / np.maximum(n_rows, 1)) / hits[-1])


def average_precision(target: np.ndarray, score: np.ndarray, absent: float = 0.0) -> np.ndarray:
    """Compute the area under the precision-recall curve of every class, without interpolation.

    AP = sum over thresholds n of (R_n - R_{n-1}) P_n, as in scikit-learn; its mean over classes is mAP.

    Args:
        target: (clip, class) 0/1.
        score: (clip, class), higher is more confident.
        absent: value of a class without positive clip; scikit-learn gave NaN in 2019 and gives 0 now.

    Returns:
        (class,)
    """
    target, score = np.asarray(target, bool), np.asarray(score, float)
    rankings = (Ranking.of(*column) for column in zip(target.T, score.T, strict=True))
    values = np.array([ranking.average_precision() for ranking in rankings])
    return np.where(np.isnan(values), absent, values)


def ranking_names(task: str, heads: Sequence[str]) -> tuple[str, ...]:
    """Name the scores of the probabilities that a system gives.

    Args:
        task: seld, sed, tagging or directions.
        heads: of the output.

    Returns:
        The mean over classes, with the micro average of event detection and each angle of direction classes.
    """
    if task == "tagging":
        return ("mAP",)
    if task == "directions":
        return ("mAP", *(name for head in heads if (name := f"{head}_mAP") in SCORES))
    return ("mAP_micro", "mAP")


class Rankings:
    """The probabilities of many recordings, sorted once, for their average precisions in any choice of them.

    Args:
        recordings: probabilities of each.
        names: scores, see `ranking_names`.
    """

    def __init__(self, recordings: Sequence[Ranked], names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._classes: dict[str, list[Ranking]] = {}
        self._micro: list[Ranking] = []
        for head in recordings[0] if recordings else ():
            target, score = (np.concatenate([one[head][side] for one in recordings]) for side in (0, 1))
            place = np.repeat(np.arange(len(recordings)), [len(one[head][0]) for one in recordings])
            columns = zip(target.T, score.T, strict=True)
            self._classes[head] = [Ranking.of(*column, place) for column in columns]
            if "mAP_micro" in names:
                repeated = np.repeat(place, target.shape[1])
                self._micro.append(Ranking.of(target.ravel(), score.ravel(), repeated))

    def values(self, weight: np.ndarray | None = None) -> dict[str, float]:
        """Compute the scores by name; NaN where the reference has nothing.

        Args:
            weight: (recording,) how often each recording counts; each once if None.
        """
        means = {
            head: _mean(each.average_precision(weight) for each in own) for head, own in self._classes.items()
        }
        known = {f"{head}_mAP": value for head, value in means.items()}
        known |= {
            "mAP": _mean(means.values()),
            "mAP_micro": _mean(r.average_precision(weight) for r in self._micro),
        }
        return {name: known.get(name, float("nan")) for name in self.names}

    def of_classes(self) -> list[float]:
        """Compute the average precision of each class of a system with one head, NaN for those without reference."""
        own = next(iter(self._classes.values()), [])
        return [each.average_precision() for each in own] if len(self._classes) == 1 else []


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
