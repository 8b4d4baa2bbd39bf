"""Predictions of recordings with everything that is scored of them: the one way of `evaluate` and `compare`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from tqdm import tqdm

from avseld.evaluation.validation import RecordingResult, Validator
from avseld.inference.predictor import Control, Predictor, predict_all, visuals_of
from avseld.io.classes import ClassMap
from avseld.io.events import Events
from avseld.io.manifest import Recording
from avseld.metrics import score
from avseld.metrics.formulas import Scores
from avseld.metrics.ranking import Ranked
from avseld.metrics.reference_events import count_events


@dataclass(frozen=True)
class Judged:
    """Predictions of a system, and what is scored of them.

    Args:
        predictions: by recording.
        results: of each recording, where the system was run by its validation; else empty.
        probabilities: (frame, class) by recording, where the target computes them.
    """

    predictions: dict[str, Events]
    results: list[RecordingResult] = field(default_factory=list)
    probabilities: dict[str, np.ndarray | None] = field(default_factory=dict)

    @property
    def ranked(self) -> list[Ranked]:
        """Probabilities of each recording that are scored without threshold; empty if none are."""
        return [one.ranked for one in self.results if one.ranked]


def judge(
    predictor: Predictor,
    recordings: Sequence[Recording],
    references: Mapping[str, Events],
    control: Control,
    seed: int,
    year: int,
    class_map: ClassMap | None = None,
) -> Judged:
    """Predict recordings, and keep what their scores need beside the events.

    Args:
        predictor: the system.
        recordings: of a prepared folder.
        references: events by recording.
        control: visual input.
        seed: of the choice of other videos.
        year: of the scoring rule.
        class_map: classes of the events in place of the system's; such events are scored without probabilities.
    """
    system = predictor.system
    validator = Validator(system, year)
    events_alone = predictor.task == "seld" and not (validator.ranking or validator.reference_events)
    if events_alone or class_map is not None:
        return Judged(predict_all(predictor, recordings, control, seed, class_map))
    visuals = visuals_of(predictor, recordings, control if system.model.vision else "blank", seed)
    results = {}
    for recording in tqdm(recordings, desc="predict", unit="recording"):
        visual = visuals[recording.name]
        at = None if visual is None else visual.at
        results[recording.name] = validator.evaluate_recording(
            recording, references[recording.name], at, control == "silent"
        )
    classes = system.blueprint.classes
    return Judged(
        {name: one.prediction.with_classes(classes) for name, one in results.items()},
        list(results.values()),
        {name: one.probability for name, one in results.items()},
    )


def scores_of(
    judged: Judged, predictor: Predictor, references: Mapping[str, Events], year: int, classes: Sequence[str]
) -> Scores:
    """Score what was predicted, as validation does.

    Args:
        judged: of `judge`.
        predictor: the system.
        references: events by recording.
        year: of the scoring rule.
        classes: class names of the references.
    """
    validator = Validator(predictor.system, year)
    if predictor.task != "seld":
        counted = sum(count_events(events, len(classes)) for events in references.values())
        return replace(
            validator.scores(judged.results),
            classes=tuple(classes),
            n_events=tuple(np.asarray(counted).tolist()),
        )
    # As validation does: a target without distances is scored without them.
    unit = None if predictor.system.target.distance else "none"
    scores = score(references, judged.predictions, year, n_classes=len(classes), distance_unit=unit)
    return validator.with_ranking(scores, judged.results)
